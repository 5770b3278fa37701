"""Rows written after a test was verified are named after it, fail nobody, and are gone before the next one begins."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session
from snapstore.database.commits import positions, wait_for_writers
from tests.support import ENVIRONMENT, JOURNAL_MODES, Snap, connect, count, make_database

LIMIT = 30.0
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO item(name) VALUES ('in a transaction')")
print("writes", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


def start(snap: Snap) -> Session:
    return Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT)


def change(path: Path, statement: str = "INSERT INTO item(name) VALUES ('late')") -> None:
    with closing(connect(path)) as connection:
        connection.execute(statement)


def writer(path: Path) -> subprocess.Popen[str]:
    """Start a process that is in a write transaction until it gets a line."""
    command = [sys.executable, "-c", WRITER, os.fspath(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "writes\n"
    return process


def test_a_late_write_is_named_after_its_test_and_taken_back(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("tests")
        session.begin_test("makes a request")
        assert session.end_test().verdict == "clean"
        change(snap.database)
        late = session.begin_test("innocent").late
        assert late
        assert (late.after, late.verdict, late.state_ok) == ("makes a request", "leaked", True)
        assert late.text.startswith("item: 1 added")
        ended = session.end_test()
        assert (ended.verdict, ended.ok) == ("clean", True)
        assert session.begin_test("last").late is None
        session.end_test()
        result = session.end_suite()
        assert (result.ok, result.outcome, result.late) == (True, "passed", (late,))
        assert session.query(late.kept or "", "SELECT count(*) FROM item WHERE name = 'late'").rows == ((1,),)


def test_late_writes_may_be_told_to_fail_the_suite_or_to_be_silent(snap: Snap) -> None:
    configuration = snap.folder / "snapstore.yaml"
    for word, ok, told in (("fail", False, 1), ("pass", True, 0)):
        configuration.write_text(f"database: {snap.database}\nstore: {snap.store}\nrun: {{late: {word}}}\n")
        with Session(config=configuration, cwd=snap.folder, env=ENVIRONMENT) as session:
            session.begin_suite("tests")
            session.begin_test("one")
            session.end_test()
            change(snap.database)
            assert (session.begin_test("two").late is not None) == bool(told)
            session.end_test()
            result = session.end_suite()
            assert (result.ok, len(result.late)) == (ok, told)
            with closing(connect(snap.database)) as connection:
                assert count(connection) == 500


def test_what_was_let_pass_is_not_late(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("tests", verdicts={"leaked": "pass"})
        session.begin_test("leaves a row")
        change(snap.database)
        session.end_test()
        assert session.begin_test("next").late is None
        change(snap.database, "DELETE FROM item WHERE id = 1")
        assert session.end_test().restored
        session.end_suite()


@pytest.mark.parametrize("mode", JOURNAL_MODES)
def test_a_commit_moves_the_position_and_nothing_else_does(tmp_path: Path, mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=mode, rows=5)
    with closing(connect(path)) as connection:
        count(connection)
        before = positions([str(path)])
        count(connection)
        assert positions([str(path)]) == before
        connection.execute("UPDATE item SET name = 'x' WHERE id = 1")
        assert positions([str(path)]) != before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_state_is_verified_once_nobody_is_in_a_write_transaction(tmp_path: Path, mode: str) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode=mode, rows=20))
    with start(snap) as session:
        session.begin_suite("tests", quiet="auto")
        session.begin_test("makes a request")
        process = writer(snap.database)
        assert process.stdin
        timer = threading.Timer(0.2, lambda: process.communicate("end\n"))
        timer.start()
        ended = session.end_test()
        timer.join()
        assert (ended.verdict, ended.restored) == ("leaked", True)
        assert ended.tables["default"]["item"].added == 1
        session.end_suite()


def test_readers_are_not_waited_for(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=20)
    with closing(connect(path)) as connection:
        connection.execute("BEGIN")
        count(connection)
        assert wait_for_writers([str(path)], LIMIT) < LIMIT
