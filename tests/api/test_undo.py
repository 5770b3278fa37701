"""`undo` and `reset`: the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import NoStore, NothingToUndo
from tests.cli.hands import DAMAGES, execute, items
from tests.support import ENVIRONMENT, Application, dbhash, make_database, raised


@pytest.fixture
def kept(snap: Snapstore, database: Path) -> Snapstore:
    """Return a façade with a snapshot of 500 items and a live state of 100 without a name."""
    snap.tag("baseline")
    execute(database, "DELETE FROM item WHERE id > 100")
    return snap


def test_undo_and_undo_again_change_places(kept: Snapstore, database: Path) -> None:
    unnamed = dbhash(database)
    safety = kept.restore("baseline").safety
    assert safety
    whole = dbhash(database)
    with Application(database) as application:
        for rows, state in ((100, unnamed), (500, whole), (100, unnamed)):
            assert kept.undo().changed
            assert application.ask("SELECT count(*) FROM item") == [[rows]]
            assert dbhash(database) == state
    assert kept.show(safety).kind == "safety"


def test_undo_keeps_what_was_done_after_the_restore(kept: Snapstore, database: Path) -> None:
    kept.restore("baseline")
    execute(database, "DELETE FROM item WHERE id > 42")
    kept.undo()
    assert items(database) == 100
    kept.undo()
    assert items(database) == 42


def test_undo_passes_over_tags_made_since(kept: Snapstore, database: Path) -> None:
    kept.restore("baseline")
    kept.tag("after")
    kept.backup()
    kept.undo()
    assert items(database) == 100


def test_there_is_nothing_to_undo_without_a_restore(snap: Snapstore, database: Path) -> None:
    raised(NoStore, 10, snap.undo)
    snap.tag("baseline")
    raised(NothingToUndo, 14, snap.undo)
    assert items(database) == 500


def test_after_a_restore_without_safety_nothing_older_is_undone(kept: Snapstore, database: Path) -> None:
    kept.restore("baseline")
    execute(database, "DELETE FROM item WHERE id > 10")
    kept.restore("baseline", safety=False)
    raised(NothingToUndo, 14, kept.undo)
    execute(database, "DELETE FROM item WHERE id > 7")
    kept.restore("baseline")
    kept.undo()
    assert items(database) == 7


@pytest.mark.parametrize("damage", ["garbage", "missing", "truncated", "short", "page1"])
def test_reset_brings_back_a_state_and_keeps_the_damaged_file(kept: Snapstore, database: Path, damage: str) -> None:
    DAMAGES[damage](database)
    bad = database.read_bytes() if database.exists() else None
    done = kept.reset().databases["default"]
    assert done.method == "replaced"
    assert items(database) == 500
    assert (Path(done.kept).read_bytes() if done.kept else None) == bad


def test_reset_of_a_healthy_database_can_be_undone(kept: Snapstore, database: Path) -> None:
    assert kept.reset().safety
    assert items(database) == 500
    kept.undo()
    assert items(database) == 100


def test_reset_prefers_the_backup_to_what_is_newer(kept: Snapstore, database: Path) -> None:
    backup = kept.backup().snapshot
    execute(database, "DELETE FROM item")
    kept.tag("newer")
    assert kept.reset().snapshot == backup
    assert items(database) == 100
    kept.delete_backup()
    kept.rm("baseline")
    assert kept.reset().changed
    assert items(database) == 0


def test_reset_takes_the_newest_of_its_own_database(kept: Snapstore, database: Path) -> None:
    path = make_database(database.parent / "other.sqlite3", rows=7)
    with Snapstore(db=path, store=database.parent / "store", env=ENVIRONMENT) as other:
        other.tag("theirs")
    database.unlink()
    kept.reset()
    assert items(database) == 500


def test_a_second_reset_does_not_overwrite_the_file_the_first_kept(kept: Snapstore, database: Path) -> None:
    for content in (b"first", b"second"):
        database.write_bytes(content)
        kept.reset()
    held = [path.read_bytes() for path in database.parent.iterdir() if path.is_file()]
    assert b"first" in held
    assert b"second" in held
