"""`fsck`: every damage is named with the snapshots it affects; the rest comes out; what can be repaired is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from snapstore import Snapstore
from snapstore.errors import InvalidArgument, NamePinned, NoStore, NotAStore, StoreDamaged, StoreLocked
from snapstore.results.checks import Checked, Healed, Rebuilt
from snapstore.store import Store
from tests.cli.hands import add_random, execute
from tests.support import ENVIRONMENT, connect, dbhash, make_database, raised


@pytest.fixture
def kept(snap: Snapstore, database: Path) -> Snapstore:
    """Return a façade with three snapshots, the third of hardly anything in common with the others."""
    snap.tag("first", message="the first", pin=True)
    execute(database, "DELETE FROM item WHERE id % 50 = 0")
    snap.tag("second")
    execute(database, "DELETE FROM item", "DELETE FROM note")
    add_random(database, 300_000)
    execute(database, "VACUUM")
    snap.tag("third")
    snap.close()
    return snap


@pytest.fixture
def folder(database: Path) -> Path:
    """Return the folder of the store."""
    return database.parent / "store"


@pytest.fixture
def other(database: Path) -> Iterator[Snapstore]:
    """Return a façade for the same database and another store."""
    with Snapstore(db=database, store=database.parent / "other", env=ENVIRONMENT) as other:
        yield other


def packs(folder: Path) -> list[Path]:
    """Return the packs, the oldest first."""
    return sorted((folder / "packs").glob("*.pack"), key=os.path.getmtime)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def lose_the_catalog(snap: Snapstore, folder: Path) -> None:
    snap.close()
    for path in folder.glob("catalog.db*"):
        path.unlink()


def books(snap: Snapstore) -> list[Any]:
    """Return what a user sees of ids, names, times, messages, pins and HEAD; close the store, so that it can change."""
    found = [snap.log(everything=True), snap.tags(), snap.reflog(), snap.show("HEAD")]
    snap.close()
    return found


def affected(found: Checked) -> set[str]:
    return {name for one in found.affected_snapshots for name in one.names}


def rebuilt(found: Checked) -> Rebuilt:
    assert found.rebuilt
    return found.rebuilt


def healed(found: Checked) -> Healed:
    assert found.healed
    return found.healed


def test_a_sound_store_is_reported_as_sound(kept: Snapstore) -> None:
    for quick in (False, True):
        found = kept.fsck(quick=quick)
        assert (found.ok, found.full) == (True, not quick)
        assert (found.damaged, found.affected_snapshots, found.packs, found.snapshots) == ((), (), 3, 3)


def test_a_flipped_bit_is_named_with_object_pack_and_snapshots(kept: Snapstore, folder: Path) -> None:
    flip(packs(folder)[2], packs(folder)[2].stat().st_size // 2)
    assert kept.fsck(quick=True).ok, "quick does not read objects"
    found = kept.fsck()
    assert not found.ok
    (damage,) = [one for one in found.damaged if one.what == "object"]
    assert damage.object
    assert damage.pack == packs(folder)[2].stem
    (one,) = found.affected_snapshots
    assert damage.snapshots == (one.snapshot,)
    assert one.names == ("third",)
    kept.export("first", folder.parent / "first.sqlite3")
    kept.export("second", folder.parent / "second.sqlite3")
    raised(StoreDamaged, 20, kept.export, "third", folder.parent / "third.sqlite3")
    assert {path.stem for path in folder.parent.glob("*.sqlite3")} == {"db", "first", "second"}


def test_a_lost_pack_affects_what_is_based_on_it_too(kept: Snapstore, folder: Path) -> None:
    packs(folder)[1].unlink()
    for quick in (True, False):
        found = kept.fsck(quick=quick)
        assert affected(found) == {"second", "third"}, (
            "the record of the third is stored as a difference from the second's"
        )
        assert [one.what for one in found.damaged] == ["pack"]
    kept.export("first", folder.parent / "first.sqlite3")


def test_what_is_left_of_a_snapshot_of_two_databases_can_be_restored(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_database(tmp_path / f"{name}.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("databases: {one: one.sqlite3, two: two.sqlite3}\nstore: store\n")
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.tag("both")
        whole = dbhash(tmp_path / "one.sqlite3")
        execute(tmp_path / "two.sqlite3", "UPDATE item SET name = upper(name)")
        snap.tag("again")
        snap.close()
        flip(packs(tmp_path / "store")[1], 200)
        (one,) = snap.fsck().affected_snapshots
        assert (one.damaged, one.intact) == (("two",), ("one",))
        execute(tmp_path / "one.sqlite3", "DELETE FROM item")
        snap.restore(one.snapshot, only_db="one", safety=False)
    assert dbhash(tmp_path / "one.sqlite3") == whole


def test_healing_takes_a_block_from_the_live_database(kept: Snapstore, database: Path, folder: Path) -> None:
    wanted = dbhash(database)
    flip(packs(folder)[2], packs(folder)[2].stat().st_size // 2)
    found = kept.fsck(heal=True)
    assert found.ok
    assert [one.source for one in healed(found).objects] == ["database default"]
    assert kept.fsck().ok
    kept.export("third", folder.parent / "third.sqlite3")
    assert dbhash(folder.parent / "third.sqlite3") == wanted
    (aside,) = (folder / "packs").glob("*.damaged")
    assert aside.name.startswith(healed(found).set_aside[0])


def test_healing_takes_a_manifest_from_the_live_database(kept: Snapstore, folder: Path) -> None:
    packs(folder)[2].unlink()
    found = kept.fsck(heal=True)
    assert not found.ok
    assert len(healed(found).objects) > 1
    with Store.open(folder) as store:
        assert len(store.catalog.rows("SELECT 1 FROM object WHERE kind = 2")) == 3
    assert affected(found) == {"third"}, "the record of a snapshot is nowhere else"


def test_healing_takes_an_object_from_another_pack(
    kept: Snapstore, other: Snapstore, database: Path, folder: Path
) -> None:
    """A take that was cut off left a pack that nothing mentions, with the same blocks."""
    other.tag("same")
    (pack,) = packs(database.parent / "other")
    flip(packs(folder)[2], packs(folder)[2].stat().st_size // 2)
    shutil.copy(pack, folder / "packs")
    execute(database, "DELETE FROM noise")
    found = kept.fsck(heal=True)
    assert found.ok
    assert {one.source for one in healed(found).objects} == {f"pack {pack.stem}"}


def test_what_cannot_be_healed_stays_named(kept: Snapstore, database: Path, folder: Path) -> None:
    flip(packs(folder)[0], 200)
    execute(database, "DELETE FROM noise")
    for _ in range(2):
        found = kept.fsck(heal=True)
        assert not found.ok
        assert affected(found) == {"first", "second"}
    kept.export("third", folder.parent / "third.sqlite3")


def test_a_lost_catalog_is_rebuilt(kept: Snapstore, folder: Path) -> None:
    before = books(kept)
    lose_the_catalog(kept, folder)
    assert [one.what for one in kept.fsck().damaged] == ["catalog"]
    found = kept.fsck(rebuild=True)
    assert found.ok
    assert (rebuilt(found).snapshots, rebuilt(found).kept) == (3, None)
    assert books(kept) == before
    kept.restore("first")
    raised(NamePinned, 14, kept.rm, "first")


def test_a_readable_catalog_is_kept_beside_and_its_ledger_carried_over(kept: Snapstore, folder: Path) -> None:
    kept.begin_suite("tests", quiet=0)
    kept.begin_test("one")
    kept.end_test()
    kept.end_suite()
    kept.close()
    with Store.open(folder) as store:
        suites = store.catalog.rows("SELECT * FROM suite")
        tests = store.catalog.rows("SELECT * FROM test")
    assert suites
    assert tests
    before = books(kept)
    found = kept.fsck(rebuild=True)
    assert rebuilt(found).carried["suite"] == len(suites)
    assert Path(str(rebuilt(found).kept)).exists()
    with Store.open(folder) as store:
        assert store.catalog.rows("SELECT * FROM suite") == suites
        assert store.catalog.rows("SELECT * FROM test") == tests
    assert books(kept) == before


def test_a_pack_that_builds_on_what_was_freed_is_no_damage(
    kept: Snapstore, database: Path, folder: Path, tmp_path: Path
) -> None:
    """Such as a take that was cut off leaves: its pack is there, no snapshot needs it, and its base goes with prune."""
    execute(database, "INSERT INTO item(name, body) VALUES ('the base', hex(randomblob(900)))")
    kept.tag("base")
    kept.close()
    before = set(packs(folder))
    execute(database, "INSERT INTO item(name) VALUES ('one more')")
    kept.tag("unfinished")
    kept.close()
    (left,) = set(packs(folder)) - before
    data, live = left.read_bytes(), shutil.copy(database, tmp_path / "live.sqlite3")
    for name in ("second", "first"):  # two, so that undo does not lead to it
        kept.restore(name, safety=False)
    execute(database, "DELETE FROM note")
    kept.tag("newest")
    for name in ("unfinished", "base"):
        kept.rm(name)
    assert len(kept.prune(keep_last=1, grace="0").removed) == 2
    kept.close()
    left.write_bytes(data)
    assert kept.fsck(rebuild=True).ok
    kept.close()
    shutil.copy(live, database)
    kept.tag("again")
    assert kept.fsck().ok
    kept.export("again", tmp_path / "again.sqlite3")
    assert dbhash(tmp_path / "again.sqlite3") == dbhash(database)


@pytest.mark.parametrize("lost", [(1,), (2,), (3,), (1, 3), (1, 2, 3)])
def test_snapshots_keep_their_order_whatever_the_old_list_lost(
    kept: Snapstore, folder: Path, lost: tuple[int, ...]
) -> None:
    known = kept.log()
    kept.close()
    with closing(connect(folder / "catalog.db")) as connection:
        numbers = [number for (number,) in connection.execute("SELECT number FROM recorded ORDER BY number")]
        connection.executemany("DELETE FROM recorded WHERE number = ?", [(numbers[one - 1],) for one in lost])
    kept.fsck(rebuild=True)
    assert [one.names for one in known] == [("third",), ("second",), ("first",)]
    assert kept.log() == known


def test_a_log_of_the_old_catalog_is_not_replayed_over_the_new(kept: Snapstore, database: Path, folder: Path) -> None:
    """A copy of catalog and log as a crash leaves them; a log that stays would be read as the new catalog's."""
    copy = folder.parent / "copy"
    with closing(connect(folder / "catalog.db")) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE ref SET message = 'in the log' WHERE name = 'third'")
        shutil.copytree(folder, copy)
    assert (copy / "catalog.db-wal").stat().st_size
    with Snapstore(db=database, store=copy, env=ENVIRONMENT) as snap:
        snap.fsck(rebuild=True)
        assert not list(copy.glob("catalog.db-wal"))
        assert snap.fsck().ok


def test_forgotten_snapshots_stay_forgotten(kept: Snapstore, folder: Path) -> None:
    kept.rm("second")
    gone = kept.log(everything=True)[1].snapshot
    kept.rm(gone)
    before = books(kept)
    lose_the_catalog(kept, folder)
    kept.fsck(rebuild=True)
    assert books(kept) == before
    assert {one.snapshot for one in kept.log(everything=True) if one.forgotten} == {gone}


def test_a_lost_line_of_the_reflog_is_taken_from_the_catalog(kept: Snapstore, folder: Path) -> None:
    before = books(kept)
    reflog = folder / "reflog"
    lines = reflog.read_bytes().splitlines(keepends=True)
    reflog.write_bytes(b"".join(lines[:1] + lines[3:]))
    assert [one.what for one in kept.fsck(quick=True).damaged] == ["reflog"]
    found = kept.fsck(heal=True)
    assert found.ok
    assert healed(found).reflog
    assert books(kept) == before
    lose_the_catalog(kept, folder)
    assert rebuilt(kept.fsck(rebuild=True)).lost == ()
    assert books(kept) == before


def test_what_neither_reflog_nor_catalog_has_is_reported_as_lost(kept: Snapstore, folder: Path) -> None:
    ids = {one.snapshot for one in kept.log(everything=True)}
    reflog = folder / "reflog"
    lines = reflog.read_bytes().splitlines(keepends=True)
    (cut,) = [number for number, line in enumerate(lines) if b'"second", "origin": ""' in line]
    reflog.write_bytes(b"".join([*lines[:cut], lines[cut][:40] + b"\n", *lines[cut + 1 :]]))
    lose_the_catalog(kept, folder)
    found = kept.fsck(rebuild=True)
    assert not found.ok
    assert any("reflog" in text for text in rebuilt(found).lost)
    assert {one.snapshot for one in kept.log(everything=True)} == ids, "no snapshot goes with its name"
    assert [one.names for one in kept.tags()] == [("first",), ("third",)]
    assert kept.fsck().ok, "what is lost is reported once"


def test_a_lost_format_file_is_written_again(kept: Snapstore, folder: Path) -> None:
    before = books(kept)
    (folder / "format").unlink()
    error = raised(StoreDamaged, 20, kept.log)
    assert "format" in error.detail
    assert "--rebuild" in str(error.hint)
    kept.fsck(rebuild=True)
    assert (folder / "format").read_bytes() == b"snapstore 1\n"
    assert books(kept) == before


def test_packs_under_each_others_names_get_their_own(kept: Snapstore, folder: Path) -> None:
    one, two = packs(folder)[:2]
    data = one.read_bytes(), two.read_bytes()
    one.write_bytes(data[1])
    two.write_bytes(data[0])
    assert affected(kept.fsck()) >= {"first", "second"}
    assert kept.fsck(rebuild=True).ok
    assert (one.read_bytes(), two.read_bytes()) == data


def test_entries_after_a_damaged_one_are_found(kept: Snapstore, folder: Path) -> None:
    flip(packs(folder)[2], 20)
    lose_the_catalog(kept, folder)
    found = kept.fsck(rebuild=True)
    assert not found.ok
    assert affected(found) == {"third"}
    assert found.objects > 3
    for name in ("first", "second"):
        kept.export(name, folder.parent / f"{name}.sqlite3")


def test_a_take_that_was_cut_off_stays_off_the_list(
    kept: Snapstore, other: Snapstore, database: Path, folder: Path
) -> None:
    before = books(kept)
    other.tag("never-finished")
    shutil.copy(packs(database.parent / "other")[0], folder / "packs")
    found = kept.fsck()
    assert (found.ok, found.unused_packs) == (True, 1)
    kept.fsck(rebuild=True)
    assert books(kept) == before


@pytest.mark.parametrize("option", ["rebuild", "heal"])
def test_nothing_is_changed_while_another_process_has_the_store_open(
    kept: Snapstore, folder: Path, option: str
) -> None:
    check = partial(kept.fsck, rebuild=option == "rebuild", heal=option == "heal")
    with Store.open(folder):
        assert "waiting for a lock" in str(raised(StoreLocked, 11, check, timeout=0))
    assert check().ok


def test_no_packs_make_no_catalog(kept: Snapstore, folder: Path) -> None:
    shutil.rmtree(folder / "packs")
    (folder / "packs").mkdir()
    before = (folder / "catalog.db").read_bytes()
    assert "no packs" in raised(StoreDamaged, 20, kept.fsck, rebuild=True).detail
    assert (folder / "catalog.db").read_bytes() == before


def test_what_is_not_a_store_is_left_alone(snap: Snapstore, folder: Path) -> None:
    for rebuild in (False, True):
        raised(NoStore, 10, snap.fsck, rebuild=rebuild)
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    for rebuild in (False, True):
        raised(NotAStore, 14, snap.fsck, rebuild=rebuild)
    assert raised(InvalidArgument, 2, snap.fsck, quick=True, heal=True).name == "quick"
    assert os.listdir(folder) == ["thesis.tex"]
