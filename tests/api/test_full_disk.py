"""No space left: nothing is lost, nothing is left over, and work goes on when there is space again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.errors import DatabaseReadOnly, DiskFull, FileError
from tests.api.folders import Single
from tests.api.tied import fails, outcomes, works
from tests.contents import add_random, execute, files_of, items
from tests.limits import limited, mounted, read_only
from tests.support import Application, dbhash, is_intact, make_database

DISK_BYTES = 4 << 20
LIMIT_BYTES = 300_000
FULL = ("DiskFull", 16)
# SQLite reports a limit on a file as it does a disk that fails.
IO_ERROR = ("FileError", 16)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", DISK_BYTES) as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Fill a disk to its last byte."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade with a snapshot of 500 items and a live state that takes 600 kB more."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        add_random(snap.database)
        execute(snap.database, "DELETE FROM item WHERE id > 100")
        yield snap


@pytest.fixture
def stored(tmp_path: Path, small_disk: Path) -> Iterator[Single]:
    """Yield the façade for a store on the small disk."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path, store=small_disk / "store") as snap:
        yield snap


def test_a_store_that_cannot_grow_keeps_what_it_has(kept: Single) -> None:
    before, live, known = files_of(kept.store_folder), dbhash(kept.database), kept.log(everything=True)
    for call in ("tag('next')", "backup()", "restore('baseline')", "import_('db.sqlite3')"):
        assert [one[:2] for one in outcomes(kept, limited(LIMIT_BYTES), call)] == [FULL], call
        assert dbhash(kept.database) == live
        assert files_of(kept.store_folder) == before
        assert kept.log(everything=True) == known
    kept.tag("next")
    kept.restore("baseline")
    assert items(kept.database) == 500
    kept.restore("next")
    assert dbhash(kept.database) == live


def test_an_export_that_does_not_fit_leaves_no_file(kept: Single) -> None:
    kept.tag("big")
    fails(kept, limited(LIMIT_BYTES), DiskFull, 16, "export('big', 'out.sqlite3')")
    assert not (kept.folder / "out.sqlite3").exists()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_live_database_that_cannot_grow_stays_as_it_is(tmp_path: Path, journal_mode: str) -> None:
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    with Single(tmp_path) as snap:
        small = dbhash(snap.database)
        snap.tag("small")
        add_random(snap.database)
        snap.tag("big")
        big = dbhash(snap.database)
        snap.restore("small")
        execute(snap.database, "PRAGMA journal_mode")
        for call in ("restore('big')", "undo()"):
            assert [one[:2] for one in outcomes(snap, limited(LIMIT_BYTES), call)] == [IO_ERROR]
            assert is_intact(snap.database)
            assert dbhash(snap.database) == small
        snap.restore("big")
        assert dbhash(snap.database) == big
        snap.undo()
        assert dbhash(snap.database) == small


def test_a_first_tag_on_a_full_disk_leaves_a_store_that_works(stored: Single, small_disk: Path) -> None:
    filler = fill(small_disk)
    fails(stored, (), DiskFull, 16, "tag('baseline')")
    filler.unlink()
    stored.tag("baseline")
    assert len(stored.tags()) == 1


@pytest.mark.parametrize("headroom", [0, 65536])
def test_a_store_on_a_full_disk_loses_nothing(stored: Single, small_disk: Path, headroom: int) -> None:
    stored.tag("baseline")
    stored.close()
    add_random(stored.database)
    live, before = dbhash(stored.database), files_of(stored.store_folder)
    filler = fill(small_disk)
    os.truncate(filler, filler.stat().st_size - headroom)
    fails(stored, (), DiskFull, 16, "tag('next')", "restore('baseline')", "tag('next')")
    assert dbhash(stored.database) == live
    assert files_of(stored.store_folder) == before
    filler.unlink()
    assert [tag.names for tag in stored.tags()] == [("baseline",)]
    stored.tag("next")
    stored.restore("baseline")
    assert items(stored.database) == 500
    stored.undo()
    assert dbhash(stored.database) == live


def test_a_store_on_a_full_disk_can_be_read(stored: Single, small_disk: Path) -> None:
    stored.tag("baseline")
    stored.close()
    fill(small_disk)
    works(stored, (), "log()", "tags()", "show('baseline')", "export('baseline', 'out.sqlite3')", "status()")
    assert items(stored.folder / "out.sqlite3") == 500


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_live_database_on_a_full_disk_loses_nothing(tmp_path: Path, small_disk: Path, journal_mode: str) -> None:
    with Single(tmp_path, make_database(small_disk / "db.sqlite3", journal_mode=journal_mode)) as snap:
        add_random(snap.database, 1_000_000)
        snap.tag("big")
        big = dbhash(snap.database)
        execute(snap.database, "DROP TABLE noise", "DELETE FROM item WHERE id > 100", "VACUUM")
        small = dbhash(snap.database)
        with Application(snap.database) as application:
            assert application.ask("SELECT count(*) FROM item") == [[100]]
            filler = fill(small_disk)
            tagged, restored = outcomes(snap, (), "tag('small')", "restore('big')")
            assert (tagged.error, restored[:2]) == ("", FULL)
            assert application.ask("SELECT count(*) FROM item") == [[100]]
            filler.unlink()
            assert application.ask("PRAGMA integrity_check") == [["ok"]]
            assert dbhash(snap.database) == small
            snap.restore("big")
            assert application.ask("SELECT count(*) FROM noise") == [[1000]]
            assert dbhash(snap.database) == big
    assert {path.name for path in small_disk.iterdir()} <= {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"}


def test_a_missing_database_on_a_full_disk_leaves_no_half_file(tmp_path: Path, small_disk: Path) -> None:
    with Single(tmp_path, make_database(small_disk / "db.sqlite3")) as snap:
        snap.tag("baseline")
        snap.close()
        snap.database.unlink()
        filler = fill(small_disk)
        fails(snap, (), DiskFull, 16, "restore('baseline')")
        assert [path.name for path in small_disk.iterdir()] == ["filler"]
        filler.unlink()
        snap.restore("baseline")
        assert items(snap.database) == 500


def test_a_damaged_database_on_a_full_disk_is_not_thrown_away(tmp_path: Path, small_disk: Path) -> None:
    with Single(tmp_path, make_database(small_disk / "db.sqlite3")) as snap:
        snap.tag("baseline")
        snap.database.write_bytes(b"precious" * 1000)
        filler = fill(small_disk)
        for call in ("reset()", "restore('baseline', force=True)"):
            assert [one[:2] for one in outcomes(snap, (), call)] == [FULL]
            kept = [path for path in small_disk.iterdir() if path != filler]
            assert b"precious" * 1000 in [path.read_bytes() for path in kept]
        assert snap.database.read_bytes() == b"precious" * 1000
        filler.unlink()
        snap.reset()
        assert items(snap.database) == 500


def test_repairing_a_store_that_cannot_grow_leaves_it_as_it_was(kept: Single) -> None:
    kept.tag("larger")
    kept.close()
    newest = max((kept.store_folder / "packs").glob("*.pack"), key=os.path.getmtime)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    files = files_of(kept.store_folder)
    for call in ("fsck(rebuild=True)", "fsck(heal=True)"):
        assert outcomes(kept, limited(30_000), call)[0].exit_code == 16
        assert files_of(kept.store_folder) - {"locks/prune"} == files
        assert newest.read_bytes() == data
    assert kept.fsck(rebuild=True, heal=True).ok
    kept.export("larger", kept.folder / "out.sqlite3")


def test_a_store_on_a_full_disk_is_checked(stored: Single, small_disk: Path) -> None:
    stored.tag("baseline")
    stored.close()
    filler = fill(small_disk)
    checked, rebuilt, again = outcomes(stored, (), "fsck().ok", "fsck(rebuild=True)", "fsck().ok")
    assert (checked.text, rebuilt[:2], again.text) == ("True", FULL, "True")
    filler.unlink()
    assert stored.fsck(rebuild=True).ok
    stored.restore("baseline")


def test_a_read_only_file_system_is_read_and_not_written(stored: Single, small_disk: Path) -> None:
    stored.tag("baseline")
    stored.close()
    with read_only(small_disk):
        works(
            stored, (), "log()", "fsck()", "fsck(quick=True)", "export('baseline', 'out.sqlite3')", "show('baseline')"
        )
        execute(stored.database, "DELETE FROM item WHERE id > 100")
        calls = "tag('next')", "restore('baseline')", "fsck(rebuild=True)", "pin('baseline')"
        fails(stored, (), FileError, 16, *calls)
        assert items(stored.database) == 100
    stored.restore("baseline")
    assert items(stored.database) == 500


def test_a_live_database_on_a_read_only_file_system_is_taken_and_not_restored(tmp_path: Path, small_disk: Path) -> None:
    with Single(tmp_path, make_database(small_disk / "db.sqlite3", journal_mode="delete")) as snap:
        snap.tag("baseline")
        execute(snap.database, "DELETE FROM item WHERE id > 100")
        with read_only(small_disk):
            works(snap, (), "tag('next')")
            (message,) = fails(snap, (), DatabaseReadOnly, 14, "restore('baseline')")
            assert "read-only" in message
            assert items(snap.database) == 100
