"""Measure `snap status`: whether a database still equals its snapshot, which a copy cannot tell."""

from __future__ import annotations

from benchmarks.ground import Ground
from benchmarks.timing import Comparison, Contender, always, compare

UNCHANGED, CHANGED, CP = "snap status, unchanged", "snap status, changed", "cp over another copy"


def measure(ground: Ground) -> Comparison:
    """Compare. The live database is at its snapshot before and after."""
    status = always(*ground.store.command("status"))
    contenders = [
        Contender(UNCHANGED, status),
        Contender(
            CHANGED,
            status,
            before=lambda _: ground.change(),
            after=lambda _: ground.snap("restore", "baseline"),
        ),
        Contender(CP, always(ground.tools.found["cp"], ground.live, ground.copy)),
    ]
    comparison = Comparison("Status", [(UNCHANGED, CP), (CHANGED, CP)])
    return compare(comparison, contenders, ground.rounds, ground.warm)
