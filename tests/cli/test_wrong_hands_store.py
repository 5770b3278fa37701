"""The store is not what it should be: nothing is lost, and what can still be given is given."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.hands import add_random, each_once, error_of, execute, fails, hint_of, items
from tests.support import Snap, dbhash

EVERY_VERB = [
    ("tag", "next"),
    ("backup",),
    ("restore", "baseline"),
    ("undo",),
    ("reset",),
    ("status",),
    ("log",),
    ("tags",),
    ("show", "baseline"),
    ("reflog",),
    ("pin", "baseline"),
    ("rename", "baseline", "other"),
    ("rm", "baseline"),
    ("export", "baseline", "out.sqlite3"),
    ("import", "db.sqlite3"),
]
SOME_VERBS = [one for one in EVERY_VERB if one[0] in {"tag", "restore", "log", "import"}]


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def fill_with_garbage(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def empty(path: Path) -> None:
    os.truncate(path, 0)


DAMAGES = [delete, truncate, fill_with_garbage, empty]


@pytest.fixture
def kept(snap: Snap) -> Snap:
    """Return a command whose store has a snapshot of 500 items."""
    snap("tag", "baseline")
    return snap


def test_a_store_of_a_newer_format_is_refused_by_every_verb(kept: Snap) -> None:
    (kept.store / "format").write_text("snapstore 99\n")
    for verb in EVERY_VERB:
        done = fails(kept, *verb, code=14)
        assert "99" in error_of(done)
        assert "upgrade" in hint_of(done)


@pytest.mark.parametrize(("verb", "damage"), each_once(SOME_VERBS, [fill_with_garbage, empty, truncate]))
def test_a_damaged_format_file_is_a_damaged_store(
    kept: Snap, verb: tuple[str, ...], damage: Callable[[Path], None]
) -> None:
    damage(kept.store / "format")
    fails(kept, *verb, code=20)


def test_a_lost_format_file_does_not_lose_the_store(kept: Snap) -> None:
    (kept.store / "format").unlink()
    before = sorted(kept.store.rglob("*"))
    for verb in SOME_VERBS:
        assert "format" in error_of(kept(*verb, code=20))
        assert sorted(kept.store.rglob("*")) == before


@pytest.mark.parametrize(("verb", "damage"), each_once(EVERY_VERB, [delete, fill_with_garbage]))
def test_a_lost_or_garbage_catalog_is_a_damaged_store(
    kept: Snap, verb: tuple[str, ...], damage: Callable[[Path], None]
) -> None:
    damage(kept.store / "catalog.db")
    packs = sorted((kept.store / "packs").iterdir())
    assert os.fspath(kept.store) in error_of(fails(kept, *verb, code=20))
    assert sorted((kept.store / "packs").iterdir()) == packs


@pytest.mark.parametrize(("verb", "damage"), each_once(SOME_VERBS, [truncate, empty]))
def test_a_truncated_catalog_is_a_damaged_store(
    kept: Snap, verb: tuple[str, ...], damage: Callable[[Path], None]
) -> None:
    damage(kept.store / "catalog.db")
    fails(kept, *verb, code=20)


def test_a_store_that_is_a_file_is_refused(snap: Snap) -> None:
    snap.store.write_text("mine")
    for verb in SOME_VERBS:
        fails(snap, *verb, code=14)
    assert snap.store.read_text() == "mine"


def test_a_folder_with_other_files_is_refused(snap: Snap) -> None:
    snap.store.mkdir()
    (snap.store / "thesis.tex").write_text("mine")
    for verb in SOME_VERBS:
        fails(snap, *verb, code=14)
    assert os.listdir(snap.store) == ["thesis.tex"]


def test_an_empty_folder_becomes_a_store(snap: Snap) -> None:
    snap.store.mkdir()
    snap("tag", "baseline")
    assert len(snap.json("tags")) == 1


def test_a_store_cannot_be_made_under_a_file(snap: Snap) -> None:
    (snap.folder / "file").write_text("mine")
    snap.store = snap.folder / "file" / "store"
    assert error_of(snap("tag", "baseline", code=14))


@pytest.fixture
def two_packs(snap: Snap) -> tuple[Snap, Path, str, str]:
    """Return a store with two snapshots of hardly anything in common, the second's pack, and the two contents."""
    snap("tag", "first")
    first = dbhash(snap.database)
    packs = set((snap.store / "packs").glob("*.pack"))
    add_random(snap.database)
    execute(snap.database, "DELETE FROM item WHERE id % 2")
    snap("tag", "second")
    (pack,) = set((snap.store / "packs").glob("*.pack")) - packs
    return snap, pack, first, dbhash(snap.database)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pack_spoils_its_own_snapshot_only(
    two_packs: tuple[Snap, Path, str, str], damage: Callable[[Path], None]
) -> None:
    snap, pack, first, _ = two_packs
    execute(snap.database, "DELETE FROM noise")
    damage(pack)
    done = fails(snap, "restore", "second", code=20)
    assert os.fspath(snap.store) in error_of(done)
    fails(snap, "export", "second", "out.sqlite3", code=20)
    fails(snap, "show", "second", code=20)
    snap("export", "first", "first.sqlite3")
    assert dbhash(snap.folder / "first.sqlite3") == first
    snap("restore", "first")
    assert dbhash(snap.database) == first
    snap("undo")
    assert items(snap.database) == 250


@pytest.mark.parametrize("damage", DAMAGES)
def test_reset_passes_over_a_damaged_snapshot(
    two_packs: tuple[Snap, Path, str, str], damage: Callable[[Path], None]
) -> None:
    snap, pack, first, _ = two_packs
    damage(pack)
    snap.database.write_bytes(b"gone")
    snap("reset")
    assert dbhash(snap.database) == first


@pytest.mark.parametrize("damage", [delete, truncate])
def test_a_live_state_is_not_taken_for_safe_in_a_lost_pack(
    two_packs: tuple[Snap, Path, str, str], damage: Callable[[Path], None]
) -> None:
    """The live state is the second snapshot, and the store cannot give that back any more."""
    snap, pack, _, second = two_packs
    damage(pack)
    snap("restore", "first")
    snap("undo")
    assert dbhash(snap.database) == second


@pytest.mark.parametrize("damage", [delete, truncate])
def test_a_new_tag_does_not_rest_on_a_lost_pack(
    two_packs: tuple[Snap, Path, str, str], damage: Callable[[Path], None]
) -> None:
    """A tag that succeeds can be restored; where it cannot be made so, it fails."""
    snap, pack, _, second = two_packs
    damage(pack)
    snap("tag", "third")
    snap("export", "third", "third.sqlite3")
    assert dbhash(snap.folder / "third.sqlite3") == second


def test_a_lost_reflog_file_does_not_matter_to_a_restore(kept: Snap) -> None:
    (kept.store / "reflog").unlink()
    execute(kept.database, "DELETE FROM item")
    kept("restore", "baseline")
    assert items(kept.database) == 500


def test_a_store_that_was_deleted_is_no_store(kept: Snap) -> None:
    for path in sorted(kept.store.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    kept.store.rmdir()
    assert "baseline" not in error_of(fails(kept, "restore", "baseline", code=10))
    kept("tag", "baseline")
