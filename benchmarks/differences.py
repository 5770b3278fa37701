"""Measure verify, a suite, and diffs: whether, and in which rows, a database differs from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import diff, many_rows, suite, verify
from benchmarks.diff import Difference
from benchmarks.ground import Ground
from benchmarks.timing import Comparison


@dataclass(frozen=True)
class Differences:
    """The comparisons of verify, suites and diffs; `found` is the change that the diffs have to find."""

    verify: Comparison
    suite: Comparison
    diff: Comparison
    many_rows: Comparison
    found: Difference

    def comparisons(self) -> list[Comparison]:
        """Return them in the order of the report."""
        return [self.verify, self.suite, self.diff, self.many_rows]


def measure(ground: Ground) -> Differences:
    """Measure, starting and ending with the live database at the snapshot `baseline`."""
    ground.snap("restore", "baseline")
    verified = verify.measure(ground)
    flow = suite.measure(ground)
    diffed, found = diff.measure(ground)
    ground.snap("restore", "baseline")
    many = many_rows.measure(ground)
    ground.snap("restore", "baseline")
    ground.check_same("snap restore", ground.pristine, ground.live)
    return Differences(verified, flow, diffed, many, found)
