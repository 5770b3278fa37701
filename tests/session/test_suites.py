"""Suites and tests begun and ended by a test runner, through a session."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore import Session
from snapstore.errors import InvalidArgument, OutOfOrder, RunInProgress, SessionEnded
from snapstore.session.methods import perform
from snapstore.session.protocol import Request
from tests.session.workshop import Workshop
from tests.support import ENVIRONMENT, Snap, connect, count, dbhash


def start(snap: Snap) -> Session:
    return Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT)


def leak(path: Path, rows: int = 1) -> None:
    with closing(connect(path)) as connection:
        for _ in range(rows):
            connection.execute("INSERT INTO note VALUES (1, 'left behind')")


def test_each_test_is_verified_and_put_right(snap: Snap) -> None:
    before = dbhash(snap.database)
    with start(snap) as session:
        assert session.begin_suite("tests", quiet=0).mode == "hybrid"
        session.begin_test("good", scenario="simple")
        good = session.end_test(seconds=0.5)
        assert (good.verdict, good.ok, good.restored, good.seconds["test"]) == ("clean", True, False, 0.5)
        session.begin_test("leaks")
        leak(snap.database, 2)
        bad = session.end_test("failed")
        assert (bad.verdict, bad.verdict_after, bad.restored, bad.state_ok) == ("leaked", "clean", True, True)
        assert bad.databases["default"].rows[0].table == "note"
        assert bad.tables["default"]["note"].added == 2
        assert session.query(bad.forensic or "", "SELECT count(*) FROM note").rows == ((102,),)
        session.begin_test("never ends")
        leak(snap.database)
        (unfinished,) = session.begin_test("last").unfinished
        assert (unfinished.label, unfinished.outcome) == ("never ends", "unfinished")
        session.end_test()
        ended = session.end_suite(0)
        assert [one.label for one in ended.tests] == ["good", "leaks", "never ends", "last"]
        assert (ended.cleanup_failed, ended.ok, ended.name) == (True, True, "tests")
        assert [one.names for one in session.tags()] == [("failed/leaks",)]
    assert dbhash(snap.database) == before
    report = snap.json("report")
    assert "leaks" in str(report)


def test_a_suite_may_say_what_follows_from_a_verdict(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("tests", quiet=0, mode="backup", verdicts={"leaked": "fail"}, keep_backup=True)
        session.begin_test("leaks")
        leak(snap.database)
        ended = session.end_test()
        assert (ended.ok, ended.restored, ended.state_ok) == (False, False, False)
        assert not session.end_suite().ok
        assert session.tags()[0].names == ("e2e-backup",)
        for wrong in ({"mode": "best"}, {"verdicts": {"leaky": "fail"}}, {"verdicts": {"leaked": "shrug"}}):
            with pytest.raises(InvalidArgument, match="must be one of"):
                session.call("begin_suite", name="x", **wrong)


def test_suites_and_tests_have_an_order(snap: Snap) -> None:
    with start(snap) as session:
        for early in (session.end_suite, session.end_test, lambda: session.begin_test("x")):
            with pytest.raises(OutOfOrder):
                early()
        session.begin_suite("tests", quiet=0)
        with pytest.raises(OutOfOrder):
            session.begin_suite("again")
        with pytest.raises(OutOfOrder):
            session.end_test()
        with start(snap) as other, pytest.raises(RunInProgress):
            other.begin_suite("another")
        session.end_suite()
        session.begin_suite("next", quiet=0)


def test_a_suite_whose_session_was_killed_is_repaired_by_the_next(snap: Snap) -> None:
    before = dbhash(snap.database)
    with start(snap) as session:
        session.begin_suite("dies", quiet=0)
        session.begin_test("dies too")
        leak(snap.database)
        os.kill(session.pid, signal.SIGKILL)
        with pytest.raises(SessionEnded):
            session.end_test()
    with start(snap) as session:
        (repaired,) = session.begin_suite("next", quiet=0).repaired
        assert "dies" in repaired.what
        with closing(connect(snap.database)) as connection:
            assert count(connection, "note") == 100
        assert session.end_suite(0).ok
    assert dbhash(snap.database) == before


def test_a_suite_starts_from_its_baseline(snap: Snap) -> None:
    with start(snap) as session:
        session.tag("seeded")
        leak(snap.database)
        (repaired,) = session.begin_suite("tests", baseline="seeded", quiet=0).repaired
        assert repaired.verdict == "leaked"
        session.end_suite(0)
        assert session.verify("seeded").ok


def leaking_test(shop: Workshop, label: str) -> dict[str, Any]:
    """Begin and end a test that leaves a row; what its restore leaves to do is not done yet."""
    perform(shop.at, Request(1, "begin_test", {"label": label}))
    leak(shop.path)
    ended: dict[str, Any] = perform(shop.at, Request(1, "end_test", {}))
    assert (ended["restored"], ended["verdict_after"]) == (True, "clean")
    assert shop.at.store().intents.get(shop.at.project.origin)
    return ended


def test_a_session_killed_right_after_a_test_leaves_the_rest_to_the_next_command(snap: Snap) -> None:
    before = dbhash(snap.database)
    with Workshop(snap.database, snap.store) as shop:
        shop.ask("begin_suite", name="tests", quiet=0)
        ended = leaking_test(shop, "leaks")
        assert dbhash(snap.database) == before
        shop.at._deferred.clear()  # and with it the lock, as a kill does
        assert snap.json("status")["settled"]["action"] == "restore"
        assert dbhash(snap.database) == before
        assert snap.json("undo")["snapshot"] == ended["forensic"]
        with closing(connect(snap.database)) as connection:
            assert count(connection, "note") == 101


def test_what_needs_the_lock_of_a_restore_ends_that_first(snap: Snap) -> None:
    before = dbhash(snap.database)
    with Workshop(snap.database, snap.store) as shop:
        shop.ask("begin_suite", name="tests", quiet=0)
        leaking_test(shop, "leaks")
        shop.at.tag("between")  # as a step of the same request would
        assert not shop.at.store().intents.get(shop.at.project.origin)
        leaking_test(shop, "leaks again")
        shop.ask("end_suite")
        assert shop.at.verify("between").verdict == "clean"
    assert dbhash(snap.database) == before


def test_a_test_that_was_not_ended_is_taken_back_before_the_next(snap: Snap) -> None:
    before = dbhash(snap.database)
    with Workshop(snap.database, snap.store) as shop:
        shop.ask("begin_suite", name="tests", quiet=0)
        shop.ask("begin_test", label="never ends")
        leak(snap.database)
        (unfinished,) = shop.ask("begin_test", label="last")["unfinished"]
        assert unfinished["restored"]
        assert dbhash(snap.database) == before
        shop.ask("end_test")
        ended = shop.ask("end_suite")["tests"]
        assert [(one["outcome"], one["restored"]) for one in ended] == [("unfinished", True), ("passed", False)]
