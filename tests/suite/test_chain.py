"""A chain of tests: each begins with what the one before left, a retry with what its failed attempt began with."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import InvalidArgument, SessionEnded
from snapstore.results.suites import SuiteBegun
from tests.support import ENVIRONMENT, Snap, connect

RUN = "a run"
Places = Callable[..., Session | Snapstore]


def start(snap: Snap) -> Session:
    return Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT)


def add(path: Path, name: str) -> None:
    with closing(connect(path)) as connection:
        connection.execute("INSERT INTO note(text) VALUES (?)", (name,))


def notes(path: Path) -> list[str]:
    with closing(connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT text FROM note WHERE item IS NULL ORDER BY rowid")]


def begin(session: Session, run: str = RUN) -> SuiteBegun:
    return session.begin_suite("playwright", mode="chain", run=run, resume=True)


def do(session: Session | Snapstore, path: Path, label: str, outcome: str = "passed", *, again: bool = False) -> None:
    """Do a test that adds a note with its label."""
    assert session.begin_test(label, again=again).brought_back is again
    add(path, label)
    ended = session.end_test(outcome)
    assert (ended.ok, ended.verdict, ended.restored) == (True, None, False)


@pytest.mark.parametrize("kind", [Session, Snapstore])
def test_a_retry_begins_with_what_its_failed_attempt_began_with(snap: Snap, kind: type[Session | Snapstore]) -> None:
    path = snap.database
    with kind(db=path, store=snap.store) as session:
        session.begin_suite("suite", mode="chain")
        do(session, path, "one")
        do(session, path, "two", "failed")
        assert notes(path) == ["one", "two"]
        begun = session.begin_test("two", again=True)
        assert begun.brought_back
        assert notes(path) == ["one"]
        assert begun.snapshot
        assert session.verify(begun.snapshot).verdict == "clean"
        add(path, "two, again")
        session.end_test()
        do(session, path, "three")
        assert notes(path) == ["one", "two, again", "three"]
        ended = session.end_suite()
    assert (ended.ok, ended.outcome, ended.cleanup_failed, ended.late) == (True, "passed", False, ())
    assert ended.state
    assert (ended.state.verdict, ended.state.restored, ended.state.verdict_after) == ("leaked", True, "clean")
    assert ended.state.text.startswith("note: 3 added")
    assert notes(path) == []


def test_a_retry_takes_back_sequences_and_schema_as_well(snap: Snap) -> None:
    with closing(connect(snap.database)) as connection:
        connection.execute("CREATE TABLE counted (n INTEGER PRIMARY KEY AUTOINCREMENT)")
    with start(snap) as session:
        session.begin_suite("suite", mode="chain")
        session.begin_test("counts")
        with closing(connect(snap.database)) as connection:
            connection.execute("INSERT INTO counted DEFAULT VALUES")
            connection.execute("CREATE TABLE made (n)")
        session.end_test("failed")
        assert session.begin_test("counts", again=True).brought_back
        with closing(connect(snap.database)) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_sequence WHERE name = 'counted'").fetchall() == [
                (0,)
            ]
            assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'made'").fetchall() == [(0,)]
        session.end_test()
        session.end_suite()


def test_a_retry_of_several_tests_begins_before_the_first_of_them(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("suite", mode="chain")
        do(session, snap.database, "before")
        do(session, snap.database, "one")
        do(session, snap.database, "two", "failed")
        do(session, snap.database, "one", again=True)
        assert notes(snap.database) == ["before", "one"]
        assert not session.begin_test("two", again=True).brought_back  # its attempt was taken back with that at `one`
        assert notes(snap.database) == ["before", "one"]
        session.end_test()
        session.end_suite()


def test_what_is_written_between_two_tests_is_part_of_the_chain(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("suite", mode="chain")
        do(session, snap.database, "one")
        add(snap.database, "between")
        begun = session.begin_test("two")
        assert begun.late is None
        add(snap.database, "half")
        session.end_test("failed")
        session.begin_test("two", again=True)
        assert notes(snap.database) == ["one", "between"]
        session.end_test()
        assert session.end_suite().late == ()
    assert notes(snap.database) == []


def test_what_a_test_changed_is_on_record(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("suite", mode="chain")
        do(session, snap.database, "one")
        do(session, snap.database, "two")
        session.end_suite()
        found = session.diff(test="two")
    (row,) = found.databases["default"].rows
    assert row.after
    assert row.after["text"] == "two"


def test_a_chain_goes_on_in_another_session_of_its_run(snap: Snap) -> None:
    with start(snap) as session:
        assert not begin(session).resumed
        do(session, snap.database, "one", "failed")
        ended = session.end_suite(pause=True)
        assert (ended.paused, ended.state) == (True, None)
    assert notes(snap.database) == ["one"]
    with start(snap) as session:
        begun = begin(session)
        assert (begun.resumed, begun.repaired, begun.left_alone) == (True, (), ())
        do(session, snap.database, "one", again=True)
        do(session, snap.database, "two")
        assert notes(snap.database) == ["one", "two"]
        assert session.end_suite().outcome == "passed"
    assert notes(snap.database) == []
    assert [one["names"] for one in snap.json("tags")] == [["failed/one"]]
    (suite,) = snap.json("report")["suites"]
    assert (suite["outcome"], suite["verdicts"]) == ("passed", {"not verified": 3})


def test_a_chain_goes_on_after_its_session_was_killed(snap: Snap) -> None:
    with start(snap) as session:
        begin(session)
        do(session, snap.database, "one")
        session.begin_test("two")
        add(snap.database, "half")
        os.kill(session.pid, signal.SIGKILL)
        with pytest.raises(SessionEnded):
            session.end_test()
    with start(snap) as session:
        assert begin(session).resumed
        assert notes(snap.database) == ["one", "half"]
        do(session, snap.database, "two", again=True)
        assert notes(snap.database) == ["one", "two"]
        session.end_suite()
    assert notes(snap.database) == []


def test_another_run_restores_the_state_before_a_chain_that_was_never_ended(snap: Snap) -> None:
    with start(snap) as session:
        begin(session)
        do(session, snap.database, "one")
        do(session, snap.database, "two", "failed")
        do(session, snap.database, "two", again=True)  # which is a restore, but of the chain's own state
        session.end_suite(pause=True)
    with start(snap) as session:
        begun = begin(session, "another run")
        assert not begun.resumed
        (repaired,) = begun.repaired
        assert repaired.found.startswith("note: 2 added")
        assert notes(snap.database) == []
        session.end_suite()
    assert [one["outcome"] for one in snap.json("report")["suites"]] == ["passed", "died"]


def test_a_suite_that_verifies_may_be_resumed_too(snap: Snap) -> None:
    with start(snap) as session:
        begin(session)
        do(session, snap.database, "one")
        session.end_suite(pause=True)
    with start(snap) as session:
        assert session.begin_suite("playwright", run=RUN, resume=True).resumed
        assert session.begin_test("the whole run").late is None
        ended = session.end_test(leaks="fail")
        assert (ended.verdict, ended.restored) == ("leaked", True)
        assert notes(snap.database) == []
        assert session.end_suite().outcome == "failed"


@pytest.mark.parametrize("name", ["left", "left by nobody"])
def test_a_suite_that_restores_nothing_leaves_state_and_no_backup(snap: Snap, name: str) -> None:
    with start(snap) as session:
        begin(session)
        do(session, snap.database, "left")
        session.end_suite(pause=True)
    with start(snap) as session:
        assert session.begin_suite("playwright", mode="cleanup", run=RUN, resume=True).resumed
        if name != "left":
            with closing(connect(snap.database)) as connection:
                connection.execute("DELETE FROM note WHERE text = 'left'")
        session.begin_test("the whole run")
        ended = session.end_test()
        assert (ended.verdict, ended.restored) == ("leaked" if name == "left" else "drifted", False)
        assert session.end_suite().state is None
    assert notes(snap.database) == (["left"] if name == "left" else [])
    assert "e2e-backup" not in [name for one in snap.json("tags") for name in one["names"]]


def test_prune_keeps_what_a_retry_may_ask_for(snap: Snap) -> None:
    with start(snap) as session:
        begin(session)
        do(session, snap.database, "one")
        do(session, snap.database, "two", "failed")
        session.end_suite(pause=True)
    kept = snap.json("prune", "--keep-last", "1", "--grace", "0")["kept"]
    assert [one["reasons"].count("retry") for one in kept].count(1) == 2
    with start(snap) as session:
        begin(session)
        do(session, snap.database, "two", again=True)
        assert notes(snap.database) == ["one", "two"]
        session.end_suite()
    kept = snap.json("prune", "--keep-last", "1", "--grace", "0")["kept"]
    assert not any("retry" in one["reasons"] for one in kept)


def test_a_suite_without_a_run_cannot_be_paused_or_resumed(snap: Snap) -> None:
    with start(snap) as session:
        with pytest.raises(InvalidArgument, match="'resume' needs the 'run' whose suite goes on"):
            session.begin_suite("suite", resume=True)
        with pytest.raises(InvalidArgument, match="'mode' must be one of hybrid, backup, cleanup, chain, not 'links'"):
            session.begin_suite("suite", mode="links")
        session.begin_suite("suite")
        with pytest.raises(InvalidArgument, match="'pause' needs a suite that was begun with a 'run'"):
            session.end_suite(pause=True)
        session.end_suite()


def test_a_worker_with_a_copy_has_no_chain(snap: Snap) -> None:
    (snap.folder / "snapstore.yaml").write_text(f"database: {snap.database.name}\nstore: store\n")
    copy = shutil.copy(snap.database, snap.folder / "copy.db")
    with (
        Session(db=copy, worker="one", cwd=snap.folder, env=ENVIRONMENT) as session,
        pytest.raises(InvalidArgument, match="'mode' must not be chain on a worker's copy"),
    ):
        session.begin_suite("suite", mode="chain")
