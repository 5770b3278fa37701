"""Differences: what is compared about saying whether, and in which rows, a database differs from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import diff, many_rows, suite, verify
from benchmarks.diff import Difference
from benchmarks.ground import Ground
from benchmarks.timing import Comparison


@dataclass(frozen=True)
class Differences:
    """Verify, the flow of a suite, and diff; `found` is what the diff is of."""

    verify: Comparison
    suite: Comparison
    diff: Comparison
    many_rows: Comparison
    found: Difference

    def comparisons(self) -> list[Comparison]:
        """Return them in the order of the report."""
        return [self.verify, self.suite, self.diff, self.many_rows]


def measure(ground: Ground) -> Differences:
    """Measure on a ground whose store has the pristine database as `baseline`; end there again."""
    ground.snap("restore", "baseline")
    verified = verify.measure(ground)
    flow = suite.measure(ground)
    diffed, found = diff.measure(ground)
    ground.snap("restore", "baseline")
    many = many_rows.measure(ground)
    ground.snap("restore", "baseline")
    ground.check_same("snap restore", ground.pristine, ground.live)
    return Differences(verified, flow, diffed, many, found)
