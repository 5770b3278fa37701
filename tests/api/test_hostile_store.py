"""A store that somebody else made: no verb hangs, leaves the store, or takes much memory; it is called damaged."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.errors import SnapError, StoreDamaged
from snapstore.objects import codec
from snapstore.objects.pack import LARGEST, Kind
from tests.api.folders import Single
from tests.contents import execute
from tests.support import ENVIRONMENT, make_database

VERBS: dict[str, Callable[[Single], object]] = {
    "tag": lambda snap: snap.tag("next"),
    "restore": lambda snap: snap.restore("baseline"),
    "undo": lambda snap: snap.undo(),
    "status": lambda snap: snap.status(),
    "verify": lambda snap: snap.verify("baseline"),
    "diff": lambda snap: snap.diff("baseline"),
    "tags": lambda snap: snap.tags(),
    "reflog": lambda snap: snap.reflog(),
    "export": lambda snap: snap.export("baseline", snap.folder / "out.sqlite3", force=True),
    "prune": lambda snap: snap.prune(keep_last=1, tags=True, grace="0s"),
    "begin_suite": lambda snap: snap.begin_suite("suite"),
    "fsck": lambda snap: snap.fsck(),
    "rebuild": lambda snap: snap.fsck(rebuild=True),
    "heal": lambda snap: snap.fsck(heal=True),
    "doctor": lambda snap: snap.doctor(),
}


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a store with two snapshots of different contents, closed."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        execute(snap.database, "DELETE FROM item WHERE id % 3 = 0")
        snap.tag("later")
        snap.close()
        yield snap


def outcome(snap: Single, verb: Callable[[Single], object]) -> object:
    """Run a verb; return its result, or the error, which has to be a SnapError."""
    try:
        return verb(snap)
    except SnapError as error:
        return error
    finally:
        snap.close()


def as_link(path: Path, outside: Path) -> None:
    """Move what lies at a path outside, and leave a link to it."""
    shutil.move(path, outside)
    path.symlink_to(outside)


def as_fifo(path: Path, _outside: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def as_socket(path: Path, _outside: Path) -> None:
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_DIRECTORY)
    here = Path.cwd()
    try:
        os.fchdir(folder)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)
        os.close(folder)


def as_dangling_link(path: Path, outside: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(outside)


DISGUISES = [as_link, as_fifo, as_socket, as_dangling_link]


def seen(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, by path."""
    return {
        os.fspath(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("name", ["format", "catalog.db", "catalog.db-wal", "catalog.db-journal", "reflog"])
def test_no_verb_opens_what_is_no_file(snap: Single, name: str, disguise: Callable[[Path, Path], None]) -> None:
    outside = snap.folder / "outside"
    outside.mkdir()
    place = snap.store_folder / name
    place.touch()
    disguise(place, outside / "file")
    before = seen(outside)
    for verb in VERBS.values():
        found = outcome(snap, verb)
        assert isinstance(found, StoreDamaged) or not getattr(found, "ok", True)
        assert name in str(found)
        assert seen(outside) == before


@pytest.mark.parametrize("name", ["packs", "locks"])
def test_no_verb_reads_or_cleans_a_folder_elsewhere(snap: Single, name: str) -> None:
    outside = snap.folder / "outside"
    as_link(snap.store_folder / name, outside)
    for foreign in ("victim.pack", ".draft.1-01234567.snap-tmp", f"{'0' * 64}.pack", "gate", "prune"):
        (outside / foreign).write_text("precious")
    before = seen(outside)
    for verb in VERBS.values():
        found = outcome(snap, verb)
        assert isinstance(found, StoreDamaged) or not getattr(found, "ok", True)
        assert seen(outside) == before


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_pack_that_is_no_file_is_damage(snap: Single, disguise: Callable[[Path, Path], None]) -> None:
    outside = snap.folder / "outside"
    outside.mkdir()
    for pack in (snap.store_folder / "packs").iterdir():
        disguise(pack, outside / pack.name)
    before = seen(outside)
    assert not snap.fsck().ok
    assert isinstance(outcome(snap, VERBS["export"]), StoreDamaged)
    assert isinstance(outcome(snap, VERBS["rebuild"]), StoreDamaged)  # it would lose what it cannot read
    for verb in VERBS.values():
        outcome(snap, verb)
        assert seen(outside) == before


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("of", ["gate", "writers", "prune", "every"])
def test_a_lock_that_is_no_file_is_damage(snap: Single, of: str, disguise: Callable[[Path, Path], None]) -> None:
    snap.begin_suite("suite")
    snap.end_suite()
    snap.prune(keep_last=5)
    snap.close()
    outside = snap.folder / "outside"
    outside.mkdir()
    locks = snap.store_folder / "locks"
    for lock in list(locks.iterdir()) if of == "every" else [locks / of]:
        disguise(lock, outside / lock.name)
    before = seen(outside)
    for verb in VERBS.values():
        outcome(snap, verb)
        assert seen(outside) == before
    assert isinstance(outcome(snap, VERBS["prune"]), StoreDamaged)


def test_folders_of_earlier_releases_are_not_emptied_through_a_link(snap: Single) -> None:
    outside = snap.folder / "outside"
    outside.mkdir()
    (outside / "one.sighting").write_text("precious")
    (snap.store_folder / "sightings").symlink_to(outside)
    assert snap.fsck().ok
    assert seen(outside) == {"one.sighting": b"precious"}


def change_catalog(snap: Single, *statements: str, values: tuple[object, ...] = ()) -> None:
    with closing(sqlite3.connect(snap.store_folder / "catalog.db", isolation_level=None)) as catalog:
        for statement in statements:
            catalog.execute(statement, values)


@pytest.mark.parametrize(
    "name", ["../../outside/one", "../../outside/../outside/one", ".hidden", "", "a/b", "é", "a\0b"]
)
def test_a_pack_in_the_catalog_leads_nowhere_else(snap: Single, name: str) -> None:
    outside = snap.folder / "outside"
    outside.mkdir()
    (outside / "one.pack").write_bytes(b"precious" * 20)
    before = seen(outside)
    change_catalog(
        snap,
        "PRAGMA foreign_keys = OFF",
        "UPDATE pack SET pack = pack + 100",
        "UPDATE object SET pack = pack + 100",
    )
    change_catalog(snap, "INSERT INTO pack VALUES (1, ?, 8, '2020-01-01T00:00:00.000000Z')", values=(name,))
    for verb in VERBS.values():
        outcome(snap, verb)
        assert seen(outside) == before


@pytest.mark.parametrize("name", ["../../outside/one", "é"])
def test_a_pack_with_a_name_that_leads_elsewhere_is_damage(snap: Single, name: str) -> None:
    for number in (1, 2):
        change_catalog(snap, f"UPDATE pack SET name = ? || '{number}' WHERE pack = {number}", values=(name,))
    found = snap.fsck()
    assert not found.ok
    assert "invalid name" in str(found.damaged)
    snap.close()
    assert isinstance(outcome(snap, VERBS["export"]), StoreDamaged)
    assert snap.fsck(rebuild=True).ok


SCHEMAS = {
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON reflog BEGIN DELETE FROM ref; DELETE FROM snapshot; END",
    "view": "CREATE VIEW more AS SELECT 1",
    "virtual table": "CREATE VIRTUAL TABLE more USING fts5(a)",
    "generated column": "CREATE TABLE more (a INTEGER, b TEXT AS (hex(zeroblob(100000000))))",
    "index on an expression": "CREATE INDEX more ON ref (hex(zeroblob(100000000)))",
    "partial index": "CREATE INDEX more ON ref (name) WHERE length(hex(zeroblob(100000000))) > 1",
    "check": "CREATE TABLE more (a INTEGER CHECK (a > random()))",
    "default": "CREATE TABLE more (a INTEGER DEFAULT (random()))",
}


@pytest.mark.parametrize("statement", SCHEMAS.values(), ids=SCHEMAS)
def test_a_catalog_with_sql_of_its_own_is_damaged_and_can_be_rebuilt(snap: Single, statement: str) -> None:
    tags = snap.tags()
    snap.close()
    change_catalog(snap, statement)
    for name, verb in VERBS.items():
        if name == "rebuild":
            continue
        found = outcome(snap, verb)
        assert isinstance(found, StoreDamaged) or not getattr(found, "ok", True), name
        assert "schema" in str(found)
    assert snap.fsck(rebuild=True).ok
    assert snap.tags() == tags


def test_a_table_that_a_later_release_adds_is_no_damage(snap: Single) -> None:
    change_catalog(
        snap,
        "CREATE TABLE later (a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT '', c REAL UNIQUE) STRICT",
        "CREATE INDEX later_by_b ON later (b, c)",
        "ALTER TABLE snapshot ADD COLUMN added TEXT",
        "ANALYZE",
    )
    assert snap.fsck().ok
    assert snap.fsck(rebuild=True).ok


def test_an_endless_view_is_never_asked(snap: Single) -> None:
    change_catalog(
        snap,
        "ALTER TABLE ref RENAME TO other",
        "CREATE VIEW ref AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)"
        " SELECT name, snapshot, message, pinned, updated FROM other, r WHERE x < 0",
    )
    for verb in VERBS.values():
        outcome(snap, verb)


def bomb(size: int) -> bytes:
    """Return one small frame that is decoded to so many zeros."""
    return codec.compress(bytes(size))


@pytest.mark.parametrize("kind", Kind.ALL)
def test_lengths_on_record_take_no_memory(snap: Single, kind: int) -> None:
    """The catalog, or an entry in a pack, may claim any length; a process with little memory reads them all."""
    (id_,) = (
        sqlite3.connect(snap.store_folder / "catalog.db")
        .execute("SELECT id FROM object WHERE kind = ? LIMIT 1", (kind,))
        .fetchone()
    )
    frame = bomb(LARGEST[kind] + 1)
    pack = min((snap.store_folder / "packs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    offset = pack.stat().st_size
    with pack.open("ab") as file:
        file.write(frame)
        file.truncate(1 << 40)  # sparse: a frame may claim all of it
    for size, stored in ((LARGEST[kind] + 1, len(frame)), (4_000_000_000, len(frame)), (1000, 1 << 39), (-1, -1)):
        change_catalog(
            snap,
            "UPDATE object SET pack = (SELECT pack FROM pack WHERE name = ?), offset = ?, bytes = ?, stored_bytes = ?,"
            " base = NULL, depth = 0 WHERE id = ?",
            values=(pack.stem, offset, size, stored, id_),
        )
        code = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
            "from snapstore.cli.main import main; main(sys.argv[1:])"
        )
        locations = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store_folder)]
        for verb in (["fsck", "--quick"], ["restore", "baseline"], ["diff", "baseline", "later"]):
            done = subprocess.run(
                [sys.executable, "-c", code, *locations, *verb],
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode in ((20,) if verb[0] == "fsck" else (0, 20)), (verb, size, stored, done.stderr)
            assert "Traceback" not in done.stderr


def test_an_entry_of_a_pack_that_claims_too_much_is_damaged(snap: Single) -> None:
    from snapstore.objects.pack import ENTRY_BYTES, Entry

    entry = Entry(Kind.BLOCK, bytes(16), None, 0, 4_000_000_000, 100, ENTRY_BYTES)
    with pytest.raises(ValueError, match="more than such an object can have"):
        Entry.decode(entry.encode(), ENTRY_BYTES)


@pytest.mark.parametrize(
    "lines",
    [b"\0" * 3_000_000, b"x" * 3_000_000 + b"\n", b"x\n" * 300_000],
    ids=["zeros", "one long line", "many bad lines"],
)
def test_a_reflog_full_of_nothing_is_read_in_pieces(snap: Single, lines: bytes) -> None:
    reflog = snap.store_folder / "reflog"
    reflog.write_bytes(lines + reflog.read_bytes())
    assert not snap.fsck().ok or lines.endswith(b"\n")
    assert snap.restore("baseline").snapshot


def test_a_reflog_larger_than_entries_can_fill_is_damage(snap: Single) -> None:
    os.truncate(snap.store_folder / "reflog", 1 << 40)
    found = snap.fsck()
    assert not found.ok
    assert any("reflog" in damage.detail for damage in found.damaged)


MANIFESTS = {
    "pages of no bytes": struct.pack(">8sII", b"SNAPMANI", 0, 7),
    "pages of three bytes": struct.pack(">8sII", b"SNAPMANI", 3, 0),
    "too many pages": struct.pack(">8sII", b"SNAPMANI", 4096, 1 << 31),
}


@pytest.mark.parametrize("data", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_of_impossible_pages_is_damage(data: bytes) -> None:
    from snapstore.history.manifest import Manifest

    with pytest.raises(ValueError, match="manifest"):
        Manifest.decode(data)


TEXT = "\x1b]0;owned\x07<script>alert(1)</script>"


def test_texts_of_a_catalog_are_escaped_in_the_report(snap: Single, tmp_path: Path) -> None:
    """Times too: in a catalog that somebody else made they are any text."""
    snap.begin_suite("suite")
    snap.begin_test("test")
    snap.end_test()
    snap.end_suite()
    snap.close()
    for table, columns in {
        "suite": ("name", "command", "mode", "started", "ended", "outcome"),
        "test": ("label", "scenario", "started", "ended", "outcome", "verdict", "decision", "final"),
    }.items():
        change_catalog(snap, *(f"UPDATE {table} SET {column} = {column} || '{TEXT}'" for column in columns))
    page = tmp_path / "report.html"
    locations = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store_folder), "--color", "always"]
    command = [sys.executable, "-m", "snapstore", *locations, "report"]
    for more in (["--html", os.fspath(page)], [], ["--json"]):
        done = subprocess.run([*command, *more], env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "\x1b]" not in done.stdout + done.stderr
    text = page.read_text()
    assert "<script>alert" not in text
    assert "\x1b" not in text
