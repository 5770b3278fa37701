"""`tag` and `backup`: names move, and stay reachable."""

from __future__ import annotations

from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import BadName, NameExists, NamePinned, NoSnapshot, NoStore, NothingToRestore, UnknownRevision
from tests.cli.hands import execute, items
from tests.support import ENVIRONMENT, raised


def names(snap: Snapstore) -> list[str]:
    """Return the tags by name."""
    return [name for tag in snap.tags() for name in tag.names]


def test_a_name_moves_and_its_old_target_stays_reachable(snap: Snapstore, database: Path) -> None:
    first = snap.tag("work", message="five hundred")
    assert (first.moved_from, first.unchanged, first.name) == (None, False, "work")
    execute(database, "DELETE FROM item WHERE id > 10")
    second = snap.tag("work")
    assert second.moved_from == first.snapshot != second.snapshot
    assert not second.unchanged
    assert snap.show("work@{0}").snapshot == second.snapshot
    before = snap.show("work@{1}")
    assert before.snapshot == first.snapshot
    assert before.message == "five hundred"
    assert before.databases["default"].tables["item"] == 500
    raised(UnknownRevision, 12, snap.show, "work@{2}")
    raised(UnknownRevision, 12, snap.show, "nothing@{1}")
    snap.restore("work@{1}")
    assert items(database) == 500
    assert names(snap) == ["work"]


def test_an_unchanged_database_takes_no_room(snap: Snapstore) -> None:
    first = snap.tag("one")
    again = snap.tag("one")
    assert again.unchanged
    assert again.databases["default"].stored_bytes == 0
    other = snap.tag("two")
    content = first.databases["default"].content
    assert again.databases["default"].content == other.databases["default"].content == content
    assert other.databases["default"].stored_bytes == 0


def test_new_refuses_a_name_that_is_taken(snap: Snapstore, database: Path) -> None:
    taken = snap.tag("work", new=True).snapshot
    execute(database, "DELETE FROM item")
    error = raised(NameExists, 14, snap.tag, "work", new=True)
    assert (error.name, error.code) == ("work", "name-exists")
    assert "'work'" in str(error)
    assert "--new" in str(error.hint)
    raised(NameExists, 14, snap.tag, "work", taken[:8], new=True)
    assert snap.show("work").snapshot == taken
    assert len(snap.log(everything=True)) == 1


def test_a_pinned_name_moves_only_by_force(snap: Snapstore, database: Path) -> None:
    pinned = snap.tag("release", pin=True).snapshot
    assert snap.tags()[0].pinned
    execute(database, "DELETE FROM item WHERE id > 10")
    error = raised(NamePinned, 14, snap.tag, "release")
    assert (error.name, error.code) == ("release", "pinned")
    assert "pinned" in str(error)
    assert "snap unpin" in str(error.hint)
    assert len(snap.log(everything=True)) == 1
    other = snap.tag("other").snapshot
    raised(NamePinned, 14, snap.tag, "release", "other")
    assert snap.show("release").snapshot == pinned
    assert snap.tag("release", "other", force=True).moved_from == pinned
    assert snap.show("release").snapshot == other
    assert [tag.pinned for tag in snap.tags()] == [False, True]


def test_an_existing_snapshot_gets_another_name(snap: Snapstore, database: Path) -> None:
    first = snap.tag("first").snapshot
    execute(database, "DELETE FROM item")
    snap.tag("second")
    for revision in (first, first[:6], first.upper()[:10], "first", "@{1}"):
        named = snap.tag("good", revision, message="the good one")
        assert named.snapshot == first
        assert named.databases["default"].stored_bytes == 0
    assert [tag.message for tag in snap.tags()] == ["", "the good one", ""]
    assert snap.status().verdict == "clean"
    raised(UnknownRevision, 12, snap.tag, "bad", "nothing")
    assert names(snap) == ["first", "good", "second"]


@pytest.mark.parametrize(
    "name", ["HEAD", "latest", "live", "two words", "name@{1}", "", "a" * 201, "0123456789abcdef" * 2, "tab\t"]
)
def test_a_name_that_could_be_taken_for_something_else_is_refused(snap: Snapstore, name: str) -> None:
    snap.tag("first")
    error = raised(BadName, 12, snap.tag, name)
    assert error.code == "bad-name"
    assert error.reason in str(error)
    raised(BadName, 12, snap.tag, name, "first")
    assert names(snap) == ["first"]


def test_a_name_may_have_letters_of_any_language_and_signs(snap: Snapstore) -> None:
    good = ["größe", "run/41", "v1.2.3", "e2e-backup", "100%"]
    for name in good:
        snap.tag(name)
    assert names(snap) == sorted(good)


def test_a_backup_is_made_moved_restored_and_deleted(snap: Snapstore, database: Path) -> None:
    raised(NoStore, 10, snap.restore)
    assert snap.backup(message="nightly").name == "e2e-backup"
    assert snap.show("e2e-backup").message == "nightly"
    execute(database, "DELETE FROM item WHERE id > 10")
    snap.restore()
    assert items(database) == 500
    execute(database, "DELETE FROM item WHERE id > 20")
    moved = snap.backup()
    assert moved.moved_from == snap.show("e2e-backup@{1}").snapshot
    execute(database, "DELETE FROM item")
    snap.restore()
    assert items(database) == 20
    deleted = snap.delete_backup()
    assert deleted.snapshot == moved.snapshot
    assert names(snap) == []
    raised(NothingToRestore, 10, snap.restore)
    assert raised(NoSnapshot, 10, snap.delete_backup).wanted == "backup 'e2e-backup'"
    assert items(database) == 20


def test_a_pinned_backup_is_deleted_only_by_force(snap: Snapstore) -> None:
    snap.backup()
    snap.pin("e2e-backup")
    assert raised(NamePinned, 14, snap.delete_backup).name == "e2e-backup"
    snap.delete_backup(force=True)
    assert names(snap) == []


def test_a_suite_without_backup_does_nothing_and_says_why(snap: Snapstore, database: Path) -> None:
    store = database.parent / "store"

    def switched(value: str) -> Snapstore:
        return Snapstore(db=database, store=store, env={**ENVIRONMENT, "E2E_NO_BACKUP": value})

    with switched("true") as off:
        for verb in (off.backup, off.restore, off.delete_backup):
            done = verb()
            assert (done.snapshot, done.skipped) == ("", True)
            assert "E2E_NO_BACKUP" in str(done.reason)
        assert not store.exists()
        off.tag("mine")
        execute(database, "DELETE FROM item")
        assert not off.restore("mine").skipped
        assert items(database) == 500
    with switched("false") as on:
        assert not on.backup().skipped
        assert not on.restore().skipped
    assert names(snap) == ["e2e-backup", "mine"]
