"""The repair after a suite that died takes back what the suite did, and keeps what somebody else did later."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

from snapstore import Session
from snapstore.errors import SessionEnded
from snapstore.results.kept import KeptState
from snapstore.store import Store
from snapstore.suite.kept_ledger import KeptLedger
from tests.support import ENVIRONMENT, Snap, connect, count

LATER_SECONDS = 600


def recorded(snap: Snap) -> list[KeptState]:
    """Return the states on record for the tests of the first suite."""
    with Store.open(snap.store) as store:
        return KeptLedger(store.catalog).of_suite(1)


def start(snap: Snap) -> Session:
    return Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT)


def change(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows(path: Path, table: str = "item") -> int:
    with closing(connect(path)) as connection:
        return count(connection, table)


def grow_old(path: Path) -> None:
    """Make it look as if the database was written much later than the suite was last alive."""
    for one in (path, path.with_name(path.name + "-wal")):
        if one.exists():
            os.utime(one, (time.time() + LATER_SECONDS,) * 2)


def abandon(snap: Snap) -> None:
    """Begin a suite, leave a row, and end the session as a test runner does that is killed."""
    with start(snap) as session:
        session.begin_suite("dies", quiet=0)
        session.begin_test("leaks")
        change(snap.database, "INSERT INTO item(name) VALUES ('of the test')")


def kill(snap: Snap) -> None:
    """Do the same, and kill the session with it."""
    with start(snap) as session:
        session.begin_suite("dies", quiet=0)
        session.begin_test("leaks")
        change(snap.database, "INSERT INTO item(name) VALUES ('of the test')")
        os.kill(session.pid, signal.SIGKILL)
        try:
            session.end_test()
        except SessionEnded:
            return
    raise AssertionError("the session lives")


def test_what_a_developer_did_after_the_run_died_is_kept_and_named(snap: Snap) -> None:
    before = rows(snap.database)
    abandon(snap)
    change(snap.database, "INSERT INTO item(name) VALUES ('by hand')", "CREATE TABLE made_by_hand (n)")
    grow_old(snap.database)
    with start(snap) as session:
        begun = session.begin_suite("next", quiet=0)
        assert begun.repaired == ()
        (said,) = begun.left_alone
        assert "suite 'dies' of" in said
        assert "table made_by_hand added; item: 1 added" in said
        assert rows(snap.database) == before + 2
        assert rows(snap.database, "made_by_hand") == 0
        (command,) = [part for part in said.split("'") if part.startswith("snap restore ")]
        session.end_suite(0)
        session.restore(command.split()[-1])
    assert rows(snap.database) == before


def test_what_the_run_left_is_taken_back_although_the_file_was_written_later(snap: Snap) -> None:
    before = rows(snap.database)
    abandon(snap)
    grow_old(snap.database)  # as a checkpoint does, when the server ends
    with start(snap) as session:
        (repaired,) = session.begin_suite("next", quiet=0).repaired
        assert repaired.verdict == "leaked"
        assert rows(snap.database) == before
        session.end_suite(0)
        session.undo()
    assert rows(snap.database) == before + 1


def test_the_state_of_the_test_that_died_has_its_name(snap: Snap) -> None:
    kill(snap)
    with start(snap) as session:
        session.begin_suite("next", quiet=0)
        session.end_suite(0)
        failed = session.show("failed/leaks")
        assert not session.verify("failed/leaks").ok
        session.restore("failed/leaks")
        with closing(connect(snap.database)) as connection:
            assert count(connection, "item WHERE name = 'of the test'") == 1
    (kept,) = recorded(snap)
    assert (kept.name, kept.snapshot, kept.label) == ("failed/leaks", failed.snapshot, "leaks")
    assert kept.began_with


def test_no_state_is_named_where_none_is_to_be_kept(snap: Snap) -> None:
    kill(snap)
    with start(snap) as session:
        (repaired,) = session.begin_suite("next", quiet=0, keep="never").repaired
        assert repaired.forensic
        session.end_suite(0)
    assert recorded(snap) == []


def test_a_killed_session_tells_the_run_from_a_developer_by_its_last_sign_of_life(snap: Snap) -> None:
    before = rows(snap.database)
    kill(snap)
    with start(snap) as session:
        (repaired,) = session.begin_suite("next", quiet=0).repaired
        assert repaired.found.startswith("item: 1 added")
        assert rows(snap.database) == before
        session.end_suite(0)
    kill(snap)
    change(snap.database, "INSERT INTO note VALUES (1, 'by hand')")
    grow_old(snap.database)
    with start(snap) as session:
        begun = session.begin_suite("next", quiet=0)
        assert begun.repaired == ()
        assert "what was written after it is kept: item: 1 added; note: 1 added" in begun.left_alone[0]
        session.end_suite(0)
        assert session.begin_suite("again", quiet=0).left_alone == ()
        session.end_suite(0)
    assert rows(snap.database) == before + 1
