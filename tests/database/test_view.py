"""Consistent images of live databases of every kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.export import ExportOptions, export
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS, block_count
from snapstore.database.file import DatabaseFile
from snapstore.database.view import View
from snapstore.errors import DatabaseCorrupt, DatabaseMissing, NotADatabase
from snapstore.ids import object_id
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store
from tests.support import Application, connect, count, dbhash, is_intact, make_database

CRASHING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""


def crash_after(path: Path, *statements: str) -> None:
    """Run statements in a process that is killed after the last one."""
    done = subprocess.run([sys.executable, "-c", CRASHING, str(path), *statements], check=False)
    assert done.returncode == -signal.SIGKILL


def ids_of(path: Path) -> bytes:
    with DatabaseFile(path) as file:
        return b"".join(scanned.ids for scanned in View(file, file.connect(Deadline(1))).scan())


def both_ids(path: Path) -> tuple[bytes, bytes]:
    """Return the ids that hashing the file finds, and those of the blocks one by one."""
    with DatabaseFile(path) as file:
        view = View(file, file.connect(Deadline(5)))
        return b"".join(view.ids_hashed()), b"".join(object_id(view.block(at)) for at in range(view.block_count))


def make_large(path: Path, journal_mode: str) -> None:
    """Make a database that two threads hash; its last block is not a whole one."""
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("CREATE TABLE notes(id INTEGER PRIMARY KEY, text BLOB)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO notes(text) VALUES (randomblob(?))", [(100_000,)] * 123)
        connection.execute("COMMIT")
    assert path.stat().st_size % BLOCK_BYTES


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_two_threads_find_the_ids_of_every_block(tmp_path: Path, journal_mode: str) -> None:
    path = tmp_path / "db"
    make_large(path, journal_mode)
    hashed, one_by_one = both_ids(path)
    assert hashed == one_by_one


def test_pages_that_only_the_log_has_are_hashed_from_the_log(tmp_path: Path) -> None:
    path = tmp_path / "db"
    make_large(path, "wal")
    with closing(connect(path)) as connection:  # open: nothing is folded in
        connection.execute("UPDATE notes SET text = zeroblob(100000) WHERE id IN (5, 60, 123)")
        connection.execute("INSERT INTO notes(text) VALUES (randomblob(3000000))")  # longer than the file
        hashed, one_by_one = both_ids(path)
    assert hashed == one_by_one


def test_bytes_past_the_end_of_the_image_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "db"
    make_large(path, "delete")
    before, _ = both_ids(path)
    with path.open("ab") as file:
        file.write(bytes(5 * EXTENT_BLOCKS * BLOCK_BYTES))
    assert both_ids(path) == (before, before)


def test_a_hot_journal_is_rolled_back_first(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db", rows=3000)
    before = ids_of(path)
    crash_after(path, "PRAGMA cache_size = 5", "BEGIN", "UPDATE item SET body = 'half done', name = 'x' || name")
    assert Path(f"{path}-journal").stat().st_size > 0
    assert ids_of(path) == before
    assert is_intact(path)


def test_a_log_without_any_other_connection_is_read(tmp_path: Path, store: Store) -> None:
    path = make_database(tmp_path / "db", journal_mode="wal")
    crash_after(path, "PRAGMA wal_autocheckpoint = 0", "UPDATE item SET body = 'in the log' WHERE id <= 100")
    assert Path(f"{path}-wal").stat().st_size > 0
    project = Project.of({"default": path})
    taken = take(store, project, TakeOptions("crashed"))
    export(store, project, ExportOptions(taken.snapshot, str(tmp_path / "copy")))
    with closing(connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT count(*) FROM item WHERE body = 'in the log'").fetchone() == (100,)


@pytest.mark.parametrize("checkpoint", ["PASSIVE", "TRUNCATE", None])
def test_a_view_in_wal_mode_does_not_move_while_others_write_and_checkpoint(
    tmp_path: Path, checkpoint: str | None
) -> None:
    path = make_database(tmp_path / "db", journal_mode="wal", rows=2000)
    with Application(path) as application, DatabaseFile(path) as file:
        application.ask("PRAGMA wal_autocheckpoint = 0")
        application.ask("PRAGMA busy_timeout = 100")
        application.ask("UPDATE item SET body = 'first' WHERE id % 10 = 0")
        view = View(file, file.connect(Deadline(1)))
        before = b"".join(scanned.ids for scanned in view.scan())
        application.ask("UPDATE item SET body = 'second ' || body")
        application.ask("DELETE FROM item WHERE id % 3 = 0")
        if checkpoint:
            application.ask(f"PRAGMA wal_checkpoint({checkpoint})")
        application.ask("INSERT INTO item(name) VALUES ('after the checkpoint')")
        assert b"".join(scanned.ids for scanned in view.scan()) == before
        assert object_id(view.block(0)) == before[:16]


def test_a_view_of_a_checkpointed_log_holds_while_the_log_restarts(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db", journal_mode="wal", rows=2000)
    with Application(path) as application, DatabaseFile(path) as file:
        application.ask("UPDATE item SET body = 'first'")
        application.ask("PRAGMA wal_checkpoint(PASSIVE)")
        view = View(file, file.connect(Deadline(1)))
        before = b"".join(scanned.ids for scanned in view.scan())
        for number in range(5):
            application.ask(f"UPDATE item SET body = 'round {number}'")
            application.ask("PRAGMA wal_checkpoint(PASSIVE)")
        assert b"".join(scanned.ids for scanned in view.scan()) == before


def test_journal_mode_and_counters_are_not_content(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db")
    before = ids_of(path)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("UPDATE item SET body = body")
        connection.execute("PRAGMA schema_version = 77")
    assert ids_of(path) == before
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")
    assert ids_of(path) != before


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_the_empty_database_has_one_content(tmp_path: Path, store: Store, journal_mode: str) -> None:
    path = tmp_path / "db"
    path.touch()
    project = Project.of({"default": path})
    empty = take(store, project, TakeOptions("empty"))
    assert empty.databases["default"].pages == 0
    with Application(path) as application:
        application.ask(f"PRAGMA journal_mode = {journal_mode}")
        application.ask("CREATE TABLE t (a)")
        application.ask("INSERT INTO t VALUES (1)")
        full = take(store, project, TakeOptions("full"))
        assert restore(store, project, RestoreOptions(empty.snapshot)).databases["default"].method == "in-place"
        assert application.ask("SELECT * FROM sqlite_schema") == []
        assert status(store, project).verdict == "clean"
        assert restore(store, project, RestoreOptions(full.snapshot)).databases["default"].method == "in-place"
        assert application.ask("SELECT a FROM t") == [[1]]
        assert application.ask("PRAGMA integrity_check") == [["ok"]]
    export(store, project, ExportOptions(empty.snapshot, str(tmp_path / "copy")))
    assert (tmp_path / "copy").stat().st_size == 0


def test_an_emptied_file_is_filled_in_place_under_an_open_connection(tmp_path: Path, store: Store) -> None:
    path = make_database(tmp_path / "db", page_size=8192)
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    path.write_bytes(b"")
    with Application(path) as application:
        assert application.ask("SELECT * FROM sqlite_schema") == []
        assert restore(store, project, RestoreOptions(baseline.snapshot)).databases["default"].method == "in-place"
        assert application.ask("SELECT count(*) FROM item") == [[500]]
        assert application.ask("PRAGMA page_size") == [[8192]]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_text_encodings(tmp_path: Path, store: Store, encoding: str) -> None:
    path = tmp_path / "db"
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute('CREATE TABLE "täble" (name TEXT)')
        connection.execute("INSERT INTO \"täble\" VALUES ('naïve ☃')")
        project = Project.of({"default": path})
        baseline = take(store, project, TakeOptions("baseline"))
        before = dbhash(path)
        connection.execute('INSERT INTO "täble" VALUES (1)')
        connection.execute("CREATE TABLE other (a)")
        restore(store, project, RestoreOptions(baseline.snapshot))
        assert connection.execute('SELECT name FROM "täble"').fetchall() == [("naïve ☃",)]
    assert dbhash(path) == before
    assert store.snapshots.load(baseline.snapshot).databases["default"].tables == ("täble",)


def test_a_database_past_the_lock_page(tmp_path: Path, store: Store) -> None:
    """1.1 GB of data: the page at 1 GiB is never written, and the pages behind it are restored."""
    path = tmp_path / "db"
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA page_size = 65536")
        connection.execute("PRAGMA journal_mode = off")
        connection.execute("PRAGMA synchronous = off")
        connection.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, data BLOB)")
        connection.execute("INSERT INTO big VALUES (1, zeroblob(550000000)), (2, zeroblob(550000000))")
        connection.execute("CREATE TABLE behind (id INTEGER PRIMARY KEY, text)")
        connection.execute("INSERT INTO behind VALUES (1, 'kept')")
        connection.execute("PRAGMA journal_mode = delete")
        assert path.stat().st_size > (1 << 30) + BLOCK_BYTES
        project = Project.of({"default": path})
        baseline = take(store, project, TakeOptions("baseline"))
        assert baseline.databases["default"].stored_bytes < 20_000_000
        connection.execute("UPDATE behind SET text = 'changed'")
        connection.execute("CREATE TABLE more (a)")
        connection.execute("INSERT INTO more VALUES (zeroblob(300000))")
        done = restore(store, project, RestoreOptions(baseline.snapshot)).databases["default"]
        assert done.pages_written < 20
        assert connection.execute("SELECT text FROM behind").fetchall() == [("kept",)]
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    assert status(store, project).verdict == "clean"


def test_files_that_are_not_databases_have_different_errors(tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissing):
        DatabaseFile(tmp_path / "missing")
    with pytest.raises(NotADatabase):
        DatabaseFile(tmp_path)
    (tmp_path / "text").write_text("a letter to a friend")
    (tmp_path / "random").write_bytes(os.urandom(8192))
    with DatabaseFile(tmp_path / "text") as file, pytest.raises(NotADatabase, match="shorter"):
        file.connect(Deadline(0))
    with DatabaseFile(tmp_path / "random") as file, pytest.raises(NotADatabase, match="encrypted"):
        file.connect(Deadline(0))
    path = make_database(tmp_path / "db")
    with path.open("r+b") as opened:
        opened.truncate(8 * 4096)
    with DatabaseFile(path) as file, pytest.raises(DatabaseCorrupt, match="the file has 8"):
        View(file, file.connect(Deadline(0)))


def test_blocks_cut_every_page_size_evenly() -> None:
    for page_size in (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536):
        assert BLOCK_BYTES % page_size == 0
        assert block_count(page_size, 0) == 0
        assert block_count(page_size, 1) == 1
        assert block_count(page_size, BLOCK_BYTES // page_size + 1) == 2


def test_closing_one_connection_does_not_drop_the_locks_of_another(tmp_path: Path) -> None:
    """Closing any descriptor drops POSIX locks; the shared one stays open until the last connection is closed."""
    path = make_database(tmp_path / "db")
    with Application(path) as application, DatabaseFile(path) as file:
        application.ask("PRAGMA busy_timeout = 0")
        first, second = file.connect(Deadline(1)), file.connect(Deadline(1))
        View(file, first)
        View(file, second)
        file.disconnect(second)
        assert "locked" in application.ask("BEGIN EXCLUSIVE")
    with closing(connect(path)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert count(connection) == 500
