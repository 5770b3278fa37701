"""Whatever a remote sends, by accident or on purpose: it is refused, and the store stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from snapstore.errors import (
    NotARemote,
    OtherProject,
    RemoteDamaged,
    RemoteRewound,
    RemoteTooNew,
    SnapError,
)
from snapstore.history.snapshot import Snapshot
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.pack import Kind, PackBuilder, PackReader
from snapstore.remotes import index
from snapstore.remotes.digest import digest, frame_digest
from snapstore.remotes.entry import LogEntry, Move, RemotePack, hash_of, line
from snapstore.remotes.index import IndexedPack
from snapstore.remotes.keys import index_key, log_key, pack_key
from snapstore.remotes.state import RemoteState
from snapstore.store import Store
from tests.contents import execute
from tests.remotes.teams import PROJECT, Machine, checkpoint, files_of, last_entry, make_remote, refused
from tests.support import run

MEMORY = 300 << 20
"""Bytes that a pull of small things may take, with Python and all libraries."""


class Scene(NamedTuple):
    """A remote with two entries, which both move `baseline`; and what makes machines."""

    folder: Path
    remote: Path
    machine: Callable[..., Machine]
    first: str
    second: str

    def worker(self, *, has_seen: int = 0) -> Machine:
        """Return a machine that has seen so many entries, and pulled what they name."""
        made = self.machine("worker")
        made.snap.tag("mine")
        if has_seen:
            later = [path for path in sorted((self.remote / "log").iterdir()) if int(path.name, 16) > has_seen]
            kept = [path.rename(self.folder / path.name) for path in later]
            made.snap.pull(["baseline"])
            for path in kept:
                path.rename(self.remote / "log" / path.name)
        return made


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a remote, and the ids of two snapshots."""
    folder = tmp_path_factory.mktemp("original")
    remote = make_remote(folder / "remote")
    with Machine(folder / "desk", remote) as desk:
        ids = []
        for _ in range(2):
            execute(desk.databases["default"], "INSERT INTO item(name) VALUES (hex(randomblob(9)))")
            ids.append(desk.snap.tag("baseline", force=True).snapshot)
            desk.snap.push(["baseline"])
    (folder / "ids").write_text(" ".join(ids))
    return folder


@pytest.fixture
def scene(original: Path, tmp_path: Path) -> Iterator[Scene]:
    """Return a remote of its own for a test."""
    remote = shutil.copytree(original / "remote", tmp_path / "remote")
    with ExitStack() as stack:

        def machine(name: str, *statements: str, **settings: str) -> Machine:
            return stack.enter_context(Machine(tmp_path / name, remote, *statements, **settings))

        first, second = (original / "ids").read_text().split()
        yield Scene(tmp_path, remote, machine, first, second)


def entry(scene: Scene, number: int) -> LogEntry:
    """Return an entry of the log."""
    return LogEntry.decode((scene.remote / log_key(number)).read_bytes())


def rewrite(scene: Scene, *entries: LogEntry) -> None:
    """Replace the log by these entries, numbered and chained."""
    shutil.rmtree(scene.remote / "log")
    (scene.remote / "log").mkdir()
    before = ""
    for number, one in enumerate(entries, 1):
        data = one._replace(n=number, prev=before).encode()
        (scene.remote / log_key(number)).write_bytes(data)
        before = hash_of(data)


def flip(path: Path, at: int) -> None:
    """Change a byte of a file."""
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x55
    path.write_bytes(data)


class Forged(NamedTuple):
    """An object as a forger puts it into a pack."""

    kind: int
    id: bytes
    base: bytes | None
    size: int
    frame: bytes


def made_of(kind: int, data: bytes) -> Forged:
    """Return a right object."""
    return Forged(kind, object_id(data), None, len(data), codec.compress(data))


def pack_of(scene: Scene, objects: Sequence[Forged], indexed: Sequence[Forged] | None = None) -> RemotePack:
    """Put a pack of objects on the remote, with an index that says it had others; return both for an entry."""
    builder, other = PackBuilder(), PackBuilder()
    for one in objects:
        builder.add(one.kind, one.id, one.base, 0, one.size, one.frame)
    digests = [
        frame_digest(other.add(one.kind, one.id, one.base, 0, one.size, one.frame)) for one in indexed or objects
    ]
    name, data = builder.finish()
    _, described = other.finish()
    (scene.remote / pack_key(name)).write_bytes(data)
    idx = index.encode([IndexedPack(name, len(described), other.entries, digests)])
    (scene.remote / index_key(digest(idx))).write_bytes(idx)
    return RemotePack(name, len(data), len(objects), digest(idx))


def objects_of(scene: Scene) -> list[Forged]:
    """Return the objects of the first snapshot, as its pack has them."""
    (pack,) = entry(scene, 1).packs
    reader = PackReader(os.fspath(scene.remote / pack_key(pack.name)))
    try:
        return [
            Forged(one.kind, one.id, one.base, one.object_bytes, reader.frame(one.offset, one.stored_bytes))
            for one in reader.entries()
        ]
    finally:
        reader.close()


def offered(scene: Scene, objects: Sequence[Forged], indexed: Sequence[Forged] | None = None) -> None:
    """Make the remote one with a single entry, which has these objects and names the first snapshot."""
    rewrite(scene, entry(scene, 1)._replace(packs=(pack_of(scene, objects, indexed),)))


@pytest.mark.parametrize("at", [0, 9, 20, 40, 64, 200, 5000, -1, -20, -33])
def test_a_changed_byte_in_a_pack_is_noticed(scene: Scene, at: int) -> None:
    worker = scene.worker(has_seen=1)
    for pack in entry(scene, 2).packs:
        flip(scene.remote / pack_key(pack.name), at)
    with refused(worker, RemoteDamaged, log=False):
        worker.snap.pull(["baseline"])
    assert list((worker.store_folder / "remotes" / "origin" / "incoming").iterdir()) == []


def test_a_pack_of_another_length_or_none_is_noticed(scene: Scene) -> None:
    worker = scene.worker()
    path = scene.remote / pack_key(entry(scene, 2).packs[0].name)
    whole = path.read_bytes()
    for data in (whole[:-1], whole + b"\0", b"", None):
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
        with refused(worker, RemoteDamaged, log=False):
            worker.snap.pull(["baseline"])
    path.write_bytes(whole)
    assert worker.snap.pull(["baseline"]).refs[0].to == scene.second


def test_a_changed_byte_in_a_part_of_a_pack_is_noticed(scene: Scene) -> None:
    """Of a large pack, of which little is missing, only parts are read."""
    desk = scene.machine("desk")
    execute(desk.databases["default"], "CREATE TABLE noise (b)", "INSERT INTO noise VALUES (randomblob(3000000))")
    shutil.copyfile(desk.databases["default"], scene.folder / "copy")
    desk.snap.tag("old")
    execute(desk.databases["default"], "INSERT INTO item(name) VALUES ('new')")
    new = desk.snap.tag("new").snapshot
    desk.snap.push(["old", "new"])
    worker = scene.machine("worker")
    shutil.copyfile(scene.folder / "copy", worker.databases["default"])
    worker.snap.tag("mine")
    (pack,) = LogEntry.decode(last_entry(scene.remote).read_bytes()).packs
    path = scene.remote / pack_key(pack.name)
    whole = path.read_bytes()
    flip(path, 100)  # in the snapshots, which come first
    with refused(worker, RemoteDamaged, log=False) as error:
        worker.snap.pull(["new"])
    assert error.value.detail.endswith("checksum mismatch")
    path.write_bytes(whole)
    done = worker.snap.pull(["new"])
    assert (done.refs[0].to, done.bytes < len(whole) // 2) == (new, True)


@pytest.mark.parametrize("at", [0, 3, 40, -1])
def test_a_changed_byte_in_an_index_is_noticed(scene: Scene, at: int) -> None:
    worker = scene.worker()
    for pack in entry(scene, 2).packs:
        flip(scene.remote / index_key(pack.idx), at)
    with refused(worker, RemoteDamaged, log=False):
        worker.snap.pull(["baseline"])


def test_a_changed_byte_in_an_old_entry_breaks_the_chain(scene: Scene) -> None:
    path = scene.remote / log_key(1)
    whole = path.read_bytes()
    worker = scene.worker()
    for at in range(0, len(whole), 37):
        path.write_bytes(whole)
        flip(path, at)
        with refused(worker, RemoteDamaged):
            worker.snap.fetch()


def test_a_changed_byte_in_the_newest_entry_is_noticed_by_who_has_seen_it(scene: Scene) -> None:
    path = scene.remote / log_key(2)
    whole = path.read_bytes()
    worker = scene.worker(has_seen=2)
    for at in range(5, len(whole), 61):
        path.write_bytes(whole)
        flip(path, at)
        with refused(worker, RemoteRewound):
            worker.snap.fetch()


def remove_newest(scene: Scene) -> None:
    last_entry(scene.remote).unlink()


def remove_all(scene: Scene) -> None:
    shutil.rmtree(scene.remote / "log")


def replace_newest(scene: Scene) -> None:
    rewrite(scene, entry(scene, 1), entry(scene, 2)._replace(nonce="ff" * 16))


def replace_by_more(scene: Scene) -> None:
    rewrite(scene, *(entry(scene, 2)._replace(nonce=f"{number:032x}") for number in range(5)))


def replace_and_go_on(scene: Scene) -> None:
    """What another writer would make who never saw entry 2: the old one is not there any more."""
    rewrite(scene, entry(scene, 1), entry(scene, 2)._replace(refs={}), entry(scene, 2))
    (scene.remote / log_key(1)).unlink()
    (scene.remote / log_key(2)).unlink()


REWOUND = (remove_newest, remove_all, replace_newest, replace_by_more, replace_and_go_on)


@pytest.mark.parametrize("change", REWOUND)
def test_a_log_that_is_another_one_is_refused_until_it_is_accepted(
    scene: Scene, change: Callable[[Scene], None]
) -> None:
    worker = scene.worker(has_seen=2)
    change(scene)
    with refused(worker, RemoteRewound):
        worker.snap.fetch()
    with refused(worker, RemoteRewound):
        worker.snap.push(["mine"])
    if change is replace_and_go_on:
        return  # what is left is no log
    assert worker.snap.accept_remote().entry == len(list((scene.remote / "log").glob("*")))
    assert worker.snap.fetch().up_to_date


FORMATS: dict[str, tuple[bytes, type[SnapError], int]] = {
    "of another project": (b"snapstore-remote 1\nproject billing\nfeatures \n", OtherProject, 14),
    "with a feature": (b"snapstore-remote 1\nproject shop\nfeatures encryption\n", RemoteTooNew, 14),
    "newer": (b"snapstore-remote 2\nproject shop\n", RemoteTooNew, 14),
    "something else": (b"restic\n", NotARemote, 10),
    "empty": (b"", NotARemote, 10),
    "long": (b"snapstore-remote 1\nproject " + b"a" * 5000, RemoteDamaged, 20),
    "without project": (b"snapstore-remote 1\nfeatures \n", RemoteDamaged, 20),
    "with an escape": (b"snapstore-remote 1\nproject \x1b[2J\n", RemoteDamaged, 20),
    "not UTF-8": (b"snapstore-remote 1\nproject \xff\n", RemoteDamaged, 20),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_is_refused_that_is_another_one(scene: Scene, kind: str) -> None:
    data, error, exit_code = FORMATS[kind]
    worker = scene.worker()
    worker.use(more=f"project: {PROJECT}\n")
    (scene.remote / "format").write_bytes(data)
    for verb in (worker.snap.fetch, lambda: worker.snap.pull(["baseline"]), lambda: worker.snap.push(["mine"])):
        with refused(worker, error, exit_code):
            verb()


def test_the_log_of_another_project_is_refused_whatever_its_format_says(scene: Scene) -> None:
    worker = scene.worker()
    (scene.remote / "format").write_bytes(FORMATS["of another project"][0])
    with refused(worker, RemoteDamaged):
        worker.snap.fetch()


def test_another_project_is_accepted_after_a_look(scene: Scene) -> None:
    worker = scene.worker(has_seen=2)
    (scene.remote / "format").write_bytes(FORMATS["of another project"][0])
    rewrite(scene, entry(scene, 1)._replace(project="billing"))
    worker.use(more=f"project: {PROJECT}\n")
    with refused(worker, RemoteRewound):
        worker.snap.fetch()
    assert worker.snap.accept_remote().project == "billing"
    assert worker.snap.fetch().up_to_date


CHECKPOINTS: dict[str, Callable[[RemoteState], bytes]] = {
    "of another entry": lambda state: RemoteState(**{**vars(state), "n": 1}).encode(),
    "with another digest": lambda state: RemoteState(**{**vars(state), "digest": "00" * 32}).encode(),
    "of another project": lambda state: RemoteState(**{**vars(state), "project": "billing"}).encode(),
    "cut short": lambda state: state.encode()[:-20],
    "empty": lambda _: b"",
    "deep": lambda _: b'{"format":1,"refs":' + b"[" * 500_000 + b"]" * 500_000 + b"}\n",
    "with a path for a pack": lambda state: state.encode().replace(b'"packs":[{', b'"packs":[{"name":"../../x",'),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_wrong_checkpoint_is_refused(scene: Scene, kind: str) -> None:
    state = RemoteState(project=PROJECT)
    for number in (1, 2):
        state.apply(entry(scene, number), (scene.remote / log_key(number)).read_bytes())
    path = checkpoint(scene.remote, 2)
    path.write_bytes(CHECKPOINTS[kind](state))
    worker = scene.worker()
    error = RemoteRewound if kind == "with another digest" else RemoteDamaged
    if kind == "with a path for a pack":
        path.write_bytes(json_changed(state.encode(), "packs", 0, "name", "../../x"))
    with refused(worker, error):
        worker.snap.fetch()
    path.write_bytes(state.encode())
    assert worker.snap.pull(["baseline"]).refs[0].to == scene.second


def json_changed(data: bytes, *path: Any) -> bytes:
    """Return a line of JSON with another value, the last argument, at a path."""
    document = json.loads(data)
    *above, last, value = path
    inside = document
    for key in above:
        inside = inside[key]
    inside[last] = value
    return line(document)


ENTRIES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "no JSON": lambda _: b"hello\n",
    "a list": lambda _: b"[]\n",
    "deep": lambda _: b"[" * 1_000_000 + b"\n",
    "deep inside": lambda data: data[:-2] + b',"more":' + b'{"a":' * 300_000 + b"1" + b"}" * 300_001 + b"\n",
    "a long number": lambda data: data.replace(b'"n":2,', b'"n":' + b"2" * 100_000 + b","),
    "a negative number": lambda data: json_changed(data, "n", -2),
    "a broken number": lambda data: json_changed(data, "n", 2.0),
    "not a number": lambda data: data.replace(b'"n":2,', b'"n":NaN,'),
    "another number": lambda data: json_changed(data, "n", 3),
    "another entry before": lambda data: json_changed(data, "prev", "00" * 32),
    "a newer format": lambda data: json_changed(data, "format", 2),
    "a path for a pack": lambda data: json_changed(data, "packs", 0, "name", "../../../etc/x"),
    "a path for an index": lambda data: json_changed(data, "packs", 0, "idx", "../" * 21 + "x"),
    "upper case": lambda data: json_changed(data, "packs", 0, "name", "AB" * 32),
    "no packs": lambda data: json_changed(data, "packs", {}),
    "a snapshot that is none": lambda data: json_changed(data, "refs", "baseline", "to", "../x"),
    "no snapshot": lambda data: json_changed(data, "refs", "baseline", "to", 7),
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_a_wrong_entry_is_refused(scene: Scene, kind: str) -> None:
    worker = scene.worker(has_seen=1)
    path = scene.remote / log_key(2)
    path.write_bytes(ENTRIES[kind](path.read_bytes()))
    with refused(worker, RemoteRewound if kind == "another entry before" else RemoteDamaged):
        worker.snap.fetch()


def test_an_entry_that_is_too_long_is_not_read(scene: Scene) -> None:
    worker = scene.worker(has_seen=1)
    with open(scene.remote / log_key(2), "r+b") as file:
        file.truncate(1 << 40)
    with refused(worker, RemoteDamaged):
        worker.snap.fetch()


NAMES = (
    *("../../evil", "a/../../evil", "..", "a\0b", "a\nb", "\x1b[2J", "a b", "-f", "HEAD", "live", "", "a@{1}"),
    *("\u202ebaseline", "a" * 201, "$(id)", "a;b", "11" * 16, "\ud800"),
)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_no_tag_may_have_is_refused(scene: Scene, name: str) -> None:
    worker = scene.worker(has_seen=1)
    moves: Mapping[str, Move] = {name: Move(None, scene.second)}
    rewrite(scene, entry(scene, 1), entry(scene, 2)._replace(refs=moves))
    with refused(worker, RemoteDamaged):
        worker.snap.pull(everything=True)


def test_names_that_look_like_paths_are_names(scene: Scene) -> None:
    """Nothing is called like a tag but the tag: neither a file elsewhere nor one that only differs in case."""
    worker = scene.worker()
    beside = files_of(scene.folder / "worker").keys()
    names = {"/evil": scene.first, "packs/x": scene.second, "BASELINE": scene.first, "./state": scene.second}
    rewrite(scene, *(entry(scene, number) for number in (1, 2)))
    last = entry(scene, 2)
    rewrite(
        scene,
        entry(scene, 1),
        last,
        last._replace(packs=(), refs={name: Move(None, id_) for name, id_ in names.items()}),
    )
    worker.snap.pull(everything=True)
    found = {name: one.snapshot for one in worker.snap.tags() for name in one.names}
    assert {**names, "baseline": scene.second}.items() <= found.items()
    new = files_of(scene.folder / "worker").keys() - beside
    assert all(path.startswith("store/") for path in new), new
    assert not Path("/evil").exists()


def test_an_entry_with_packs_that_are_not_there_is_refused(scene: Scene) -> None:
    worker = scene.worker()
    rewrite(scene, entry(scene, 2))  # without the entry that has the other objects
    with refused(worker, RemoteDamaged, log=False):
        worker.snap.pull(["baseline"])


def test_an_index_that_disagrees_with_its_pack_is_refused(scene: Scene) -> None:
    right = objects_of(scene)
    worker = scene.worker()
    other = made_of(Kind.BLOCK, b"other")
    changes: tuple[list[Forged], ...] = (
        [right[0]._replace(id=other.id), *right[1:]],
        [*right[:-1], right[-1]._replace(base=right[1].id)],
        [*right[:-1], other._replace(frame=right[-1].frame, size=right[-1].size)],
        [*right, other],
        right[:-1],
    )
    for indexed in changes:
        offered(scene, right, indexed)
        worker.snap.accept_remote()
        with refused(worker, RemoteDamaged, log=False):
            worker.snap.pull(["baseline"])
    offered(scene, right)
    worker.snap.accept_remote()
    assert worker.snap.pull(["baseline"]).refs[0].to == scene.first


def test_an_object_that_is_not_what_its_id_says_never_gets_into_the_store(scene: Scene) -> None:
    """It would take the place of the right one, which the store may take from its own database later."""
    right = objects_of(scene)
    worker = scene.worker()
    at = next(number for number, one in enumerate(right) if one.kind == Kind.BLOCK)
    wrong = codec.compress(os.urandom(right[at].size))
    for number, change in (
        (at, right[at]._replace(frame=wrong, base=None)),
        (at, right[at]._replace(frame=b"no frame")),
        (at, right[at]._replace(kind=Kind.MANIFEST)),
        (0, right[0]._replace(kind=Kind.BLOCK)),
        (0, right[0]._replace(frame=codec.compress(b"{}"), size=2)),
    ):
        objects = [*right[:number], change, *right[number + 1 :]]
        offered(scene, objects)
        worker.snap.accept_remote()
        with refused(worker, RemoteDamaged, log=False):
            worker.snap.pull(["baseline"])


def test_a_circle_of_bases_is_refused(scene: Scene) -> None:
    right = objects_of(scene)
    worker = scene.worker()
    a, b = [number for number, one in enumerate(right) if one.kind == Kind.BLOCK][:2]
    objects = list(right)
    objects[a], objects[b] = right[a]._replace(base=right[b].id), right[b]._replace(base=right[a].id)
    offered(scene, objects)
    with refused(worker, RemoteDamaged, log=False):
        worker.snap.pull(["baseline"])
    objects = list(right)
    objects[0] = right[0]._replace(base=right[0].id)
    offered(scene, objects)
    worker.snap.accept_remote()
    with refused(worker, RemoteDamaged, log=False):
        worker.snap.pull(["baseline"])


PULL = """
import sys
from snapstore import Snapstore
from snapstore.errors import RemoteDamaged
with Snapstore(cwd=sys.argv[1]) as snap:
    try:
        snap.pull(["baseline"])
    except RemoteDamaged:
        (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
        print(int(line.split()[1]) * 1024)
"""


def bombs(scene: Scene) -> Iterator[None]:
    """Offer one thing after the other that claims to be, or becomes, very large."""
    first, right = entry(scene, 1), objects_of(scene)
    bomb = codec.compress(b"\0" * (1 << 30))
    for data in (bomb, codec.compress(index._HEADER.pack(index.MAGIC, 1, (1 << 32) - 1, (1 << 32) - 1))):
        (scene.remote / index_key(digest(data))).write_bytes(data)
        rewrite(scene, first._replace(packs=(first.packs[0]._replace(idx=digest(data)),)))
        yield
    for size in (1 << 23, len(bomb)):  # the most that a snapshot may have
        offered(scene, [Forged(Kind.SNAPSHOT, right[0].id, None, size, bomb), *right[1:]])
        yield


def test_what_becomes_very_large_takes_little_memory(scene: Scene) -> None:
    worker = scene.worker()
    for _ in bombs(scene):
        worker.snap.accept_remote()
        with refused(worker, RemoteDamaged, log=False):
            worker.snap.pull(["baseline"])
        done = subprocess.run(
            [sys.executable, "-c", PULL, worker.folder],
            env=worker.snap.locations.environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert int(done.stdout) < MEMORY


ESCAPE = "\x1b[2J\x1b]0;owned\x07\u202e"


def test_what_a_remote_says_is_escaped_when_it_is_printed(scene: Scene) -> None:
    last = entry(scene, 2)
    moves = {"baseline": Move(None, scene.second, ESCAPE)}
    rewrite(scene, entry(scene, 1), last._replace(refs=moves, by=ESCAPE, at=ESCAPE, tool=ESCAPE, nonce=ESCAPE))
    worker = scene.worker()
    commands = (
        *("fetch", "tags -r origin", "pull baseline", "tags", "log", "log baseline", "remote -v", "show baseline"),
        "show origin/baseline@{1}",
    )
    for command in commands:
        done = run(command.split(), worker.folder)
        printed = done.stdout + done.stderr
        assert all(char.isprintable() or char == "\n" for char in printed), ascii(printed)
        assert json.loads(run([*command.split(), "--json"], worker.folder).stdout) is not None


def test_an_error_about_what_a_remote_says_is_escaped(scene: Scene) -> None:
    worker = scene.worker()
    moves: Mapping[str, Move] = {ESCAPE: Move(None, scene.second)}
    rewrite(scene, entry(scene, 2)._replace(refs=moves))
    for command in ("fetch", "fetch --json", "pull baseline"):
        done = run(command.split(), worker.folder, 20)
        printed = done.stdout + done.stderr
        assert all(char.isprintable() or char == "\n" for char in printed), ascii(printed)


def altered(snapshot: Snapshot, **changes: object) -> Snapshot:
    """Return a snapshot whose database has other fields."""
    return snapshot._replace(databases={"default": snapshot.databases["default"]._replace(**changes)})  # type: ignore[arg-type]


HOSTILE: dict[str, Callable[[Snapshot], Snapshot]] = {
    "a time that is none": lambda one: one._replace(created="yesterday"),
    "half a character": lambda one: one._replace(message="\ud800"),
    "half a character in a path": lambda one: altered(one, origin="/\ud800"),
    "a path with NUL": lambda one: altered(one, origin="/a\0b"),
    "a long path": lambda one: altered(one, origin="/a" * 5000),
    "a name above the folder": lambda one: one._replace(databases={"../../evil": one.databases["default"]}),
    "a name with an escape": lambda one: one._replace(databases={ESCAPE: one.databases["default"]}),
    "a page size": lambda one: altered(one, page_size=7),
    "no page size": lambda one: altered(one, page_size=0),
    "a mode": lambda one: altered(one, mode=1 << 70),
    "an owner": lambda one: altered(one, owner=-5),
    "a group": lambda one: altered(one, group=1 << 70),
    "a user_version": lambda one: altered(one, user_version=1 << 70),
    "reserved bytes": lambda one: altered(one, reserved_bytes=3000),
    "half a table": lambda one: altered(one, tables=("\ud800",)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_of_a_snapshot_is_refused(scene: Scene, kind: str) -> None:
    right = objects_of(scene)
    data = HOSTILE[kind](Snapshot.decode(codec.decompress(right[0].frame, right[0].size, None))).encode()
    worker = scene.worker()
    forged = made_of(Kind.SNAPSHOT, data)
    pack = pack_of(scene, [forged, *right[1:]])
    moves = {"baseline": Move(None, forged.id.hex())}
    rewrite(scene, entry(scene, 1)._replace(packs=(pack,), refs=moves))
    with refused(worker, RemoteDamaged, log=False) as error:
        worker.snap.pull(["baseline"])
    assert f"snapshot {forged.id.hex()}" in error.value.detail


def test_a_record_that_may_be_is_taken_and_printed_with_care(scene: Scene) -> None:
    right = objects_of(scene)
    snapshot = Snapshot.decode(codec.decompress(right[0].frame, right[0].size, None))
    data = altered(snapshot, origin=f"/etc/{ESCAPE}", tables=(ESCAPE,))._replace(message=ESCAPE, kind=ESCAPE).encode()
    forged = made_of(Kind.SNAPSHOT, data)
    pack = pack_of(scene, [forged, *right[1:]])
    rewrite(scene, entry(scene, 1)._replace(packs=(pack,), refs={"baseline": Move(None, forged.id.hex())}))
    worker = scene.worker()
    worker.snap.pull(["baseline"])
    for command in ("log", "show baseline", "restore baseline --force", "log --all", "status"):
        done = run(command.split(), worker.folder)
        printed = done.stdout + done.stderr
        assert all(char.isprintable() or char == "\n" for char in printed), ascii(printed)
    with Store.open(os.fspath(worker.store_folder)) as store:
        assert store.snapshots.exists(forged.id.hex())
