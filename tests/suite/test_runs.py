"""The suites of one run of a test runner are one suite on record."""

from __future__ import annotations

from contextlib import closing

from snapstore import Session
from tests.support import ENVIRONMENT, Snap, connect, make_database


def part(snap: Snap, run: str, *outcomes: str, leaks: str | None = None) -> str:
    """Begin and end a suite, as one worker does, with a test of each outcome; return the suite's outcome."""
    with Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT) as session:
        session.begin_suite("playwright", run=run, keep_backup=True)
        for number, outcome in enumerate(outcomes):
            session.begin_test(f"test {number}")
            if leaks:
                with closing(connect(snap.database)) as connection:
                    connection.execute("INSERT INTO note VALUES (1, 'left')")
            session.end_test(outcome, leaks=leaks)
        return session.end_suite().outcome


def test_workers_and_retries_report_into_the_suite_of_their_run(snap: Snap) -> None:
    assert part(snap, "a") == "passed"
    assert part(snap, "a", "passed", "failed") == "failed"
    assert part(snap, "a", "passed", "passed") == "passed"
    assert part(snap, "b", "passed") == "passed"
    report = snap.json("report")
    assert [(one["outcome"], one["verdicts"]) for one in report["suites"]] == [
        ("passed", {"clean": 1}),
        ("passed", {"clean": 4}),
    ]


def test_a_test_that_fails_for_what_it_left_fails_its_suite(snap: Snap) -> None:
    assert part(snap, "a", "passed", leaks="fail") == "failed"
    assert part(snap, "b", "passed", leaks="warn") == "passed"


def test_the_backup_that_another_run_left_takes_nothing_back(snap: Snap) -> None:
    part(snap, "a", "passed")
    with closing(connect(snap.database)) as connection:
        connection.execute("INSERT INTO note VALUES (1, 'by hand')")
    with Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT) as session:
        begun = session.begin_suite("playwright", run="b", baseline="e2e-backup")
        assert begun.repaired == ()
        (said,) = begun.left_alone
        assert "note: 1 added" in said
        (backup,) = [word.split()[-1] for word in said.split("'") if word.startswith("snap restore ")]
        session.end_suite()
        assert session.verify(backup).databases["default"].tables["note"].added == 1


def test_the_backup_of_the_same_run_is_what_its_workers_begin_with(snap: Snap) -> None:
    part(snap, "a")
    with closing(connect(snap.database)) as connection:
        connection.execute("INSERT INTO note VALUES (1, 'left')")
    with Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT) as session:
        (repaired,) = session.begin_suite("playwright", run="a", baseline="e2e-backup").repaired
        assert repaired.verdict == "leaked"
        session.end_suite()


def test_projects_that_share_a_store_have_a_suite_each_of_one_run(snap: Snap) -> None:
    other = Snap(snap.folder, make_database(snap.folder / "other.sqlite3"), snap.store)
    for one in (snap, other, snap):
        assert part(one, "a", "passed") == "passed"
    assert [len(one.json("report")["suites"]) for one in (snap, other)] == [1, 1]
