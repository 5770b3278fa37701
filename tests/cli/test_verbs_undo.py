"""`undo` and `reset`: the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.hands import DAMAGES, error_of, execute, items
from tests.support import Application, Snap, dbhash, make_database


@pytest.fixture
def kept(snap: Snap) -> Snap:
    """Return a command with a snapshot of 500 items and a live state of 100 that nobody tagged."""
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 100")
    return snap


def test_undo_and_undo_again_change_places(kept: Snap) -> None:
    nobody_tagged = dbhash(kept.database)
    safety = kept.json("restore", "baseline")["safety"]
    assert safety
    whole = dbhash(kept.database)
    with Application(kept.database) as application:
        for rows, state in ((100, nobody_tagged), (500, whole), (100, nobody_tagged)):
            assert kept.json("undo")["changed"]
            assert application.ask("SELECT count(*) FROM item") == [[rows]]
            assert dbhash(kept.database) == state
    assert kept.json("show", safety)["kind"] == "safety"


def test_undo_keeps_what_was_done_after_the_restore(kept: Snap) -> None:
    kept("restore", "baseline")
    execute(kept.database, "DELETE FROM item WHERE id > 42")
    kept("undo")
    assert items(kept.database) == 100
    kept("undo")
    assert items(kept.database) == 42


def test_undo_passes_over_tags_made_since(kept: Snap) -> None:
    kept("restore", "baseline")
    kept("tag", "after")
    kept("backup")
    kept("undo")
    assert items(kept.database) == 100


def test_there_is_nothing_to_undo_without_a_restore(snap: Snap) -> None:
    error_of(snap("undo", code=10))
    snap("tag", "baseline")
    error_of(snap("undo", code=14))
    assert items(snap.database) == 500


def test_after_a_restore_without_safety_nothing_older_is_undone(kept: Snap) -> None:
    kept("restore", "baseline")
    execute(kept.database, "DELETE FROM item WHERE id > 10")
    kept("restore", "baseline", "--no-safety")
    error_of(kept("undo", code=14))
    execute(kept.database, "DELETE FROM item WHERE id > 7")
    kept("restore", "baseline")
    kept("undo")
    assert items(kept.database) == 7


@pytest.mark.parametrize("damage", ["garbage", "missing", "truncated", "short", "page1"])
def test_reset_brings_back_a_state_and_keeps_the_damaged_file(kept: Snap, damage: str) -> None:
    DAMAGES[damage](kept.database)
    bad = kept.database.read_bytes() if kept.database.exists() else None
    document = kept.json("reset")["databases"]["default"]
    assert document["method"] == "replaced"
    assert items(kept.database) == 500
    if bad is None:
        assert not document["kept"]
    else:
        assert Path(document["kept"]).read_bytes() == bad


def test_reset_of_a_healthy_database_can_be_undone(kept: Snap) -> None:
    assert kept.json("reset")["safety"]
    assert items(kept.database) == 500
    kept("undo")
    assert items(kept.database) == 100


def test_reset_prefers_the_backup_to_what_is_newer(kept: Snap) -> None:
    backup = kept.json("backup")["snapshot"]
    execute(kept.database, "DELETE FROM item")
    kept("tag", "newer")
    assert kept.json("reset")["snapshot"] == backup
    assert items(kept.database) == 100
    kept("backup", "--delete")
    kept("rm", "baseline")
    assert kept.json("reset")["changed"]
    assert items(kept.database) == 0


def test_reset_takes_the_newest_of_its_own_database(kept: Snap) -> None:
    other = Snap(kept.folder, make_database(kept.folder / "other.sqlite3", rows=7), kept.store)
    other("tag", "theirs")
    kept.database.unlink()
    kept("reset")
    assert items(kept.database) == 500


def test_a_second_reset_does_not_overwrite_the_file_the_first_kept(kept: Snap) -> None:
    for content in (b"first", b"second"):
        kept.database.write_bytes(content)
        kept("reset")
    held = [path.read_bytes() for path in kept.folder.iterdir() if path.is_file()]
    assert b"first" in held
    assert b"second" in held
