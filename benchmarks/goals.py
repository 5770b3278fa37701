"""Goals: what is promised in numbers, each judged by what one run measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import first_take, restore, startup, take
from benchmarks.pages import Extent
from benchmarks.peers import Growth
from benchmarks.restore import Touched
from benchmarks.timing import Comparison

LARGE, SMALL = 800, 80  # wanted megabytes
KB, MB = 1000, 1_000_000


@dataclass(frozen=True)
class Measured:
    """All that was measured on one database in one journal mode."""

    megabytes: int
    journal_mode: str
    extent: Extent
    first: Comparison
    status: Comparison
    restore: Comparison
    take: Comparison
    growths: list[Growth]
    touched: Touched

    def growth(self, label: str) -> Growth | None:
        """Return a store's growth by the name of its command."""
        return next((one for one in self.growths if one.label == label), None)

    def comparisons(self) -> list[Comparison]:
        """Return them in the order of the report."""
        return [self.restore, self.take, self.first, self.status]


@dataclass(frozen=True)
class Goal:
    """One goal: `value` is what was measured, None where it could not be; `also` a second look at the same."""

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


def judge(start: Comparison, measured: Sequence[Measured]) -> list[Goal]:
    """Judge every goal; one that was not measured says so."""
    goals: list[Goal] = []
    for size, of_size in ((LARGE, _large), (SMALL, _small)):
        modes = [one for one in measured if one.megabytes == size]
        for one in modes:
            goals += of_size(one)
        if not modes:
            goals.append(Goal(f"goals at {size} MB", f"{size} MB", 0, None))
    goals.append(_ratio("`snap --version` / `import click`", "", 1.3, start, startup.VERSION, startup.CLICK))
    return goals


def _large(one: Measured) -> Iterator[Goal]:
    where = f"{LARGE} MB, {one.journal_mode.upper()}"
    yield _ratio("`snap restore` / `cp`", where, 0.25, one.restore, restore.SNAP, restore.CP)
    yield _ratio("`snap restore` / `sqlite3 .restore`", where, 0.1, one.restore, restore.SNAP, restore.DOT_RESTORE)
    yield _ratio("later `snap tag` / `cp`", where, 0.25, one.take, take.SNAP, take.CP)
    yield _ratio("first `snap tag` / `restic backup`", where, 0.6, one.first, first_take.SNAP, "restic backup")
    yield from _sizes(one, where)
    peaks = [one.restore.peak(restore.SNAP), one.take.peak(take.SNAP), one.first.peak(first_take.SNAP)]
    yield Goal("peak memory of `snap tag` and `snap restore`", where, 150, max(peaks) / MB, " MB")


def _sizes(one: Measured, where: str) -> Iterator[Goal]:
    ours, restic = one.growth(take.SNAP), one.growth("restic backup")
    ratio = ours.first / restic.first if ours and restic else None
    yield Goal("store after the first snapshot / restic's", where, 1.3, ratio)
    yield Goal("a later snapshot adds, at most", where, 32, max(ours.later) / KB if ours else None, " KB")


def _small(one: Measured) -> Iterator[Goal]:
    where = f"{SMALL} MB, {one.journal_mode.upper()}"
    yield _ratio("`snap restore` / `cp`", where, 1, one.restore, restore.SNAP, restore.CP)


def _ratio(text: str, where: str, limit: float, comparison: Comparison, name: str, to: str) -> Goal:
    if not comparison.has(name, to):
        return Goal(text, where, limit, None)
    return Goal(text, where, limit, comparison.ratio(name, to), also=comparison.ratio_by_round(name, to))
