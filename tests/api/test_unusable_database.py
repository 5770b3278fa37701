"""The database is not what it should be: every verb says so and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import (
    DatabaseCorrupt,
    DatabaseMissing,
    DatabaseUnusable,
    FileError,
    NoSnapshot,
    NotADatabase,
    UnknownRevision,
    WrongDatabase,
)
from tests.api.folders import Single, refused
from tests.contents import add_random, execute, items
from tests.damages import DAMAGES
from tests.support import dbhash, make_database

KINDS: dict[str, type[DatabaseUnusable]] = {"missing": DatabaseMissing, "truncated": DatabaseCorrupt}
READING: list[Callable[[Snapstore], object]] = [
    lambda snap: snap.tag("next"),
    Snapstore.backup,
    Snapstore.status,
    Snapstore.verify,
    Snapstore.diff,
    Snapstore.clean,
    lambda snap: snap.query("live", "SELECT 1"),
]
WRITING: list[Callable[[Snapstore], object]] = [lambda snap: snap.restore("baseline"), Snapstore.undo]
NOT_FILES = ("directory", "fifo")


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a folder with a database in WAL mode."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path) as snap:
        yield snap


@pytest.fixture
def kept(snap: Single) -> Single:
    """Return the façade with a snapshot of 500 items, and one restore to undo."""
    snap.tag("baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 100")
    snap.restore("baseline")
    return snap


@pytest.fixture
def other(kept: Single) -> Iterator[Single]:
    """Yield the façade for another database of 7 items, and the same store."""
    with Single(kept.folder, make_database(kept.folder / "other.sqlite3", rows=7)) as other:
        yield other


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_unreadable_database_is_neither_read_nor_written(kept: Single, damage: str) -> None:
    DAMAGES[damage](kept.database)
    for verb in READING if damage == "missing" else READING + WRITING:
        with refused(kept, KINDS.get(damage, NotADatabase), 15) as raised:
            verb(kept)
        assert str(kept.database) in str(raised.value)
    assert [tag.names for tag in kept.tags()] == [("baseline",)]


@pytest.mark.parametrize("damage", DAMAGES)
def test_import_refuses_a_file_that_is_not_a_database_and_sets_no_tag(kept: Single, damage: str) -> None:
    file = make_database(kept.folder / "other.sqlite3")
    DAMAGES[damage](file)
    with refused(kept, KINDS.get(damage, NotADatabase), 15) as raised:
        kept.import_(file, name="theirs")
    assert str(file) in str(raised.value)
    assert len(kept.tags()) == 1


@pytest.mark.parametrize("damage", ["garbage", "missing", "fifo"])
def test_export_does_not_look_at_the_live_database(kept: Single, damage: str) -> None:
    whole = dbhash(kept.database)
    DAMAGES[damage](kept.database)
    kept.export("baseline", kept.folder / "out.sqlite3")
    assert dbhash(kept.folder / "out.sqlite3") == whole


@pytest.mark.parametrize("damage", sorted(set(DAMAGES) - {"missing", *NOT_FILES}))
def test_restore_by_force_replaces_a_damaged_file_and_keeps_it(kept: Single, damage: str) -> None:
    whole = dbhash(kept.database)
    DAMAGES[damage](kept.database)
    bad = kept.database.read_bytes()
    restored = kept.restore("baseline", force=True).databases["default"]
    assert restored.method == "replaced"
    assert dbhash(kept.database) == whole
    assert restored.kept
    assert Path(restored.kept).read_bytes() == bad


@pytest.mark.parametrize("damage", NOT_FILES)
def test_nothing_replaces_a_directory_or_a_fifo(kept: Single, damage: str) -> None:
    DAMAGES[damage](kept.database)
    verbs: list[Callable[[], object]] = [lambda: kept.restore("baseline", force=True), kept.reset]
    for verb in verbs:
        with refused(kept, NotADatabase, 15):
            verb()
    assert kept.database.is_dir() == (damage == "directory")
    assert kept.database.is_fifo() == (damage == "fifo")


def test_a_missing_database_is_written_again(kept: Single) -> None:
    kept.database.unlink()
    assert kept.restore("baseline").databases["default"].method == "replaced"
    assert items(kept.database) == 500


def test_restore_does_not_make_folders_for_a_missing_database(kept: Single) -> None:
    with Single(kept.folder, kept.folder / "nowhere" / "db.sqlite3") as moved:
        with refused(moved, FileError, 16):
            moved.restore("baseline", force=True)
        assert not moved.database.parent.exists()


@pytest.mark.parametrize(("damage", "word"), [("random", "encrypted"), ("truncated", "truncated")])
def test_the_error_says_what_the_file_looks_like(kept: Single, damage: str, word: str) -> None:
    DAMAGES[damage](kept.database)
    with refused(kept, KINDS.get(damage, NotADatabase), 15) as raised:
        kept.tag("next")
    assert word in str(raised.value)


def test_the_hint_for_a_damaged_database_works(kept: Single) -> None:
    DAMAGES["truncated"](kept.database)
    with refused(kept, DatabaseCorrupt, 15) as raised:
        kept.restore("baseline")
    assert "--force" in str(raised.value.hint)
    assert "snap reset" in str(raised.value.hint)
    kept.reset()
    assert items(kept.database) == 500


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_an_empty_file_is_a_database_and_comes_back(tmp_path: Path, journal_mode: str) -> None:
    with Single(tmp_path) as snap:
        snap.database.touch()
        assert snap.tag("void").databases["default"].pages == 0
        assert snap.show("void").databases["default"].tables == {}
        make_database(snap.database, journal_mode=journal_mode)
        assert snap.status().verdict != "clean"
        filled = dbhash(snap.database)
        assert snap.restore("void").changed
        assert snap.status().verdict == "clean"
        assert not snap.restore("void").changed
        execute(snap.database, "CREATE TABLE item (id)")  # there is no table of that name
        assert items(snap.database) == 0
        snap.undo()
        assert dbhash(snap.database) == filled


def test_an_empty_file_is_filled_from_a_snapshot(kept: Single) -> None:
    whole = dbhash(kept.database)
    kept.database.write_bytes(b"")
    kept.restore("baseline")
    assert dbhash(kept.database) == whole
    kept.undo()
    execute(kept.database, "CREATE TABLE item (id)")
    assert items(kept.database) == 0


def test_an_empty_file_can_be_imported(kept: Single) -> None:
    (kept.folder / "void").touch()
    kept.import_(kept.folder / "void", name="void")
    kept.restore("void")
    execute(kept.database, "CREATE TABLE item (id)")
    assert items(kept.database) == 0


def test_a_snapshot_of_another_database_is_refused_unless_forced(kept: Single, other: Single) -> None:
    mine = dbhash(kept.database)
    for verb in (lambda: other.restore("baseline"), lambda: other.tag("baseline")):
        with refused(other, WrongDatabase, 14) as raised:
            verb()
        assert (raised.value.path, raised.value.origin) == (str(other.database), str(kept.database))
    other.restore("baseline", force=True)
    assert dbhash(other.database) == mine
    other.undo()
    assert items(other.database) == 7


def test_reset_takes_no_snapshot_of_another_database(other: Single) -> None:
    with refused(other, NoSnapshot, 10):
        other.reset()
    assert items(other.database) == 7


def test_a_database_replaced_by_another_file_is_not_lost(kept: Single) -> None:
    mine = dbhash(kept.database)
    new = make_database(kept.folder / "new.sqlite3", page_size=1024, rows=3)
    add_random(new, 5000)
    theirs = dbhash(new)
    new.replace(kept.database)
    assert kept.status().verdict != "clean"
    kept.restore("baseline")
    assert dbhash(kept.database) == mine
    kept.undo()
    assert dbhash(kept.database) == theirs


def test_a_typo_in_a_tag_names_the_nearest(kept: Single) -> None:
    with refused(kept, UnknownRevision, 12) as raised:
        kept.restore("basline")
    assert (raised.value.revision, raised.value.nearest) == ("basline", ("baseline",))
    assert "'baseline'" in str(raised.value.hint)
