"""The reliability of cleanup and restore, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snapstore.results.against import Against


@dataclass(frozen=True)
class Rate:
    """How many of some trials succeeded; `low` and `high` bound the true share, with a confidence of 0.95.

    All three shares are from 0 to 1, None without trials.
    """

    successes: int
    trials: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Spread:
    """How numbers are spread: the number of them, the least, some percentiles, the most, and the sum."""

    number: int
    least: float
    p10: float
    median: float
    p90: float
    p99: float
    most: float
    total: float


@dataclass(frozen=True)
class Scenario:
    """Tests that are counted together; `name` is empty for those without a scenario.

    `state_ok` counts those after which the state was right, restored or not.
    """

    name: str
    tests: int
    cleanup: Rate
    restore: Rate
    state_ok: Rate


@dataclass(frozen=True)
class TestLeak:
    """A test that changes a table and leaves it changed; `table` is None for the schema, or the whole file.

    It did so in `leaked` of `runs` runs, for the first time at `first` and for the last at `last`; the counts are those
    of the last time. `recent` are its newest runs, the oldest first: whether each of them leaked there.
    `compared_with` is the snapshot that the last verdict is against, where that is on record.
    """

    __test__ = False  # pytest collects classes with such names

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
    compared_with: Against | None = None


@dataclass(frozen=True)
class Phase:
    """How long one phase of a test took, in seconds."""

    name: str
    seconds: Spread


@dataclass(frozen=True)
class Step:
    """A cleanup step: attempts in all, how often the first attempt succeeded and how often any did."""

    name: str
    attempts: int
    first: Rate
    any: Rate
    seconds: Spread


@dataclass(frozen=True)
class SuiteLine:
    """A suite in short; `verdicts` counts its tests by verdict, `restored` those after which a restore was needed.

    `outcome` is passed, failed, interrupted or died; before a suite has ended, running or paused. `workers` are the
    names of those that ran tests of it on copies of the database.
    """

    suite: int
    name: str
    started: str
    ended: str | None
    outcome: str
    verdicts: Mapping[str, int]
    restored: int
    store_bytes: int | None
    workers: tuple[str, ...] = ()


@dataclass(frozen=True)
class FailedState:
    """The state that a test failed with last, at the end of the test `at`; `snap restore NAME` brings it back.

    `began_with` is the snapshot that the test began with, None if it is not known.
    """

    label: str
    name: str
    snapshot: str
    at: str
    began_with: Against | None = None


@dataclass(frozen=True)
class Report:
    """All figures; suites and leaks the newest first. `state_ok` counts tests after which the state was right.

    `still_wrong` are the tables that still differed, or differed again, after a restore; their runs are restores.
    `failed_states` are those that have a name now, the newest first.
    """

    since: str
    outcomes: Mapping[str, int]
    tests: int
    verdicts: Mapping[str, int]
    cleanup: Rate
    restore: Rate
    state_ok: Rate
    scenarios: tuple[Scenario, ...]
    leaks: tuple[TestLeak, ...]
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...]
    suites: tuple[SuiteLine, ...]
    still_wrong: tuple[TestLeak, ...] = ()
    failed_states: tuple[FailedState, ...] = ()
