"""The database is not what it should be: every verb says so in one line and loses nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hands import DAMAGES, add_random, each_once, error_of, execute, fails, hint_of, items
from tests.support import Snap, dbhash, make_database

UNREADABLE = sorted(DAMAGES)


@pytest.fixture
def kept(snap: Snap) -> Snap:
    """Return a command whose store has a snapshot of 500 items, and one restore to undo."""
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 100")
    snap("restore", "baseline")
    return snap


@pytest.mark.parametrize(("verb", "damage"), each_once([("tag", "next"), ("backup",), ("status",)], UNREADABLE))
def test_a_verb_that_reads_the_database_refuses_an_unreadable_one(
    kept: Snap, verb: tuple[str, ...], damage: str
) -> None:
    DAMAGES[damage](kept.database)
    done = fails(kept, *verb, code=15)
    assert os.fspath(kept.database) in error_of(done)
    assert [tag["names"] for tag in kept.json("tags")] == [["baseline"]]


@pytest.mark.parametrize(
    ("verb", "damage"), each_once([("restore", "baseline"), ("undo",)], sorted(set(UNREADABLE) - {"missing"}))
)
def test_a_verb_that_writes_the_database_refuses_an_unreadable_one(
    kept: Snap, verb: tuple[str, ...], damage: str
) -> None:
    DAMAGES[damage](kept.database)
    done = fails(kept, *verb, code=15)
    assert os.fspath(kept.database) in error_of(done)


@pytest.mark.parametrize("damage", UNREADABLE)
def test_import_refuses_what_is_not_a_database_and_makes_no_tag(kept: Snap, damage: str) -> None:
    other = make_database(kept.folder / "other.sqlite3")
    DAMAGES[damage](other)
    done = fails(kept, "import", os.fspath(other), "--tag", "theirs", code=15)
    assert "other.sqlite3" in error_of(done)
    assert len(kept.json("tags")) == 1


@pytest.mark.parametrize("damage", ["garbage", "missing", "fifo"])
def test_export_does_not_look_at_the_live_database(kept: Snap, damage: str) -> None:
    whole = dbhash(kept.database)
    DAMAGES[damage](kept.database)
    kept("export", "baseline", "out.sqlite3")
    assert dbhash(kept.folder / "out.sqlite3") == whole


@pytest.mark.parametrize("damage", sorted(set(UNREADABLE) - {"missing", "directory", "fifo"}))
def test_restore_by_force_replaces_a_damaged_file_and_keeps_it(kept: Snap, damage: str) -> None:
    whole = dbhash(kept.database)
    DAMAGES[damage](kept.database)
    bad = kept.database.read_bytes()
    result = kept.json("restore", "baseline", "--force")
    assert result["databases"]["default"]["method"] == "replaced"
    assert dbhash(kept.database) == whole
    assert Path(result["databases"]["default"]["kept"]).read_bytes() == bad


@pytest.mark.parametrize("damage", ["directory", "fifo"])
@pytest.mark.parametrize("verb", [("restore", "baseline", "--force"), ("reset",)], ids=lambda verb: str(verb[0]))
def test_no_force_replaces_what_is_not_a_file(kept: Snap, verb: tuple[str, ...], damage: str) -> None:
    DAMAGES[damage](kept.database)
    error_of(kept(*verb, code=15))
    assert kept.database.is_dir() == (damage == "directory")
    assert kept.database.is_fifo() == (damage == "fifo")


def test_a_missing_database_is_written_anew(kept: Snap) -> None:
    kept.database.unlink()
    assert kept.json("restore", "baseline")["databases"]["default"]["method"] == "replaced"
    assert items(kept.database) == 500


def test_restore_does_not_make_folders_for_a_missing_database(kept: Snap) -> None:
    kept.database.unlink()
    kept.database = kept.folder / "nowhere" / "db.sqlite3"
    error_of(kept("restore", "baseline", "--force", code=16))
    assert not kept.database.parent.exists()


def test_an_encrypted_looking_file_is_called_so(kept: Snap) -> None:
    DAMAGES["random"](kept.database)
    assert "encrypted" in error_of(fails(kept, "tag", "next", code=15))


def test_a_truncated_file_is_called_so(kept: Snap) -> None:
    DAMAGES["truncated"](kept.database)
    assert "truncated" in error_of(fails(kept, "tag", "next", code=15))


def test_the_hint_for_a_damaged_database_works(kept: Snap) -> None:
    DAMAGES["truncated"](kept.database)
    hint = hint_of(fails(kept, "restore", "baseline", code=15))
    assert "--force" in hint
    assert "snap reset" in hint
    kept("reset")
    assert items(kept.database) == 500


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_an_empty_file_is_a_database_and_comes_back(tmp_path: Path, journal_mode: str) -> None:
    snap = Snap(tmp_path)
    snap.database.touch()
    assert snap.json("tag", "void")["databases"]["default"]["pages"] == 0
    assert snap.json("show", "void")["databases"]["default"]["tables"] == {}
    make_database(snap.database, journal_mode=journal_mode)
    assert not snap.json("status")["clean"]
    filled = dbhash(snap.database)
    assert snap.json("restore", "void")["changed"]
    execute(snap.database, "CREATE TABLE item (id)")  # nothing of that name is there
    assert items(snap.database) == 0
    snap("undo")
    assert dbhash(snap.database) == filled


def test_an_empty_database_is_clean_after_its_restore(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    snap.database.touch()
    snap("tag", "void")
    make_database(snap.database)
    snap("restore", "void")
    assert snap.json("status")["clean"]
    assert not snap.json("restore", "void")["changed"]


def test_an_empty_file_is_filled_from_a_snapshot(kept: Snap) -> None:
    whole = dbhash(kept.database)
    kept.database.write_bytes(b"")
    kept("restore", "baseline")
    assert dbhash(kept.database) == whole
    kept("undo")
    execute(kept.database, "CREATE TABLE item (id)")
    assert items(kept.database) == 0


def test_an_empty_file_can_be_imported(kept: Snap) -> None:
    (kept.folder / "void").touch()
    kept("import", "void", "--tag", "void")
    kept("restore", "void")
    execute(kept.database, "CREATE TABLE item (id)")
    assert items(kept.database) == 0


def test_another_databases_snapshot_is_refused_and_forced(kept: Snap) -> None:
    mine = dbhash(kept.database)
    other = Snap(kept.folder, make_database(kept.folder / "other.sqlite3", rows=7))
    done = fails(other, "restore", "baseline", code=14)
    assert os.fspath(kept.database) in error_of(done)
    assert os.fspath(other.database) in error_of(done)
    fails(other, "tag", "baseline", code=14)
    other("restore", "baseline", "--force")
    assert dbhash(other.database) == mine
    other("undo")
    assert items(other.database) == 7


def test_reset_takes_no_snapshot_of_another_database(kept: Snap) -> None:
    other = Snap(kept.folder, make_database(kept.folder / "other.sqlite3", rows=7))
    error_of(other("reset", code=10))
    assert items(other.database) == 7


def test_a_database_replaced_by_another_file_is_not_lost(kept: Snap) -> None:
    mine = dbhash(kept.database)
    new = make_database(kept.folder / "new.sqlite3", page_size=1024, rows=3)
    add_random(new, 5000)
    theirs = dbhash(new)
    new.replace(kept.database)
    assert not kept.json("status")["clean"]
    kept("restore", "baseline")
    assert dbhash(kept.database) == mine
    kept("undo")
    assert dbhash(kept.database) == theirs


def test_a_typo_in_a_tag_names_the_nearest(kept: Snap) -> None:
    done = fails(kept, "restore", "basline", code=12)
    assert "'basline'" in error_of(done)
    assert "'baseline'" in hint_of(done)
