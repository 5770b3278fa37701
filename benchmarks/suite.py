"""Compare what a suite costs a test that changes nothing with a copy of the file."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from benchmarks.ground import Ground
from benchmarks.timing import Comparison, Contender, Sample, always, compare, run

TEST, RUN, CP = "begin, verify and end of a test", "snap run -- true", "cp over another copy"
TESTS = 20  # in each suite
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def measure(ground: Ground) -> Comparison:
    """Compare. The live database is at its snapshot before and after."""
    comparison = Comparison("A test of a suite", [(TEST, CP), (RUN, CP)])
    contenders = [
        Contender(RUN, always(*ground.store.command("run", "--", "true"))),
        Contender(CP, always(ground.tools.found["cp"], ground.live, ground.copy)),
    ]
    compare(comparison, contenders, ground.rounds, ground.warm)
    samples = [_test(ground, round_) for round_ in range(ground.rounds + 1)]
    comparison.samples = {TEST: samples[1:], **comparison.samples}
    ground.remove(ground.copy)
    return comparison


def _test(ground: Ground, round_: int) -> Sample:
    """Run a suite; return the time of a test, as the suite measured it, and the memory of the whole process."""
    printed = ground.printed("many tests")
    command = [sys.executable, "-m", "benchmarks.many_tests", ground.live, ground.store.folder, str(TESTS)]
    sample = run(command, replace(ground.place, folder=_ROOT), round_, output=printed)
    with open(printed, encoding="ascii") as file:
        return replace(sample, seconds=float(file.read()))
