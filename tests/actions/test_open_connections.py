"""What other processes see of a restore while they hold the database open."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, take
from snapstore.errors import DatabaseLocked
from snapstore.project import Project
from snapstore.store import Store
from tests.support import ENVIRONMENT, JOURNAL_MODES, Application, Snap, dbhash, make_database


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_restore_is_seen_by_an_open_connection(tmp_path: Path, store: Store, journal_mode: str) -> None:
    path = make_database(tmp_path / "db", journal_mode=journal_mode)
    project = Project.of({"default": path})
    inode = os.stat(path).st_ino
    with Application(path) as application, Application(path) as idle:
        assert application.ask(f"PRAGMA journal_mode = {journal_mode}") == [[journal_mode]]
        assert idle.ask("SELECT count(*) FROM item") == [[500]]
        baseline = take(store, project, TakeOptions("baseline"))
        application.ask("DELETE FROM item WHERE id > 100")
        application.ask("ALTER TABLE note ADD COLUMN extra")
        application.ask("CREATE TABLE added (x)")
        assert application.ask("SELECT extra FROM note LIMIT 1") == [[None]]
        assert idle.ask("SELECT count(*) FROM added") == [[0]]

        restore(store, project, RestoreOptions(baseline.snapshot))

        for process in (application, idle):
            assert process.ask("SELECT count(*) FROM item") == [[500]]
            assert "no such table" in process.ask("SELECT * FROM added")
            assert "no such column" in process.ask("SELECT extra FROM note")
            assert process.ask("PRAGMA integrity_check") == [["ok"]]
        application.ask("INSERT INTO item(name) VALUES ('after')")
        assert idle.ask("SELECT id, name FROM item WHERE id > 500") == [[501, "after"]]
    assert os.stat(path).st_ino == inode


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_connection_never_uses_a_stale_schema(tmp_path: Path, store: Store, journal_mode: str) -> None:
    """The schema cookies of the two states would be equal, and one connection saw neither change."""
    path = make_database(tmp_path / "db", journal_mode=journal_mode)
    project = Project.of({"default": path})
    with Application(path) as application, Application(path) as sleeper:
        baseline = take(store, project, TakeOptions("baseline"))
        application.ask("CREATE TABLE first (a)")
        application.ask("INSERT INTO first VALUES ('first')")
        assert sleeper.ask("SELECT a FROM first") == [["first"]]
        restore(store, project, RestoreOptions(baseline.snapshot))
        application.ask("CREATE TABLE second (b, c)")
        application.ask("INSERT INTO second VALUES ('b', 'c')")
        assert "no such table" in sleeper.ask("SELECT a FROM first")
        assert sleeper.ask("SELECT c FROM second") == [["c"]]


def test_a_reader_in_wal_mode_keeps_its_view_and_then_moves_on(tmp_path: Path, store: Store) -> None:
    path = make_database(tmp_path / "db", journal_mode="wal")
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    with Application(path) as application, Application(path) as reader:
        application.ask("DELETE FROM item WHERE id > 100")
        application.ask("CREATE TABLE added (x)")
        reader.ask("BEGIN")
        assert reader.ask("SELECT count(*) FROM item") == [[100]]

        restore(store, project, RestoreOptions(baseline.snapshot))

        assert reader.ask("SELECT count(*) FROM item") == [[100]]
        assert reader.ask("SELECT count(*) FROM added") == [[0]]
        reader.ask("COMMIT")
        assert reader.ask("SELECT count(*) FROM item") == [[500]]
        assert "no such table" in reader.ask("SELECT count(*) FROM added")


@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist"])
def test_a_reader_in_a_rollback_mode_is_waited_for_and_named(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    snap = Snap(tmp_path)
    snap("tag", "baseline")
    with Application(path) as reader:
        reader.ask("DELETE FROM item WHERE id > 100")
        changed = dbhash(path)
        reader.ask("BEGIN")
        reader.ask("SELECT count(*) FROM item")

        error = snap.json("restore", "baseline", "--timeout", "0.5", code=11)["error"]

        assert error["code"] == "database-locked"
        assert f"pid {reader.process.pid}" in error["message"]
        assert reader.ask("SELECT count(*) FROM item") == [[100]]
        reader.ask("COMMIT")
        assert dbhash(path) == changed
        assert [entry["kind"] for entry in snap.json("log", "--all")] == ["tag"]
        assert snap.json("status")["verdict"] != "clean"
        assert snap.json("restore", "baseline")["changed"]
        assert reader.ask("SELECT count(*) FROM item") == [[500]]


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_restore_waits_for_a_reader_that_ends_in_time(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    snap = Snap(tmp_path)
    snap("tag", "baseline")
    with Application(path) as writer:
        writer.ask("DELETE FROM item WHERE id > 100")
        writer.ask("BEGIN IMMEDIATE")
        restoring = subprocess.Popen(
            [sys.executable, "-m", "snapstore", *f"restore baseline --timeout 60 --db {path}".split()],
            env={**ENVIRONMENT, "SNAPSTORE_STORE": str(snap.store)},
            stdout=subprocess.DEVNULL,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            restoring.wait(1)
        writer.ask("COMMIT")
        assert restoring.wait(60) == 0
        assert writer.ask("SELECT count(*) FROM item") == [[500]]


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_take_fails_at_the_deadline_where_a_writer_has_the_file(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    snap = Snap(tmp_path)
    with Application(path) as writer:
        writer.ask("BEGIN EXCLUSIVE")
        if journal_mode == "wal":
            snap("tag", "baseline")  # readers do not wait for a writer
        else:
            message = snap("tag", "baseline", "--timeout", "0.2", code=11).stderr
            assert f"pid {writer.process.pid}" in message
        writer.ask("ROLLBACK")
        snap("tag", "baseline")


def test_a_large_restore_gives_up_at_once_when_a_reader_stays(tmp_path: Path, store: Store) -> None:
    """More pages than the cache holds: they cannot spill past a reader of a rollback journal mode."""
    path = make_database(tmp_path / "db", rows=60_000)
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    with Application(path) as reader:
        reader.ask("UPDATE item SET body = body || 'x'")
        before = dbhash(path)
        reader.ask("BEGIN")
        reader.ask("SELECT count(*) FROM item")
        with pytest.raises(DatabaseLocked):
            restore(store, project, RestoreOptions(baseline.snapshot, timeout=0.2))
        reader.ask("COMMIT")
        assert dbhash(path) == before
        restore(store, project, RestoreOptions(baseline.snapshot, timeout=5))
        assert reader.ask("SELECT count(*) FROM item WHERE body LIKE '%x'") == [[0]]
        assert reader.ask("PRAGMA integrity_check") == [["ok"]]
