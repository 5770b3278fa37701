"""What differs after a restore: somebody writes again at once, and the second look says where."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from snapstore.cli.commands.run import test_lines as run_lines
from snapstore.cli.commands.verify import lines as verify_lines
from snapstore.cli.junit import document
from snapstore.cli.paint import plain
from snapstore.cli.report_html import pieces
from snapstore.cli.report_text import lines as report_lines
from snapstore.errors import NeverRight
from snapstore.integrations import pytest_report
from snapstore.results.rows import Counts
from snapstore.results.suites import TestEnded
from snapstore.results.verdicts import Verified
from snapstore.suite.ledger import RESTORED
from tests.api.folders import Single
from tests.contents import execute
from tests.support import connect

LONG_ENOUGH = 60.0  # seconds until the writer has come between a restore and the look after it
MADE = (
    "PRAGMA journal_mode = wal",
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE beat (id INTEGER PRIMARY KEY, n)",
    "INSERT INTO item VALUES (1, 'a')",
    "INSERT INTO beat VALUES (1, 0)",
)
LEAK = "INSERT OR REPLACE INTO item VALUES (2, 'left')"
Found = TypeVar("Found", Verified, TestEnded)


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a database with a baseline."""
    with Single(tmp_path) as snap:
        execute(snap.database, *MADE)
        snap.tag("baseline")
        yield snap


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Write to a row all the time, as a scheduler or a heartbeat does."""
    stop = threading.Event()

    def beat() -> None:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA busy_timeout = 10000")
            connection.execute("PRAGMA synchronous = OFF")
            while not stop.wait(0.001):
                connection.execute("UPDATE beat SET n = n + 1")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def until_wrong(attempt: Callable[[], Found]) -> Found:
    """Repeat until the writer was quicker than the look after a restore."""
    deadline = time.monotonic() + LONG_ENOUGH
    while (found := attempt()).state_ok:
        assert time.monotonic() < deadline
        assert found.verdict_after in ("clean", "drifted")
        assert all(not one.tables for one in found.databases_after.values())
    return found


def test_a_restore_that_helped_says_so(snap: Single) -> None:
    execute(snap.database, LEAK)
    found = snap.verify("baseline", restore_on_fail=True)
    assert (found.restored, found.state_ok, found.verdict_after) == (True, True, "clean")
    assert [one.verdict for one in found.databases_after.values()] == ["clean"]
    assert "differs now" not in "\n".join(verify_lines(found, None))
    found = snap.verify("baseline", restore_on_fail=True)
    assert (found.verdict_after, found.databases_after) == (None, {})


def test_verify_names_the_rows_that_differ_now(snap: Single) -> None:
    def verify() -> Verified:
        execute(snap.database, LEAK)
        return snap.verify("baseline", restore_on_fail=True)

    with beating(snap.database):
        found = until_wrong(verify)
    assert found.databases["default"].tables["item"] == Counts(added=1)
    after = found.databases_after["default"]
    assert (found.restored, found.verdict_after, after.verdict) == (False, "damaged", "damaged")
    assert after.tables == {"beat": Counts(changed=1)}
    assert [(row.table, row.key, row.columns) for row in after.rows] == [("beat", {"id": 1}, ("n",))]
    text = plain("\n".join(verify_lines(found, None)))
    said, now = text.split("what differs now:")
    assert "item: 1 added" in said
    assert "beat: 1 changed" in now
    assert "item" not in now


def test_a_suite_names_them_everywhere(snap: Single) -> None:
    def a_test() -> TestEnded:
        snap.begin_test("writes")
        execute(snap.database, LEAK)
        return snap.end_test()

    snap.begin_suite("suite", quiet=0)
    with beating(snap.database):
        ended = until_wrong(a_test)
    assert ended.tables["default"]["item"] == Counts(added=1)
    assert (ended.restored, ended.verdict_after) == (True, "damaged")
    assert ended.tables_after == {"default": {"beat": Counts(changed=1)}}
    assert [row.table for row in ended.databases_after["default"].rows] == ["beat"]
    snap.restore("baseline")
    kept = snap.end_suite().tests[-1]
    assert (kept.tables_after, kept.databases_after) == (ended.tables_after, {})

    for text in ("\n".join(run_lines(ended)), pytest_report.section(ended)):
        now = text.split("what differs now")[1]
        assert "beat: 1 changed" in now
        assert "~ 1  n=" in now
        assert "item" not in now
    assert "restored, but now damaged: beat 1 changed" in dict(pytest_report.properties(ended))["snapstore_state"]
    assert "restored, but now damaged: beat 1 changed" in pytest_report.headline(ended)

    ledger, report = snap.ledger(), snap.report()
    (row,) = (one for one in ledger.leftovers() if one.stage == RESTORED)
    assert (row.table, row.added, row.removed, row.changed) == ("beat", 0, 0, 1)
    (wrong,) = report.still_wrong
    assert (wrong.label, wrong.table, wrong.verdict, wrong.leaked, wrong.changed) == ("writes", "beat", "damaged", 1, 1)
    assert "after the restore: default.beat: 0 added, 0 removed, 1 changed" in "".join(document(ledger))
    assert "Still wrong after a restore" in "\n".join(report_lines(report))
    assert "Still wrong after a restore" in "".join(pieces(report, snap.project))


def test_a_suite_that_cannot_begin_names_the_tables(snap: Single) -> None:
    deadline = time.monotonic() + LONG_ENOUGH
    with beating(snap.database):
        while time.monotonic() < deadline:
            execute(snap.database, LEAK)
            try:
                snap.begin_suite("suite", baseline="baseline", quiet=0)
            except NeverRight as error:
                assert error.left == "beat: 1 changed"
                assert error.left in error.message
                assert snap.show("baseline").snapshot[:10] in error.message
                break
            snap.end_suite()
    assert time.monotonic() < deadline
