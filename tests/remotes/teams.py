"""Machines of a team: each a project in a folder of its own, which shares a remote in a folder, and may sign."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from snapstore.errors import SnapError
from snapstore.remotes.entry import LogEntry, hash_of
from snapstore.remotes.format import Format
from snapstore.remotes.keys import log_key, state_key
from snapstore.store import Store
from tests.api.folders import Configured

PROJECT = "shop"
TABLES = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO item(name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    " SELECT 'item ' || i || hex(randomblob(40)) FROM n",
)

Raised = TypeVar("Raised", bound=SnapError)


class Machine(Configured):
    """A project in `folder`, whose configuration has the remote `origin` at `remote` with some more settings.

    Its store is in the folder, unless `store` says where.
    """

    store = ""

    def __init__(self, folder: Path, remote: Path, *statements: str, **settings: str) -> None:
        folder.mkdir(parents=True)
        self.remote = remote
        super().__init__(folder, default=statements or TABLES)
        self.use(**settings)

    def use(self, *, more: str = "", called: str = "origin", **settings: str) -> None:
        """Configure the remote."""
        self.configure(f"remotes: {json.dumps({called: {'url': os.fspath(self.remote), **settings}})}\n{more}")
        if self.store:
            self.store_folder = Path(self.store)
            file = self.folder / "snapstore.yaml"
            file.write_text(file.read_text().replace("store: store\n", f"store: {self.store}\n"))
            self.snap.reread()
            vars(self.snap.locations).pop("project_store", None)


def make_remote(folder: Path, project: str = PROJECT) -> Path:
    """Make a remote in a folder."""
    folder.mkdir()
    (folder / "format").write_bytes(Format(project).encode())
    return folder


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key for signing."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", path],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return path


def allow(path: Path, *keys: Path, options: str = "") -> Path:
    """Write a file of allowed signers."""
    lines = (f"{key.name}@shop {options} {key.with_suffix('.pub').read_text()}" for key in keys)
    path.write_text("# who may push\n" + "".join(lines))
    return path


def sign(key: Path, line: bytes, namespace: str = "snapstore") -> bytes:
    """Return a line with the signature that ssh-keygen makes of it."""
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key],
        input=line,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return line + done.stdout


def last_entry(remote: Path) -> Path:
    """Return the newest entry of a log."""
    return max((remote / "log").iterdir())


def forge(remote: Path, key: Path | None = None, namespace: str = "snapstore", **changes: Any) -> LogEntry:
    """Append an entry that follows the newest one, as whoever can write to the remote could; it moves no name."""
    data = last_entry(remote).read_bytes()
    last = LogEntry.decode(data)
    entry = last._replace(n=last.n + 1, prev=hash_of(data), packs=(), refs={}, nonce="00" * 16)._replace(**changes)
    line = entry.encode()
    (remote / log_key(entry.n)).write_bytes(sign(key, line, namespace) if key else line)
    return entry


def checkpoint(remote: Path, number: int) -> Path:
    """Return the path of a checkpoint, in a folder that exists."""
    (remote / "state").mkdir(exist_ok=True)
    return remote / state_key(number)


def content_of(store: Path) -> str:
    """Return a hash of all that a store holds: the rows of its catalog, its packs and its reflog."""
    found = hashlib.blake2b()
    if not (store / "catalog.db").exists():
        return found.hexdigest()
    with Store.open(os.fspath(store)) as opened:
        for (table,) in opened.catalog.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"):
            rows = sorted(opened.catalog.rows(f'SELECT * FROM "{table}"'), key=repr)
            found.update(repr((table, rows)).encode())
    for path in sorted((*store.glob("reflog"), *store.glob("packs/*"))):
        found.update(repr((path.name, path.read_bytes())).encode())
    return found.hexdigest()


def seen_of(store: Path) -> bytes | None:
    """Return what a store keeps of the log of `origin`."""
    path = store / "remotes" / "origin" / "state"
    return path.read_bytes() if path.exists() else None


@contextmanager
def refused(
    machine: Machine, kind: type[Raised], exit_code: int = 20, *, log: bool = True
) -> Iterator[pytest.ExceptionInfo[Raised]]:
    """Demand an error of exactly one class, and that it leaves store and database as they are.

    With `log`, what was seen of the remote stays, too.
    """
    path, store = machine.databases["default"], machine.store_folder
    before = content_of(store), path.read_bytes(), log and seen_of(store)
    with pytest.raises(SnapError) as raised:
        yield raised  # type: ignore[misc]
    assert (type(raised.value), raised.value.exit_code) == (kind, exit_code), repr(raised.value)
    assert (content_of(store), path.read_bytes(), log and seen_of(store)) == before


def files_of(folder: Path) -> Mapping[str, bytes]:
    """Return the files of a folder."""
    return {os.fspath(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
