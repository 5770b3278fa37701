"""Judge what one run measured against the goals.

The goals leave room for ordinary libraries, whose imports are a fixed cost of every command. report.py explains them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import diff, first_take, many_rows, restore, startup, take, verify
from benchmarks.differences import Differences
from benchmarks.pages import Extent
from benchmarks.peers import Growth
from benchmarks.restore import Touched
from benchmarks.timing import Comparison

LARGE, SMALL = 800, 80  # megabytes
KB, MB = 1000, 1_000_000


@dataclass(frozen=True)
class Snapshots:
    """The measurements of taking and restoring snapshots."""

    first: Comparison
    status: Comparison
    restore: Comparison
    take: Comparison
    growths: list[Growth]
    touched: Touched

    def growth(self, label: str) -> Growth | None:
        """Return the growth of a store, given the name of its command."""
        return next((one for one in self.growths if one.label == label), None)

    def comparisons(self) -> list[Comparison]:
        """Return them in the order of the report."""
        return [self.restore, self.take, self.first, self.status]


@dataclass(frozen=True)
class Measured:
    """Everything measured on one database in one journal mode; `snapshots` is None if that part was skipped."""

    megabytes: int
    journal_mode: str
    extent: Extent
    snapshots: Snapshots | None
    differences: Differences

    def comparisons(self) -> list[Comparison]:
        """Return them in the order of the report."""
        return [*(self.snapshots.comparisons() if self.snapshots else ()), *self.differences.comparisons()]


@dataclass(frozen=True)
class Goal:
    """One goal.

    `value` is the measurement, None if there is none. `also` is the same by another method.
    """

    text: str
    where: str
    limit: float
    value: float | None
    unit: str = ""
    also: float | None = None

    @property
    def verdict(self) -> str:
        """Say whether the goal is met."""
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.limit else "**missed**"


def judge(start: Comparison | None, measured: Sequence[Measured]) -> list[Goal]:
    """Judge every goal. One that could not be measured says so."""
    goals: list[Goal] = []
    for size in (LARGE, SMALL):
        modes = [one for one in measured if one.megabytes == size]
        for one in modes:
            goals += _of_one(one, f"{size} MB, {one.journal_mode.upper()}")
        if not modes:
            goals.append(Goal(f"goals at {size} MB", f"{size} MB", 0, None))
    if start:
        goals.append(_ratio("`snap --version` / `import click`", "", 1.3, start, startup.VERSION, startup.CLICK))
        goals.append(_ratio("`snap status` / `import click`", "1 MB", 2.5, start, startup.STATUS, startup.CLICK))
        switch = "`git switch`, followed, same content / `snap --version`"
        goals.append(_ratio(switch, "1 MB", 4.0, start, startup.SWITCH, startup.VERSION))
    return goals


def _of_one(one: Measured, where: str) -> Iterator[Goal]:
    if one.snapshots:
        yield from _large(one.snapshots, where) if one.megabytes == LARGE else _small(one.snapshots, where)
    if one.megabytes == LARGE:
        yield from _differences(one.differences, where)


def _large(one: Snapshots, where: str) -> Iterator[Goal]:
    yield _ratio("`snap restore` / `cp`", where, 0.3, one.restore, restore.SNAP, restore.CP)
    yield _ratio("`snap restore` / `sqlite3 .restore`", where, 0.1, one.restore, restore.SNAP, restore.DOT_RESTORE)
    yield _ratio("later `snap tag` / `cp`", where, 0.3, one.take, take.SNAP, take.CP)
    yield _ratio("first `snap tag` / `restic backup`", where, 0.6, one.first, first_take.SNAP, "restic backup")
    yield from _sizes(one, where)
    peaks = [one.restore.peak(restore.SNAP), one.take.peak(take.SNAP), one.first.peak(first_take.SNAP)]
    yield Goal("peak memory of `snap tag` and `snap restore`", where, 150, max(peaks) / MB, " MB")


def _sizes(one: Snapshots, where: str) -> Iterator[Goal]:
    ours, restic = one.growth(take.SNAP), one.growth("restic backup")
    ratio = ours.first / restic.first if ours and restic else None
    yield Goal("store after the first snapshot / restic's", where, 1.3, ratio)
    yield Goal("a later snapshot adds, at most", where, 32, max(ours.later) / KB if ours else None, " KB")


def _small(one: Snapshots, where: str) -> Iterator[Goal]:
    yield _ratio("`snap restore` / `cp, then sync`", where, 1.5, one.restore, restore.SNAP, restore.CP_SYNC)
    yield _ratio("`snap restore` / `sqlite3 .restore`", where, 0.4, one.restore, restore.SNAP, restore.DOT_RESTORE)


def _differences(one: Differences, where: str) -> Iterator[Goal]:
    for name in (diff.STAT, diff.ROWS, diff.STORED_STAT, diff.STORED_ROWS):
        for peer, limit in ((diff.SQLDIFF, 1 / 20), (diff.DBHASH, 0.5)):
            yield _ratio(f"`{name}` / `{peer}`", where, limit, one.diff, name, peer)
    yield _ratio("`snap verify`, unchanged / `cp`", where, 0.3, one.verify, verify.UNCHANGED, verify.CP)
    peak = max(one.many_rows.peak(name) for name in many_rows.FORMATS)
    yield Goal(f"peak memory of `snap diff`, {many_rows.ROWS:,} rows", where, 300, peak / MB, " MB")


def _ratio(text: str, where: str, limit: float, comparison: Comparison, name: str, to: str) -> Goal:
    if not comparison.has(name, to):
        return Goal(text, where, limit, None)
    return Goal(text, where, limit, comparison.ratio(name, to), also=comparison.ratio_by_round(name, to))
