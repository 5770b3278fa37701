"""The report: what the ledger says about a project's suites, in figures.

Cleanup succeeded where `verify` passed right after it. Tests of suites without cleanup are no trials of it, nor are
tests whose suite died: nobody cleaned up after them. A restore succeeded where `verify` passed after it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from snapstore.actions.verdicts import CLEAN, DRIFTED
from snapstore.hybrid.aftermath import PHASES
from snapstore.hybrid.cleanup import DONE
from snapstore.hybrid.ledger import DIED, VERIFIED, Ledger, LeftoverRow, SuiteRow, TestRow
from snapstore.hybrid.statistics import Rate, Spread, rate, spread

RIGHT = (CLEAN, DRIFTED)
RECENT_RUNS = 20  # of a test that leaks, the newest that are looked at one by one
RUNNING = "running"

Place = tuple[str, str, "str | None"]
"""A test's label, a database, and a table, None where it is the schema or the whole file."""


class Scenario(NamedTuple):
    """Tests that are counted together; `name` is empty for those without a scenario."""

    name: str
    tests: int
    cleanup: Rate
    restore: Rate
    final: Rate


class Leak(NamedTuple):
    """A test that leaves a table other than it was; `table` is None where it was the schema, or the file.

    It did so in `leaked` of `runs` runs, for the first time at `first` and for the last at `last`; the counts are those
    of the last time. `recent` are its newest runs, the oldest first: whether each of them leaked there.
    """

    label: str
    database: str
    table: str | None
    verdict: str
    runs: int
    leaked: int
    first: str
    last: str
    added: int
    removed: int
    changed: int
    recent: tuple[bool, ...]


class Phase(NamedTuple):
    """How long one phase of a test took, in seconds."""

    name: str
    seconds: Spread


class Step(NamedTuple):
    """A cleanup step: attempts in all, how often the first one did it and any one did."""

    name: str
    attempts: int
    first: Rate
    any: Rate
    seconds: Spread


class SuiteLine(NamedTuple):
    """A suite in short; `verdicts` counts its tests by verdict, `restored` those after which the state was put back."""

    suite: int
    name: str
    started: str
    ended: str | None
    outcome: str
    verdicts: dict[str, int]
    restored: int
    store_bytes: int | None


@dataclass(frozen=True)
class Report:
    """All figures; suites and leaks the newest first."""

    since: str
    outcomes: dict[str, int]
    tests: int
    verdicts: dict[str, int]
    cleanup: Rate
    restore: Rate
    final: Rate
    scenarios: list[Scenario]
    leaks: list[Leak]
    phases: list[Phase]
    steps: list[Step]
    suites: list[SuiteLine]


def measure(ledger: Ledger, since: str = "") -> Report:
    """Return the figures of the suites that began at a time or later."""
    suites, tests = ledger.suites(since), ledger.tests(since)
    modes = {suite.suite: suite.mode for suite in suites}
    by_suite: dict[int, list[TestRow]] = defaultdict(list)
    for test in tests:
        by_suite[test.suite].append(test)
    return Report(
        since=since,
        outcomes=_counts(suite.outcome or RUNNING for suite in suites),
        tests=len(tests),
        verdicts=_counts(test.verdict for test in tests if test.verdict),
        cleanup=_cleanup(tests, modes),
        restore=_restore(tests),
        final=_final(tests),
        scenarios=_scenarios(tests, modes),
        leaks=_leaks(tests, ledger.leftovers(since)),
        phases=_phases(tests),
        steps=_steps(ledger, since),
        suites=[_line(suite, by_suite[suite.suite]) for suite in suites],
    )


def is_wrong(test: TestRow) -> bool:
    """Tell whether a test was found to have left something."""
    return test.verdict is not None and not _is_cleaned(test)


def _is_cleaned(test: TestRow) -> bool:
    return test.verdict in RIGHT and test.decision in ("pass", "warn")


def _cleanup(tests: Sequence[TestRow], modes: dict[int, str]) -> Rate:
    tried = [test for test in tests if test.verdict and modes[test.suite] != "backup" and test.outcome != DIED]
    return _rate(tried, _is_cleaned)


def _restore(tests: Sequence[TestRow]) -> Rate:
    return _rate([test for test in tests if test.restore_s is not None], lambda test: test.final in RIGHT)


def _final(tests: Sequence[TestRow]) -> Rate:
    return _rate([test for test in tests if test.final], lambda test: test.final in RIGHT)


def _rate(tests: Sequence[TestRow], succeeded: Callable[[TestRow], bool]) -> Rate:
    return rate(sum(map(succeeded, tests)), len(tests))


def _scenarios(tests: Sequence[TestRow], modes: dict[int, str]) -> list[Scenario]:
    by_name: dict[str, list[TestRow]] = defaultdict(list)
    for test in tests:
        by_name[test.scenario].append(test)
    return [
        Scenario(name, len(of), _cleanup(of, modes), _restore(of), _final(of)) for name, of in sorted(by_name.items())
    ]


def _leaks(tests: Sequence[TestRow], leftovers: Sequence[LeftoverRow]) -> list[Leak]:
    """Return who leaks where, the tables of a test together: the tests that did so last come first."""
    runs: dict[str, list[TestRow]] = defaultdict(list)
    for test in tests:
        if test.verdict:
            runs[test.label].append(test)
    found = [_leak(place, runs[place[0]], wrong) for place, wrong in _places(tests, leftovers).items()]
    latest: dict[str, str] = {}
    for leak in found:
        latest[leak.label] = max(leak.last, latest.get(leak.label, ""))
    return sorted(found, key=lambda leak: (latest[leak.label], leak.label, leak.last, leak.leaked), reverse=True)


def _places(tests: Sequence[TestRow], leftovers: Sequence[LeftoverRow]) -> dict[Place, dict[int, LeftoverRow | None]]:
    """Return for each place the tests that left something there, and what."""
    rows: dict[int, list[LeftoverRow]] = defaultdict(list)
    for row in leftovers:
        if row.stage == VERIFIED:
            rows[row.test].append(row)
    places: dict[Place, dict[int, LeftoverRow | None]] = defaultdict(dict)
    for test in filter(is_wrong, tests):
        for row in rows[test.test]:
            places[test.label, row.database, row.table][test.test] = row
        if not rows[test.test]:
            places[test.label, "", None][test.test] = None
    return places


def _leak(place: Place, runs: Sequence[TestRow], wrong: dict[int, LeftoverRow | None]) -> Leak:
    leaked = [test for test in runs if test.test in wrong]
    first, last = leaked[0], leaked[-1]
    row = wrong[last.test]
    counts = (row.added, row.removed, row.changed) if row else (0, 0, 0)
    recent = tuple(test.test in wrong for test in runs[-RECENT_RUNS:])
    return Leak(*place, last.verdict or "", len(runs), len(leaked), first.started, last.started, *counts, recent)


def _phases(tests: Sequence[TestRow]) -> list[Phase]:
    times = {
        name: [seconds for test in tests if (seconds := getattr(test, f"{name}_s")) is not None] for name in PHASES
    }
    return [Phase(name, spread(seconds)) for name, seconds in times.items() if seconds]


def _steps(ledger: Ledger, since: str) -> list[Step]:
    by_step: dict[str, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    times: dict[str, list[float]] = defaultdict(list)
    for test, attempt in ledger.attempts(since):
        by_step[attempt.step][test].append(attempt.status == DONE)
        times[attempt.step].append(attempt.seconds)
    return [
        Step(
            name,
            len(times[name]),
            rate(sum(did[0] for did in tries.values()), len(tries)),
            rate(sum(any(did) for did in tries.values()), len(tries)),
            spread(times[name]),
        )
        for name, tries in sorted(by_step.items())
    ]


def _line(suite: SuiteRow, tests: Sequence[TestRow]) -> SuiteLine:
    verdicts = _counts(test.verdict or "not verified" for test in tests)
    restored = sum(test.restore_s is not None for test in tests)
    outcome = suite.outcome or RUNNING
    return SuiteLine(
        suite.suite, suite.name, suite.started, suite.ended, outcome, verdicts, restored, suite.store_bytes or None
    )


def _counts(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
