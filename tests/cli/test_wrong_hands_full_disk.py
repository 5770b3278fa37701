"""No space left: nothing is lost, nothing is left over, and it goes on when there is space again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hands import (
    add_random,
    call,
    error_of,
    execute,
    fails,
    files_of_the_store,
    items,
    limited,
)
from tests.support import Application, Snap, dbhash, is_intact, make_database

TMPFS_BYTES = 4 << 20
LIMIT_BYTES = 300_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", os.fspath(folder)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", os.fspath(folder)], check=True)


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
def kept(snap: Snap) -> Snap:
    """Return a command with a snapshot of 500 items and a live state that takes 600 kB more."""
    snap("tag", "baseline")
    add_random(snap.database)
    execute(snap.database, "DELETE FROM item WHERE id > 100")
    return snap


@pytest.mark.parametrize("verb", [("tag", "next"), ("backup",), ("restore", "baseline"), ("import", "db.sqlite3")])
def test_a_store_that_cannot_grow_keeps_what_it_has(kept: Snap, verb: tuple[str, ...]) -> None:
    before, live, known = files_of_the_store(kept), dbhash(kept.database), kept.json("log", "--all")
    error_of(call(kept, *verb, code=16, program=limited(LIMIT_BYTES)))
    assert dbhash(kept.database) == live
    assert files_of_the_store(kept) == before
    assert kept.json("log", "--all") == known
    kept("tag", "next")
    kept("restore", "baseline")
    assert items(kept.database) == 500
    kept("restore", "next")
    assert dbhash(kept.database) == live


@pytest.mark.parametrize("verb", [("export", "big", "out.sqlite3"), ("restore", "big", "--to", "out.sqlite3")])
def test_an_export_that_does_not_fit_leaves_no_file(kept: Snap, verb: tuple[str, ...]) -> None:
    kept("tag", "big")
    fails(kept, *verb, code=16, program=limited(LIMIT_BYTES))
    assert not (kept.folder / "out.sqlite3").exists()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_live_database_that_cannot_grow_stays_as_it_is(tmp_path: Path, journal_mode: str) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode))
    small = dbhash(snap.database)
    snap("tag", "small")
    add_random(snap.database)
    snap("tag", "big")
    big = dbhash(snap.database)
    snap("restore", "small")
    execute(snap.database, "PRAGMA journal_mode")
    for verb in (("restore", "big"), ("undo",)):
        error_of(call(snap, *verb, code=16, program=limited(LIMIT_BYTES)))
        assert is_intact(snap.database)
        assert dbhash(snap.database) == small
    snap("restore", "big")
    assert dbhash(snap.database) == big
    snap("undo")
    assert dbhash(snap.database) == small


def test_a_first_tag_on_a_full_disk_leaves_a_store_that_works(snap: Snap, small_disk: Path) -> None:
    snap.store = small_disk / "store"
    filler = fill(small_disk)
    fails(snap, "tag", "baseline", code=16)
    filler.unlink()
    snap("tag", "baseline")
    assert len(snap.json("tags")) == 1


@pytest.mark.parametrize("headroom", [0, 65536])
def test_a_store_on_a_full_disk_loses_nothing(snap: Snap, small_disk: Path, headroom: int) -> None:
    snap.store = small_disk / "store"
    snap("tag", "baseline")
    add_random(snap.database)
    live, before = dbhash(snap.database), files_of_the_store(snap)
    filler = fill(small_disk)
    os.truncate(filler, filler.stat().st_size - headroom)
    for verb in (("tag", "next"), ("restore", "baseline"), ("tag", "next")):
        fails(snap, *verb, code=16)
    assert dbhash(snap.database) == live
    assert files_of_the_store(snap) == before
    filler.unlink()
    assert [tag["names"] for tag in snap.json("tags")] == [["baseline"]]
    snap("tag", "next")
    snap("restore", "baseline")
    assert items(snap.database) == 500
    snap("undo")
    assert dbhash(snap.database) == live


def test_a_store_on_a_full_disk_can_be_read(snap: Snap, small_disk: Path) -> None:
    snap.store = small_disk / "store"
    snap("tag", "baseline")
    fill(small_disk)
    for verb in (("log",), ("tags",), ("show", "baseline"), ("export", "baseline", "out.sqlite3"), ("status",)):
        snap(*verb)
    assert items(snap.folder / "out.sqlite3") == 500


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_live_database_on_a_full_disk_loses_nothing(tmp_path: Path, small_disk: Path, journal_mode: str) -> None:
    snap = Snap(tmp_path, make_database(small_disk / "db.sqlite3", journal_mode=journal_mode))
    add_random(snap.database, 1_000_000)
    snap("tag", "big")
    big = dbhash(snap.database)
    execute(snap.database, "DROP TABLE noise", "DELETE FROM item WHERE id > 100", "VACUUM")
    small = dbhash(snap.database)
    with Application(snap.database) as application:
        assert application.ask("SELECT count(*) FROM item") == [[100]]
        filler = fill(small_disk)
        snap("tag", "small")
        error_of(snap("restore", "big", code=16))
        assert application.ask("SELECT count(*) FROM item") == [[100]]
        filler.unlink()
        assert application.ask("PRAGMA integrity_check") == [["ok"]]
        assert dbhash(snap.database) == small
        snap("restore", "big")
        assert application.ask("SELECT count(*) FROM noise") == [[1000]]
        assert dbhash(snap.database) == big
    assert {path.name for path in small_disk.iterdir()} <= {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"}


def test_a_missing_database_on_a_full_disk_leaves_no_half_file(tmp_path: Path, small_disk: Path) -> None:
    snap = Snap(tmp_path, make_database(small_disk / "db.sqlite3"))
    snap("tag", "baseline")
    snap.database.unlink()
    filler = fill(small_disk)
    fails(snap, "restore", "baseline", code=16)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    filler.unlink()
    snap("restore", "baseline")
    assert items(snap.database) == 500


def test_a_damaged_database_on_a_full_disk_is_not_thrown_away(tmp_path: Path, small_disk: Path) -> None:
    snap = Snap(tmp_path, make_database(small_disk / "db.sqlite3"))
    snap("tag", "baseline")
    snap.database.write_bytes(b"precious" * 1000)
    filler = fill(small_disk)
    for verb in (("reset",), ("restore", "baseline", "--force")):
        error_of(snap(*verb, code=16))
        kept = [path for path in small_disk.iterdir() if path != filler]
        assert b"precious" * 1000 in [path.read_bytes() for path in kept]
    assert snap.database.read_bytes() == b"precious" * 1000
    filler.unlink()
    snap("reset")
    assert items(snap.database) == 500


@pytest.mark.parametrize("option", ["--rebuild", "--heal"])
def test_mending_a_store_that_cannot_grow_leaves_it_as_it_was(kept: Snap, option: str) -> None:
    kept("tag", "larger")
    newest = max((kept.store / "packs").glob("*.pack"), key=os.path.getmtime)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    files = files_of_the_store(kept)
    error_of(call(kept, "fsck", option, code=16, program=limited(30_000)))
    assert files_of_the_store(kept) == files
    assert newest.read_bytes() == data
    kept("fsck", "--rebuild", "--heal")
    kept("export", "larger", "out.sqlite3")


def test_a_store_on_a_full_disk_is_checked(snap: Snap, small_disk: Path) -> None:
    snap.store = small_disk / "store"
    snap("tag", "baseline")
    filler = fill(small_disk)
    assert snap.json("fsck")["ok"]
    error_of(snap("fsck", "--rebuild", code=16))
    assert snap.json("fsck")["ok"]
    filler.unlink()
    snap("fsck", "--rebuild")
    snap("restore", "baseline")


def test_a_read_only_file_system_is_read_and_not_written(snap: Snap, small_disk: Path) -> None:
    snap.store = small_disk / "store"
    snap("tag", "baseline")
    subprocess.run(["mount", "-o", "remount,ro", os.fspath(small_disk)], check=True)
    for verb in (("log",), ("fsck",), ("fsck", "--quick"), ("export", "baseline", "out.sqlite3"), ("show", "baseline")):
        snap(*verb)
    execute(snap.database, "DELETE FROM item WHERE id > 100")
    for verb in (
        ("tag", "next"),
        ("restore", "baseline"),
        ("fsck", "--rebuild"),
        ("pin", "baseline"),
    ):
        error_of(snap(*verb, code=16))
    assert items(snap.database) == 100
    assert "read-only" in snap("doctor", code=1).stdout
    subprocess.run(["mount", "-o", "remount,rw", os.fspath(small_disk)], check=True)
    snap("restore", "baseline")


def test_a_live_database_on_a_read_only_file_system_is_taken_and_not_restored(tmp_path: Path, small_disk: Path) -> None:
    snap = Snap(tmp_path, make_database(small_disk / "db.sqlite3", journal_mode="delete"))
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 100")
    subprocess.run(["mount", "-o", "remount,ro", os.fspath(small_disk)], check=True)
    snap("tag", "next")
    assert "read-only" in error_of(snap("restore", "baseline", code=14))
    assert items(snap.database) == 100
