"""The report's figures: rates with their intervals, who leaks where and since when, times, growth."""

from __future__ import annotations

import math

import pytest

from snapstore.results.reports import Rate
from snapstore.results.rows import Counts
from snapstore.results.suites import Attempt
from snapstore.store import Store
from snapstore.suite.ledger import VERIFIED, Ledger
from snapstore.suite.report import measure
from snapstore.suite.statistics import percentile, rate, spread
from tests.suite.recorded import date, enter, moment, record

ORIGIN = "a project"


def of(found: Rate) -> tuple[int, int]:
    """Return how many of how many."""
    return found.successes, found.trials


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, ORIGIN)


def suite(ledger: Ledger, store: Store, day: int, *verdicts: str, mode: str = "hybrid", **values: object) -> list[int]:
    """Enter a suite of a day, with a test of the label `t` for each verdict."""
    number = ledger.begin_suite("suite", "command", mode, 1, None)
    tests = [enter(ledger, number, "t", "s", verdict, **values) for verdict in verdicts]
    ledger.end_suite(number, "passed", 0, store_bytes=1000 + day)
    date(store, number, day)
    return tests


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (1, 10), (95, 100), (999, 1000), (3, 7)])
def test_an_interval_ends_where_the_score_test_rejects(successes: int, trials: int) -> None:
    found = rate(successes, trials)
    assert found.low is not None
    assert found.high is not None
    assert found.share == successes / trials
    for bound in (found.low, found.high):
        error = math.sqrt(bound * (1 - bound) / trials)
        reached = abs(bound - found.share) / error if error else 1.959964
        assert reached == pytest.approx(1.959964)
    assert found.low <= found.share <= found.high


def test_without_trials_there_is_no_rate() -> None:
    assert rate(0, 0) == Rate(0, 0, None, None, None)


def test_percentiles_lie_on_the_line_between_two_numbers() -> None:
    assert [percentile([1.0, 2.0, 4.0], share) for share in (0, 0.25, 0.5, 0.75, 1)] == [1.0, 1.5, 2.0, 3.0, 4.0]
    found = spread([3.0, 1.0, 2.0])
    assert (found.number, found.least, found.median, found.most, found.total) == (3, 1.0, 2.0, 3.0, 6.0)


def test_nothing_on_record_gives_no_figures(ledger: Ledger) -> None:
    report = measure(ledger)
    assert (report.tests, report.suites, report.leaks, report.phases, report.cleanup.share) == (0, (), (), (), None)


def test_cleanup_counts_where_it_was_to_be_and_nobody_died(ledger: Ledger, store: Store) -> None:
    suite(ledger, store, 1, "clean", "drifted", "leaked", "damaged")
    suite(ledger, store, 2, "leaked", mode="backup")
    suite(ledger, store, 3, "leaked", outcome="died")
    report = measure(ledger)
    assert of(report.cleanup) == (2, 4)
    assert of(report.restore) == (4, 4)
    assert of(report.state_ok) == (6, 6)
    assert report.verdicts == {"leaked": 3, "clean": 1, "drifted": 1, "damaged": 1}


def test_a_drift_that_the_policy_does_not_let_pass_is_a_failure(ledger: Ledger, store: Store) -> None:
    suite(ledger, store, 1, "drifted", decision="restore", final="clean", restore_s=0.01)
    assert of(measure(ledger).cleanup) == (0, 1)


def test_a_restore_that_did_not_help_is_counted(ledger: Ledger, store: Store) -> None:
    suite(ledger, store, 1, "leaked", "leaked")
    suite(ledger, store, 2, "leaked", final="leaked")
    report = measure(ledger)
    assert (of(report.restore), of(report.state_ok)) == ((2, 3), (2, 3))


def test_tests_that_nobody_looked_at_are_no_trials(ledger: Ledger, store: Store) -> None:
    number = ledger.begin_suite("suite", "command", "cleanup", 1, None)
    ledger.end_test(ledger.begin_test(number, "t", "s"), {"outcome": "passed", "decision": "pass"}, [], {})
    report = measure(ledger)
    assert (report.tests, report.cleanup.trials, report.state_ok.trials) == (1, 0, 0)


def test_scenarios_are_counted_apart(ledger: Ledger, store: Store) -> None:
    number = ledger.begin_suite("suite", "command", "hybrid", 1, None)
    for scenario, verdict in (("a", "clean"), ("a", "leaked"), ("", "clean")):
        enter(ledger, number, "t", scenario, verdict)
    assert [(one.name, one.tests, of(one.cleanup), of(one.restore)) for one in measure(ledger).scenarios] == [
        ("", 1, (1, 1), (0, 0)),
        ("a", 2, (1, 2), (1, 1)),
    ]


def test_a_leak_says_where_how_often_and_since_when(ledger: Ledger, store: Store) -> None:
    for day, verdict in enumerate(("clean", "leaked", "clean", "leaked", "clean")):
        stages = {0: {("default", "other"): Counts(9)}}
        if verdict == "leaked":
            stages[VERIFIED] = {("default", "user"): Counts(day, 0, 1)}
        suite(ledger, store, day, verdict, stages=stages)
    (leak,) = measure(ledger).leaks
    assert (leak.label, leak.database, leak.table, leak.verdict) == ("t", "default", "user", "leaked")
    assert (leak.leaked, leak.runs, leak.first, leak.last) == (2, 5, moment(1), moment(3))
    assert (leak.added, leak.removed, leak.changed) == (3, 0, 1)
    assert leak.recent == (False, True, False, True, False)


def test_a_changed_schema_is_a_leak_without_a_table(ledger: Ledger, store: Store) -> None:
    suite(ledger, store, 1, "schema-changed", stages={})
    (leak,) = measure(ledger).leaks
    assert (leak.table, leak.verdict) == (None, "schema-changed")


def test_the_tables_of_a_test_stand_together_and_the_latest_first(ledger: Ledger, store: Store) -> None:
    record(store, ORIGIN)
    labels = [leak.label for leak in measure(ledger).leaks]
    groups = [label for at, label in enumerate(labels) if at == 0 or labels[at - 1] != label]
    assert len(groups) == len(set(labels))
    last = {
        leak.label: max(one.last for one in measure(ledger).leaks if one.label == leak.label)
        for leak in measure(ledger).leaks
    }
    assert [last[label] for label in groups] == sorted(last.values(), reverse=True)


def test_a_step_counts_once_a_test(ledger: Ledger, store: Store) -> None:
    tries = [Attempt("rm", 1, "failed", "", 0.1), Attempt("rm", 2, "done", "", 0.3)]
    suite(ledger, store, 1, "clean", attempts=tries)
    suite(ledger, store, 2, "clean", attempts=[Attempt("rm", 1, "done", "", 0.2)])
    (step,) = measure(ledger).steps
    assert (step.name, step.attempts, of(step.first), of(step.any)) == ("rm", 3, (1, 2), (2, 2))
    assert step.seconds.median == pytest.approx(0.2)


def test_times_are_by_phase_in_the_order_of_the_flow(ledger: Ledger, store: Store) -> None:
    suite(ledger, store, 1, "clean", "leaked", "leaked")
    phases = measure(ledger).phases
    assert [(phase.name, phase.seconds.number) for phase in phases] == [
        ("test", 3),
        ("cleanup", 3),
        ("quiet", 3),
        ("verify", 3),
        ("restore", 2),
    ]


def test_only_what_began_since_a_time_counts(ledger: Ledger, store: Store) -> None:
    for day in range(4):
        suite(ledger, store, day, "leaked")
    report = measure(ledger, moment(2))
    assert (report.tests, len(report.suites), report.leaks[0].runs, report.steps[0].attempts) == (2, 2, 2, 2)
    assert [one.store_bytes for one in report.suites] == [1003, 1002]


def test_another_project_in_the_same_store_has_its_own_figures(ledger: Ledger, store: Store) -> None:
    suite(ledger, store, 1, "leaked")
    other = Ledger(store, "another project")
    assert measure(other).tests == 0
    assert (other.attempts(), other.leftovers()) == ([], [])
