"""The store is not what it should be: nothing is lost, and whatever is intact can still be restored."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from snapstore.errors import NoStore, NotAStore, SnapError, StoreDamaged, StoreLocked, StoreTooNew
from tests.api.folders import Single, refused
from tests.contents import add_random, execute, items
from tests.support import dbhash, make_database

VERBS: dict[str, Callable[[Single], object]] = {
    "tag": lambda snap: snap.tag("next"),
    "backup": lambda snap: snap.backup(),
    "restore": lambda snap: snap.restore("baseline"),
    "undo": lambda snap: snap.undo(),
    "reset": lambda snap: snap.reset(),
    "status": lambda snap: snap.status(),
    "verify": lambda snap: snap.verify(),
    "diff": lambda snap: snap.diff(),
    "clean": lambda snap: snap.clean(),
    "query": lambda snap: snap.query("baseline", "SELECT 1"),
    "log": lambda snap: snap.log(),
    "tags": lambda snap: snap.tags(),
    "show": lambda snap: snap.show("baseline"),
    "reflog": lambda snap: snap.reflog(),
    "pin": lambda snap: snap.pin("baseline"),
    "rename": lambda snap: snap.rename("baseline", "other"),
    "rm": lambda snap: snap.rm("baseline"),
    "export": lambda snap: snap.export("baseline", snap.folder / "out.sqlite3"),
    "import": lambda snap: snap.import_(snap.database),
}


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def fill_with_garbage(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def empty(path: Path) -> None:
    os.truncate(path, 0)


DAMAGES = [delete, truncate, fill_with_garbage, empty]


def every_verb_fails(snap: Single, kind: type[SnapError], exit_code: int) -> Iterator[SnapError]:
    """Demand that every verb raises an error of a class and changes no file; yield the errors."""
    for verb in VERBS.values():
        with refused(snap, kind, exit_code) as raised:
            verb(snap)
        yield raised.value


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a folder with a database in WAL mode."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path) as snap:
        yield snap


@pytest.fixture
def kept(snap: Single) -> Single:
    """Return the façade whose store has a snapshot of 500 items and is closed."""
    snap.tag("baseline")
    snap.close()
    return snap


def test_a_store_of_a_newer_format_is_refused(kept: Single) -> None:
    (kept.store_folder / "format").write_text("snapstore 99\n")
    for error in every_verb_fails(kept, StoreTooNew, 14):
        assert "99" in str(error)
        assert "upgrade" in str(error.hint)


@pytest.mark.parametrize("damage", [fill_with_garbage, empty, truncate])
def test_a_damaged_format_file_is_a_damaged_store(kept: Single, damage: Callable[[Path], None]) -> None:
    damage(kept.store_folder / "format")
    assert len(list(every_verb_fails(kept, StoreDamaged, 20))) == len(VERBS)


def test_a_lost_format_file_does_not_lose_the_store(kept: Single) -> None:
    (kept.store_folder / "format").unlink()
    before = sorted(kept.store_folder.rglob("*"))
    for error in every_verb_fails(kept, StoreDamaged, 20):
        assert "format" in str(error)
        assert sorted(kept.store_folder.rglob("*")) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_catalog_is_a_damaged_store(kept: Single, damage: Callable[[Path], None]) -> None:
    damage(kept.store_folder / "catalog.db")
    packs = sorted((kept.store_folder / "packs").iterdir())
    for error in every_verb_fails(kept, StoreDamaged, 20):
        assert str(kept.store_folder) in str(error)
        assert sorted((kept.store_folder / "packs").iterdir()) == packs


def test_a_store_that_is_a_file_is_refused(snap: Single) -> None:
    snap.store_folder.write_text("mine")
    assert len(list(every_verb_fails(snap, NotAStore, 14))) == len(VERBS)
    assert snap.store_folder.read_text() == "mine"


def test_a_folder_with_other_files_is_refused(snap: Single) -> None:
    snap.store_folder.mkdir()
    (snap.store_folder / "thesis.tex").write_text("mine")
    assert len(list(every_verb_fails(snap, NotAStore, 14))) == len(VERBS)
    assert os.listdir(snap.store_folder) == ["thesis.tex"]


def test_an_empty_folder_becomes_a_store(snap: Single) -> None:
    snap.store_folder.mkdir()
    snap.tag("baseline")
    assert len(snap.tags()) == 1


def test_a_store_cannot_be_made_under_a_file(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=1)
    (tmp_path / "file").write_text("mine")
    with Single(tmp_path, store=tmp_path / "file" / "store") as snap, refused(snap, NotAStore, 14):
        snap.tag("baseline")


class TwoPacks(NamedTuple):
    """A store with two snapshots that share hardly anything: the pack of the second, and the two contents."""

    snap: Single
    pack: Path
    first: str
    second: str

    def damage_by(self, damage: Callable[[Path], None]) -> Single:
        """Damage the second pack while the store is closed; return the façade."""
        self.snap.close()
        damage(self.pack)
        return self.snap


@pytest.fixture
def two_packs(snap: Single) -> TwoPacks:
    snap.tag("first")
    first = dbhash(snap.database)
    packs = set((snap.store_folder / "packs").glob("*.pack"))
    add_random(snap.database)
    execute(snap.database, "DELETE FROM item WHERE id % 2")
    snap.tag("second")
    (pack,) = set((snap.store_folder / "packs").glob("*.pack")) - packs
    return TwoPacks(snap, pack, first, dbhash(snap.database))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pack_spoils_only_its_own_snapshot(two_packs: TwoPacks, damage: Callable[[Path], None]) -> None:
    execute(two_packs.snap.database, "DELETE FROM noise")
    snap = two_packs.damage_by(damage)
    verbs: list[Callable[[], object]] = [
        lambda: snap.restore("second"),
        lambda: snap.export("second", snap.folder / "out.sqlite3"),
        lambda: snap.show("second"),
    ]
    for verb in verbs:
        with refused(snap, StoreDamaged, 20) as raised:
            verb()
        assert raised.value.path == str(snap.store_folder)
    snap.export("first", snap.folder / "first.sqlite3")
    assert dbhash(snap.folder / "first.sqlite3") == two_packs.first
    snap.restore("first")
    assert dbhash(snap.database) == two_packs.first
    snap.undo()
    assert items(snap.database) == 250


@pytest.mark.parametrize("damage", DAMAGES)
def test_reset_passes_over_a_damaged_snapshot(two_packs: TwoPacks, damage: Callable[[Path], None]) -> None:
    snap = two_packs.damage_by(damage)
    snap.database.write_bytes(b"gone")
    snap.reset()
    assert dbhash(snap.database) == two_packs.first


@pytest.mark.parametrize("damage", [delete, truncate])
def test_a_live_state_is_stored_again_where_its_pack_is_lost(
    two_packs: TwoPacks, damage: Callable[[Path], None]
) -> None:
    """The live state is the second snapshot, which the store can no longer restore."""
    snap = two_packs.damage_by(damage)
    snap.restore("first")
    snap.undo()
    assert dbhash(snap.database) == two_packs.second


@pytest.mark.parametrize("damage", [delete, truncate])
def test_a_new_tag_does_not_rest_on_a_lost_pack(two_packs: TwoPacks, damage: Callable[[Path], None]) -> None:
    """A tag that succeeds can be restored; if that is impossible, it fails."""
    snap = two_packs.damage_by(damage)
    snap.tag("third")
    snap.export("third", snap.folder / "third.sqlite3")
    assert dbhash(snap.folder / "third.sqlite3") == two_packs.second


def test_a_lost_reflog_file_does_not_matter_to_a_restore(kept: Single) -> None:
    (kept.store_folder / "reflog").unlink()
    execute(kept.database, "DELETE FROM item")
    kept.restore("baseline")
    assert items(kept.database) == 500


def test_a_store_that_was_deleted_is_no_store(kept: Single) -> None:
    shutil.rmtree(kept.store_folder)
    with refused(kept, NoStore, 10) as raised:
        kept.restore("baseline")
    assert "baseline" not in str(raised.value)
    kept.tag("baseline")


@pytest.mark.parametrize("lose", [delete, lambda path: path.rename(path.with_suffix(".elsewhere"))])
def test_nothing_is_based_on_a_pack_that_went_while_the_store_was_open(
    two_packs: TwoPacks, lose: Callable[[Path], None]
) -> None:
    """A process that still has the file open, or remembers what was in it, takes what others can read."""
    snap = two_packs.snap
    assert snap.verify("second").ok
    snap.show("second")
    lose(two_packs.pack)
    execute(snap.database, "UPDATE noise SET body = randomblob(10) WHERE rowid % 7 = 0")
    snap.tag("third")
    third = dbhash(snap.database)
    execute(snap.database, "DELETE FROM item")
    with Single(snap.folder) as other:
        other.restore("third")
    assert dbhash(snap.database) == third


def test_a_store_that_was_released_can_be_rebuilt_by_others(kept: Single) -> None:
    kept.status()
    with Single(kept.folder) as other:
        with refused(other, StoreLocked, 11):
            other.fsck(rebuild=True, timeout=0)
        kept.release()
        assert other.fsck(rebuild=True, timeout=0).ok
    assert kept.status().state_ok
