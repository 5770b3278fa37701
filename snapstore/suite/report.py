"""The report: what the ledger says about a project's suites, in figures.

Cleanup succeeded where `verify` passed right after it. Tests of suites without cleanup are no trials of it, nor are
tests whose suite died: nobody cleaned up after them. A restore succeeded where `verify` passed after it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from snapstore.compare.verdicts import CLEAN, DRIFTED
from snapstore.results.reports import FailedState, Phase, Rate, Report, Scenario, Step, SuiteLine, TestLeak
from snapstore.results.rows import Counts
from snapstore.suite.cleanup import DONE
from snapstore.suite.ledger import RESTORED, VERIFIED, Ledger
from snapstore.suite.ledger_rows import LeftoverRow, SuiteRow, TestRow
from snapstore.suite.parts import DIED, RUNNING
from snapstore.suite.statistics import rate, spread
from snapstore.suite.teardown import PHASES

RIGHT = (CLEAN, DRIFTED)
_NONE: Mapping[int, str] = {}
_NO_NAMES: Mapping[str, str] = {}
RECENT_RUNS = 20  # of a test that leaks, the newest that are looked at one by one

Place = tuple[str, str, "str | None"]
"""A test's label, a database, and a table, None where it is the schema or the whole file."""


def measure(
    ledger: Ledger, since: str = "", standings: Mapping[int, str] = _NONE, named: Mapping[str, str] = _NO_NAMES
) -> Report:
    """Return the figures of the suites that began at a time or later.

    `standings` are the words for suites that have not ended, by number; without one, a suite is running.
    `named` has the snapshots that tags name now.
    """
    suites, tests = ledger.suites(since), ledger.tests(since)
    outcomes = {suite.suite: suite.outcome or standings.get(suite.suite, RUNNING) for suite in suites}
    leftovers = ledger.leftovers(since)
    after_restore = [row for row in leftovers if row.stage == RESTORED]
    restored = [test._replace(verdict=test.final) for test in tests if test.restore_s is not None]
    modes = {suite.suite: suite.mode for suite in suites}
    by_suite: dict[int, list[TestRow]] = defaultdict(list)
    for test in tests:
        by_suite[test.suite].append(test)
    return Report(
        since=since,
        outcomes=_counts(outcomes.values()),
        tests=len(tests),
        verdicts=_counts(test.verdict for test in tests if test.verdict),
        cleanup=_cleanup(tests, modes),
        restore=_restore(tests),
        state_ok=_state_ok(tests),
        scenarios=tuple(_scenarios(tests, modes)),
        leaks=tuple(_leaks(tests, [row for row in leftovers if row.stage == VERIFIED], is_wrong)),
        phases=tuple(_phases(tests)),
        steps=tuple(_steps(ledger, since)),
        suites=tuple(_line(suite, outcomes[suite.suite], by_suite[suite.suite]) for suite in suites),
        still_wrong=tuple(_leaks(restored, after_restore, lambda test: test.final not in RIGHT)),
        failed_states=tuple(_failed_states(ledger, since, tests, named)),
    )


def _failed_states(
    ledger: Ledger, since: str, tests: Sequence[TestRow], named: Mapping[str, str]
) -> Iterator[FailedState]:
    ended = {test.test: test.ended or test.started for test in tests}
    for test, kept in reversed(ledger.kept_states(since)):
        if named.get(kept.name) == kept.snapshot:
            yield FailedState(kept.label, kept.name, kept.snapshot, ended[test], kept.began_with)


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


def _state_ok(tests: Sequence[TestRow]) -> Rate:
    return _rate([test for test in tests if test.final], lambda test: test.final in RIGHT)


def _rate(tests: Sequence[TestRow], succeeded: Callable[[TestRow], bool]) -> Rate:
    return rate(sum(map(succeeded, tests)), len(tests))


def _scenarios(tests: Sequence[TestRow], modes: dict[int, str]) -> list[Scenario]:
    by_name: dict[str, list[TestRow]] = defaultdict(list)
    for test in tests:
        by_name[test.scenario].append(test)
    return [
        Scenario(name, len(of), _cleanup(of, modes), _restore(of), _state_ok(of))
        for name, of in sorted(by_name.items())
    ]


def _leaks(
    tests: Sequence[TestRow], leftovers: Sequence[LeftoverRow], wrong: Callable[[TestRow], bool]
) -> list[TestLeak]:
    """Return who leaks where, the tables of a test together: the tests that did so last come first."""
    runs: dict[str, list[TestRow]] = defaultdict(list)
    for test in tests:
        if test.verdict:
            runs[test.label].append(test)
    places = _places([test for test in tests if wrong(test)], leftovers)
    found = [_leak(place, runs[place[0]], leaking) for place, leaking in places.items()]
    latest: dict[str, str] = {}
    for leak in found:
        latest[leak.label] = max(leak.last, latest.get(leak.label, ""))
    return sorted(found, key=lambda leak: (latest[leak.label], leak.label, leak.last, leak.leaked), reverse=True)


def _places(tests: Sequence[TestRow], leftovers: Sequence[LeftoverRow]) -> dict[Place, dict[int, LeftoverRow | None]]:
    """Return for each place the tests that left something there, and what."""
    rows: dict[int, list[LeftoverRow]] = defaultdict(list)
    for row in leftovers:
        rows[row.test].append(row)
    places: dict[Place, dict[int, LeftoverRow | None]] = defaultdict(dict)
    for test in tests:
        for row in rows[test.test]:
            places[test.label, row.database, row.table][test.test] = row
        if not rows[test.test]:
            places[test.label, "", None][test.test] = None
    return places


def _leak(place: Place, runs: Sequence[TestRow], wrong: dict[int, LeftoverRow | None]) -> TestLeak:
    leaked = [test for test in runs if test.test in wrong]
    first, last = leaked[0], leaked[-1]
    row = wrong[last.test]
    counts = Counts(row.added, row.removed, row.changed) if row else Counts()
    recent = tuple(test.test in wrong for test in runs[-RECENT_RUNS:])
    return TestLeak(
        *place,
        verdict=last.verdict or "",
        runs=len(runs),
        leaked=len(leaked),
        first=first.started,
        last=last.started,
        added=counts.added,
        removed=counts.removed,
        changed=counts.changed,
        recent=recent,
        compared_with=last.compared_with,
    )


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


def _line(suite: SuiteRow, outcome: str, tests: Sequence[TestRow]) -> SuiteLine:
    verdicts = _counts(test.verdict or "not verified" for test in tests)
    restored = sum(test.restore_s is not None for test in tests)
    workers = tuple(sorted({test.worker for test in tests if test.worker}))
    return SuiteLine(
        suite.suite,
        suite.name,
        suite.started,
        suite.ended,
        outcome,
        verdicts,
        restored,
        suite.store_bytes or None,
        workers,
    )


def _counts(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
