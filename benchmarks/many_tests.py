"""Many tests: a suite whose tests change nothing, in one process, to see what the flow costs each of them.

    python -m benchmarks.many_tests DATABASE STORE TESTS

prints the seconds that begin, verify and end of a test take, the median of all.
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median

from snapstore.hybrid.cleanup import CleanupRunner
from snapstore.hybrid.flow import Suite
from snapstore.hybrid.mark import run_mark
from snapstore.hybrid.policy import SuitePolicy
from snapstore.project import Project
from snapstore.store import Store


def main() -> None:
    """Run the suite; the wait until nobody writes is left out, since it is as long as it is told to be."""
    path, store_path, tests = sys.argv[1], sys.argv[2], int(sys.argv[3])
    project = Project.of({"default": path})
    with Store.open(store_path) as store, run_mark(store, project, "benchmark"):
        runner = CleanupRunner(project, os.environ, os.path.dirname(path))
        suite = Suite(store, project, SuitePolicy(quiet=0.0), runner, lambda _: None)
        suite.begin("benchmark", "benchmark")
        print(median(_seconds(suite, number) for number in range(tests)))
        suite.end(0)


def _seconds(suite: Suite, number: int) -> float:
    start = time.perf_counter()
    suite.begin_test(f"test {number}")
    result = suite.end_test("passed")
    seconds = time.perf_counter() - start
    if result.verdict != "clean":
        raise SystemExit(f"a test that changed nothing was found {result.verdict}")
    return seconds


if __name__ == "__main__":
    main()
