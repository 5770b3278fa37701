"""A suite begins with its baseline's content and ends with it: sequences and ignored rows too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from snapstore.actions.take import TakeOptions, take
from snapstore.compare.ignore_rules import Policy
from snapstore.project import Project
from snapstore.results.drifts import AS_IT_WAS
from snapstore.store import Store
from snapstore.suite.flow import Suite
from snapstore.suite.policy import DEFAULT_DECISIONS, SuitePolicy
from tests.support import connect, count

QUICK = SuitePolicy(quiet=0.0, timeout=5.0, rows=Policy(tables=("note",)))
DRIFT = ("INSERT INTO item(name) VALUES ('x')", "DELETE FROM item WHERE name = 'x'", "INSERT INTO note VALUES (1, 'x')")


def change(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def content(path: Path) -> tuple[int, int, int]:
    """Return the sequence of `item`, and the rows of `item` and of `note`, which is ignored."""
    with closing(connect(path)) as connection:
        (seq,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'item'").fetchone()
        return seq, count(connection), count(connection, "note")


def test_drift_passes_within_a_suite_and_is_restored_at_its_end(begin: Callable[..., Suite], path: Path) -> None:
    before = content(path)
    suite = begin()
    for label in ("one", "two"):
        suite.begin_test(label)
        change(path, *DRIFT)
        ended = suite.end_test("passed")
        assert (ended.verdict, ended.ok, ended.restored) == ("drifted", True, False)
    assert content(path) == (22, 20, before[2] + 2)
    result = suite.end(0)
    assert content(path) == before
    assert result.state
    assert (result.state.verdict, result.state.restored, result.state.verdict_after) == ("drifted", True, "clean")
    assert result.state.text == "rows as they were; sequences moved: item 20 -> 22; ignored tables: note 2 added"
    assert (result.cleanup_failed, result.ok) == (False, True)


def test_each_suite_begins_with_the_content_of_its_baseline(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    take(store, project, TakeOptions("seeded"))
    before = content(path)
    change(path, *DRIFT)
    suite = begin(baseline="seeded")
    assert content(path) == before
    (repaired,) = suite.repaired
    assert (repaired.verdict, repaired.found) == (
        "drifted",
        "rows as they were; sequences moved: item 20 -> 21; ignored tables: note 1 added",
    )
    assert repaired.forensic
    assert store.snapshots.exists(repaired.forensic)
    suite.end(0)
    assert begin(baseline="seeded").repaired == []


def test_a_suite_that_changes_nothing_says_so(begin: Callable[..., Suite]) -> None:
    state = begin().end(0).state
    assert state
    assert (state.verdict, state.text, state.restored, state.kept) == ("clean", AS_IT_WAS, False, None)


def test_rows_that_stay_by_policy_are_left_with_their_drift(begin: Callable[..., Suite], path: Path) -> None:
    suite = begin(decisions={**DEFAULT_DECISIONS, "leaked": "pass"})
    suite.begin_test("leaks")
    change(path, *DRIFT, "INSERT INTO item(name) VALUES ('stays')")
    suite.end_test("passed")
    assert suite.end(0).state is None
    assert content(path)[:2] == (22, 21)


def test_rows_written_after_the_last_test_are_named_kept_and_taken_back(
    begin: Callable[..., Suite], store: Store, path: Path
) -> None:
    before = content(path)
    suite = begin()
    suite.begin_test("one")
    suite.end_test("passed")
    change(path, "INSERT INTO item(name) VALUES ('late')")
    state = suite.end(0).state
    assert state
    assert (state.verdict, state.tables["default"]["item"].added, state.verdict_after) == ("leaked", 1, "clean")
    assert state.kept
    assert store.snapshots.exists(state.kept)
    assert content(path) == before
