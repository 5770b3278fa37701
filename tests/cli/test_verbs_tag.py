"""`tag` and `backup`: names move, and stay reachable."""

from __future__ import annotations

from tests.cli.hands import error_of, execute, hint_of, items
from tests.support import Snap


def names(snap: Snap) -> list[str]:
    """Return the tags by name."""
    return [name for tag in snap.json("tags") for name in tag["names"]]


def test_a_name_moves_and_its_old_target_stays_reachable(snap: Snap) -> None:
    first = snap.json("tag", "work", "-m", "five hundred")
    assert (first["moved_from"], first["unchanged"], first["name"]) == (None, False, "work")
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    second = snap.json("tag", "work")
    assert second["moved_from"] == first["snapshot"] != second["snapshot"]
    assert not second["unchanged"]
    assert snap.json("show", "work@{0}")["snapshot"] == second["snapshot"]
    before = snap.json("show", "work@{1}")
    assert before["snapshot"] == first["snapshot"]
    assert before["message"] == "five hundred"
    assert before["databases"]["default"]["tables"]["item"] == 500
    error_of(snap("show", "work@{2}", code=12))
    error_of(snap("show", "nothing@{1}", code=12))
    snap("restore", "work@{1}")
    assert items(snap.database) == 500
    assert names(snap) == ["work"]


def test_an_unchanged_database_takes_no_room(snap: Snap) -> None:
    first = snap.json("tag", "one")
    again = snap.json("tag", "one")
    assert again["unchanged"]
    assert again["databases"]["default"]["stored_bytes"] == 0
    other = snap.json("tag", "two")
    content = first["databases"]["default"]["content"]
    assert again["databases"]["default"]["content"] == other["databases"]["default"]["content"] == content
    assert other["databases"]["default"]["stored_bytes"] == 0
    assert "unchanged" in snap("tag", "one").stdout


def test_new_refuses_a_name_that_is_taken(snap: Snap) -> None:
    taken = snap.json("tag", "work", "--new")["snapshot"]
    execute(snap.database, "DELETE FROM item")
    done = snap("tag", "work", "--new", code=14)
    assert "'work'" in error_of(done)
    assert "--new" in hint_of(done)
    error_of(snap("tag", "work", taken[:8], "--new", code=14))
    assert snap.json("show", "work")["snapshot"] == taken
    assert len(snap.json("log", "--all")) == 1


def test_a_pinned_name_moves_by_force_only(snap: Snap) -> None:
    pinned = snap.json("tag", "release", "--pin")["snapshot"]
    assert snap.json("tags")[0]["pinned"]
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    done = snap("tag", "release", code=14)
    assert "pinned" in error_of(done)
    assert "snap unpin" in hint_of(done)
    assert len(snap.json("log", "--all")) == 1
    other = snap.json("tag", "other")["snapshot"]
    error_of(snap("tag", "release", "other", code=14))
    assert snap.json("show", "release")["snapshot"] == pinned
    assert snap.json("tag", "release", "other", "--force")["moved_from"] == pinned
    assert snap.json("show", "release")["snapshot"] == other
    assert [tag["pinned"] for tag in snap.json("tags")] == [False, True]


def test_a_snapshot_there_is_gets_another_name(snap: Snap) -> None:
    first = snap.json("tag", "first")["snapshot"]
    execute(snap.database, "DELETE FROM item")
    snap("tag", "second")
    for revision in (first, first[:6], first.upper()[:10], "first", "@{1}"):
        named = snap.json("tag", "good", revision, "-m", "the good one")
        assert named["snapshot"] == first
        assert named["databases"]["default"]["stored_bytes"] == 0
    assert [tag["message"] for tag in snap.json("tags")] == ["", "the good one", ""]
    assert snap.json("status")["clean"]
    error_of(snap("tag", "bad", "nothing", code=12))
    assert names(snap) == ["first", "good", "second"]


def test_a_name_that_would_be_read_as_something_else_is_refused(snap: Snap) -> None:
    snap("tag", "first")
    for bad in ("HEAD", "latest", "live", "two words", "name@{1}", "", "a" * 201, "0123456789abcdef" * 2, "tab\t"):
        assert error_of(snap("tag", bad, code=12))
    for good in ("größe", "run/41", "v1.2.3", "e2e-backup", "100%"):
        snap("tag", good)
    assert len(names(snap)) == 6


def test_backup_is_made_moved_restored_and_deleted(snap: Snap) -> None:
    assert error_of(snap("restore", code=10))
    assert snap.json("backup", "-m", "nightly")["name"] == "e2e-backup"
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    snap("restore")
    assert items(snap.database) == 500
    execute(snap.database, "DELETE FROM item WHERE id > 20")
    moved = snap.json("backup")
    assert moved["moved_from"] == snap.json("show", "e2e-backup@{1}")["snapshot"]
    execute(snap.database, "DELETE FROM item")
    snap("restore")
    assert items(snap.database) == 20
    deleted = snap.json("backup", "--delete")
    assert deleted["snapshot"] == moved["snapshot"]
    assert names(snap) == []
    assert "e2e-backup" in error_of(snap("restore", code=10))
    error_of(snap("backup", "--delete", code=10))
    assert items(snap.database) == 20


def test_a_pinned_backup_is_deleted_by_force_only(snap: Snap) -> None:
    snap("backup")
    snap("pin", "e2e-backup")
    error_of(snap("backup", "--delete", code=14))
    snap("backup", "--delete", "--force")
    assert names(snap) == []


def test_a_suite_without_backup_does_nothing_and_says_so(snap: Snap) -> None:
    for verb in (("backup",), ("restore",), ("backup", "--delete")):
        assert "E2E_NO_BACKUP" in snap(*verb, E2E_NO_BACKUP="true").stdout
    assert not snap.store.exists()
    document = snap.json("backup", E2E_NO_BACKUP="1")
    assert document["skipped"]
    assert document["snapshot"] is None
    snap("tag", "mine", E2E_NO_BACKUP="true")
    execute(snap.database, "DELETE FROM item")
    snap("restore", "mine", E2E_NO_BACKUP="true")
    assert items(snap.database) == 500
    snap("backup", E2E_NO_BACKUP="false")
    assert names(snap) == ["e2e-backup", "mine"]
