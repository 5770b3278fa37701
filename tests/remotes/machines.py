"""Machines that share a remote: each a folder with a project, its store and its databases, as the facade opens it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from snapstore import Snapstore
from snapstore.objects import codec
from snapstore.objects.pack import Entry, PackReader
from snapstore.remotes.cache import RemoteCache
from snapstore.remotes.contents import Contents, RemoteObject
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.format import Format
from snapstore.remotes.keys import FORMAT
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.state import RemoteState
from snapstore.store import Store
from tests.contents import execute
from tests.support import ENVIRONMENT, connect, dbhash

PROJECT = "shop"


class Truth(NamedTuple):
    """What a snapshot holds: the `dbhash` of each database, the bytes of each file of the trees."""

    databases: Mapping[str, str]
    files: Mapping[str, bytes]


def make_remote(folder: Path) -> Path:
    """Make a remote in a folder that need not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    transport = FolderTransport(os.fspath(folder))
    transport.put_new(FORMAT, Format(PROJECT).encode())
    return folder


class Machine:
    """A project in a folder of its own; `remote` is the folder of the remote `origin`."""

    def __init__(
        self, folder: Path, remote: Path, *, databases: tuple[str, ...] = ("main",), tree: bool = False, more: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.remote = remote
        self.store_folder = folder / "store"
        self.databases = {name: folder / f"{name}.sqlite3" for name in databases}
        self.tree = folder / "media" if tree else None
        lines = [
            "store: store",
            f"databases: {json.dumps({name: path.name for name, path in self.databases.items()})}",
            f"remotes: {{origin: {{url: {json.dumps(os.fspath(remote))}, concurrency: 4}}}}",
            more,
        ]
        if self.tree:
            self.tree.mkdir(exist_ok=True)
            lines.append("files: {media: media}")
        (folder / "snapstore.yaml").write_text("\n".join(lines))
        self.environment = {
            **ENVIRONMENT,
            "XDG_DATA_HOME": os.fspath(folder / "data"),
            "XDG_CONFIG_HOME": os.fspath(folder / "conf"),
        }
        self.snap = self.opened()

    def opened(self) -> Snapstore:
        """Return another facade for the same."""
        return Snapstore(cwd=self.folder, env=self.environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.snap.close()

    def fill(self, rows: int = 200, seed: int = 1, size: int = 1000) -> None:
        """Add rows of noise to each database, about `rows * size` bytes, the same for the same seed."""
        for number, path in enumerate(self.databases.values()):
            add_noise(path, rows, seed + 1000 * number, size)

    def change(self, text: str = "x") -> None:
        """Change one row of each database."""
        for path in self.databases.values():
            execute(path, "CREATE TABLE IF NOT EXISTS said (text TEXT)", f"INSERT INTO said VALUES ('{text}')")

    def truth(self) -> Truth:
        """Return what the live databases and files hold."""
        return Truth(
            {name: dbhash(path) for name, path in self.databases.items()}, files_in(self.tree) if self.tree else {}
        )

    def tag(self, name: str) -> tuple[str, Truth]:
        """Tag the live state, wherever the tag is; return the snapshot and what it holds."""
        return self.snap.tag(name, force=True).snapshot, self.truth()

    def tags(self) -> dict[str, str]:
        """Return the local tags."""
        return {name: one.snapshot for one in self.snap.tags() for name in one.names}

    def exported(self, revision: str, folder: Path) -> Truth:
        """Export a snapshot; return what the export holds."""
        folder.mkdir()
        hashes, files = {}, {}
        for number, name in enumerate(self.databases):
            target = folder / f"{name}.sqlite3"
            self.snap.export(revision, target, only_db=name, with_files=bool(self.tree and number == 0))
            hashes[name] = dbhash(target)
            if self.tree and number == 0:
                files = files_in(Path(f"{target}.files") / "media")
        return Truth(hashes, files)

    def demand_sound(self) -> None:
        """Demand that the store is sound, also after its catalog was made anew."""
        checked = self.snap.fsck()
        assert (checked.ok, checked.damaged) == (True, ()), checked
        if not any(self.store_folder.glob("packs/*.pack")):
            return
        before = self.tags()
        checked = self.snap.fsck(rebuild=True)
        assert (checked.ok, checked.damaged) == (True, ()), checked
        assert self.tags() == before

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store below the facade."""
        with Store.open(self.store_folder) as store:
            yield store


def add_noise(path: Path, rows: int, seed: int = 1, size: int = 1000) -> None:
    """Add rows that cannot be compressed, the same for the same seed."""
    import random

    chance = random.Random(seed)
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS noise (id INTEGER PRIMARY KEY, body BLOB)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO noise(body) VALUES (?)", [(chance.randbytes(size),) for _ in range(rows)])
        connection.execute("COMMIT")


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, by their paths in it."""
    return {
        os.fspath(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def remote_state(remote: Path) -> RemoteState:
    """Return the state of a remote, as its log has it."""
    with remote_log(remote) as log:
        return log.state


@contextmanager
def remote_log(remote: Path) -> Iterator[RemoteLog]:
    """Read the log of a remote, with a cache that is not kept."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder, Store.create(Path(folder) / "store") as store:
        settings = RemoteSettings("origin", os.fspath(remote))
        log = RemoteLog(settings, FolderTransport(os.fspath(remote)), RemoteCache(store.path, "origin"))
        log.read()
        yield log


def remote_objects(remote: Path) -> dict[bytes, RemoteObject]:
    """Return where the log says that each object of a remote is."""
    with (
        remote_log(remote) as log,
        Store.create(Path(log.cache.folder).parents[1]) as store,
        Contents(store.catalog) as contents,
    ):
        contents.load(log)
        return {one.id: one for name in log.state.packs for one in contents.of_pack(name)}


def decoded(remote: Path) -> dict[bytes, bytes]:
    """Decode every object in every pack of a remote, needed or not; the first pack that has one counts."""
    frames: dict[bytes, tuple[Entry, bytes]] = {}
    for path in sorted((remote / "packs").iterdir()):
        with closing(PackReader(os.fspath(path))) as reader:
            reader.check()
            for entry in reader.entries():
                frames.setdefault(entry.id, (entry, reader.frame(entry.offset, entry.stored_bytes)))
    found: dict[bytes, bytes] = {}

    def decode(id_: bytes, depth: int = 0) -> bytes:
        assert depth < 100
        if id_ not in found:
            entry, frame = frames[id_]
            prefix = decode(entry.base, depth + 1) if entry.base else None
            found[id_] = codec.decompress(frame, entry.object_bytes, prefix)
        return found[id_]

    for id_ in frames:
        decode(id_)
    return found


def remote_bytes(remote: Path) -> int:
    """Return how many bytes the packs of a remote have."""
    return sum(path.stat().st_size for path in (remote / "packs").iterdir())


def entries_of(remote: Path) -> list[dict[str, Any]]:
    """Return the entries of a log, as they are written."""
    return [json.loads(path.read_bytes().split(b"\n")[0]) for path in sorted((remote / "log").iterdir())]


def started(
    machine: Machine, verb: str, options: Mapping[str, object], *more: str, prefix: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Start a process that does what `child.py` says."""
    words = [*prefix, sys.executable, "-W", "error", "-m", "tests.remotes.child", os.fspath(machine.folder), verb]
    return subprocess.Popen(
        [*words, json.dumps(options), *more],
        cwd=Path(__file__).parents[2],
        env=machine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process: subprocess.Popen[str]) -> Any:
    """Wait for a process of `started`; return the document that it printed."""
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(out)


def run(machine: Machine, verb: str, options: Mapping[str, object]) -> Any:
    """Run a verb in a process; return its result as a document, which must be no error."""
    document = result_of(started(machine, verb, options))
    assert "error" not in document, document
    return document


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a file is there, which a process makes."""
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
