"""A full or read-only disk on the command line: one line of error, and what `doctor` says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from snapstore.files import sqlite_io_error
from tests.api.test_full_disk import DISK_BYTES, LIMIT_BYTES
from tests.cli.hands import call, error_of, fails, hint_of
from tests.contents import add_random
from tests.limits import limited, mounted, read_only
from tests.support import Snap, connect, make_database


def test_no_space_left_is_one_line_and_leaves_no_copy(snap: Snap) -> None:
    add_random(snap.database)
    snap("tag", "big")
    add_random(snap.database)
    for verb in (("tag", "next"), ("restore", "big", "--to", "out.sqlite3")):
        done = fails(snap, *verb, code=16, program=limited(LIMIT_BYTES))
        assert "no space left" in error_of(done)
    assert not (snap.folder / "out.sqlite3").exists()


def test_doctor_finds_a_read_only_file_system(snap: Snap, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", DISK_BYTES) as disk:
        snap.store = disk / "store"
        snap("tag", "baseline")
        with read_only(disk):
            assert "read-only" in snap("doctor", code=1).stdout


@pytest.mark.parametrize(
    "verb", [("restore", "big"), ("clean", "big"), ("fsck", "--rebuild"), ("tag", "next")], ids=" ".join
)
def test_a_limit_on_the_size_of_files_is_named(snap: Snap, verb: tuple[str, ...]) -> None:
    add_random(snap.database)
    snap("tag", "big")
    with closing(connect(snap.database)) as connection:
        connection.execute("DELETE FROM item WHERE id % 2")
    add_random(snap.database)
    for size in (4096, 30_000):
        done = call(snap, *verb, code=16, program=limited(size))
        assert "the limit on the size of a file is reached" in error_of(done), size
        assert "raise the limit" in hint_of(done)
    snap(*verb)


def test_an_io_error_without_a_limit_says_that_it_may_be_the_disk(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", rows=5)
    assert "a disk that fails" in str(sqlite_io_error(str(path), "disk I/O error"))
    assert list(tmp_path.iterdir()) == [path]
