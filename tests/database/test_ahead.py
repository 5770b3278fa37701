"""A file that is read ahead of its lock: what was found counts only while the file looks the same."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore import blocks
from snapstore.database import ahead
from snapstore.database.file import DatabaseFile
from snapstore.database.view import View
from snapstore.files import SECOND_NS, may_hide_a_write
from snapstore.ids import ID_BYTES, object_id
from snapstore.patience import Patience
from tests.support import run

ROW_BYTES = 100_000
pytestmark = pytest.mark.skipif(ahead._processors() == 1, reason="nothing is read ahead with one processor")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database worth reading ahead, whose times are old; its last block is not a whole one."""
    path = tmp_path / "app.sqlite3"
    make(path, "delete")
    return path


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    for reader in list(ahead._begun):
        reader.close()
    ahead._begun.clear()


def make(path: Path, journal_mode: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, text BLOB)")
        connection.executemany("INSERT INTO notes(text) VALUES (randomblob(?))", [(ROW_BYTES,)] * 123)
    assert path.stat().st_size >= ahead._WORTH_IT_BYTES
    let_it_rest(path)


def let_it_rest(path: Path) -> None:
    """Give a file a look that is old by all its times; only waiting does that for the time of its inode."""
    while may_hide_a_write([path.stat()], ahead._SETTLED_NS):
        os.sched_yield()


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def answer(arguments: list[str], folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(arguments, folder).stdout)
    return document


def ids_now(path: Path) -> bytes:
    """Return the ids of all blocks, hashed by nobody else."""
    with DatabaseFile(path) as file:
        view = View(file, file.connect(Patience(5)))
        return b"".join(object_id(view.block(number)) for number in range(view.block_count))


def ids_read_ahead(path: Path, *, wait: bool = True) -> tuple[bytes, bool]:
    """Return the ids that a view finds, and whether what was read ahead was taken: all, or with no `wait` a share."""
    for reader in ahead._begun if wait else ():
        os.waitid(os.P_PID, reader._reader, os.WEXITED | os.WNOWAIT)
    with DatabaseFile(path) as file:
        view = View(file, file.connect(Patience(5)))
        begun = list(ahead._begun)
        found = [reader.look == ahead._look(os.stat(path)) for reader in begun]
        return b"".join(view.ids_hashed()), found == [True]


@pytest.mark.parametrize("wait", [True, False], ids=["all", "shared"])
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_ids_read_ahead_are_those_of_the_image(tmp_path: Path, journal_mode: str, *, wait: bool) -> None:
    path = tmp_path / "app.sqlite3"
    make(path, journal_mode)
    ahead.begin([str(path)])
    assert ids_read_ahead(path, wait=wait) == (ids_now(path), True)
    assert not ahead._begun


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("sql", ["UPDATE notes SET text = zeroblob(100000) WHERE id = 77", "DELETE FROM notes"])
def test_a_write_after_the_reading_began_is_seen(tmp_path: Path, journal_mode: str, sql: str) -> None:
    path = tmp_path / "app.sqlite3"
    make(path, journal_mode)
    ahead.begin([str(path)])
    execute(path, sql)
    found, was_taken = ids_read_ahead(path)
    assert found == ids_now(path)
    assert not was_taken


def test_pages_that_only_the_log_has_are_those_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    make(path, "wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:  # open: nothing is folded in
        connection.execute("UPDATE notes SET text = zeroblob(100000) WHERE id IN (5, 60, 123)")
        connection.execute("INSERT INTO notes(text) VALUES (randomblob(3000000))")  # longer than the file
        ahead.begin([str(path)])
        assert ids_read_ahead(path) == (ids_now(path), True)


def test_a_file_longer_than_its_image_is_cut(database: Path) -> None:
    before = ids_now(database)
    with database.open("ab") as file:
        file.write(bytes(5 * ahead.PIECE_BYTES))
    let_it_rest(database)
    ahead.begin([str(database)])
    assert ids_read_ahead(database) == (before, True)


def test_the_lock_page_is_no_part_of_the_image(tmp_path: Path) -> None:
    path = tmp_path / "large.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA page_size = 65536")
        connection.execute("CREATE TABLE notes(text)")
    pages = blocks.PENDING_BYTE // 65536 + 20
    with path.open("r+b") as file:  # pages that say nothing; the header tells of them
        file.truncate(pages * 65536)
        file.seek(28)
        file.write(pages.to_bytes(4, "big"))
        file.seek(blocks.PENDING_BYTE)
        file.write(b"somebody's")
    let_it_rest(path)
    ahead.begin([str(path)])
    found, was_taken = ids_read_ahead(path, wait=False)  # it waits for us when it is far ahead
    lock_block = blocks.PENDING_BYTE // blocks.BLOCK_BYTES
    assert was_taken
    assert found[lock_block * ID_BYTES :][:ID_BYTES] == object_id(bytes(blocks.BLOCK_BYTES))


def test_a_reader_that_is_killed_is_not_missed(database: Path) -> None:
    ahead.begin([str(database)])
    (reader,) = ahead._begun
    os.kill(reader._reader, 9)
    os.waitpid(reader._reader, 0)
    assert ids_read_ahead(database, wait=False) == (ids_now(database), True)


def test_a_reader_ends_when_nobody_wants_what_it_finds(database: Path) -> None:
    ahead.begin([str(database)])
    (reader,) = ahead._begun
    process = reader._reader
    reader.close()
    with pytest.raises(ChildProcessError):
        while True:
            os.waitpid(process, 0)


def test_what_is_small_missing_or_no_file_is_not_read_ahead(tmp_path: Path) -> None:
    small = tmp_path / "small.sqlite3"
    execute(small, "CREATE TABLE notes(id)")
    ahead.begin([str(small), str(tmp_path / "missing"), str(tmp_path), "nul\0byte"])
    assert not ahead._begun


def test_a_file_is_not_read_ahead_whose_times_could_be_those_of_a_later_write(database: Path) -> None:
    os.utime(database, ns=(0, time.time_ns() + 3600 * SECOND_NS))
    ahead.begin([str(database)])
    assert not ahead._begun


def test_commands_take_and_restore_what_is_read_ahead(database: Path, tmp_path: Path) -> None:
    places = ["--db", str(database), "--store", str(tmp_path / "store")]
    first = answer([*places, "--json", "tag", "baseline"], tmp_path)
    execute(database, "UPDATE notes SET text = zeroblob(100000) WHERE id = 77")
    let_it_rest(database)
    second = answer([*places, "--json", "tag", "later"], tmp_path)
    assert first["databases"]["default"]["content"] != second["databases"]["default"]["content"]
    answer([*places, "--json", "restore", "baseline"], tmp_path)
    let_it_rest(database)
    assert answer([*places, "--json", "verify", "baseline"], tmp_path)["verdict"] == "clean"
