"""Run a suite whose tests change nothing, in one process, to see what the suite costs each test.

    python -m benchmarks.many_tests DATABASE STORE TESTS

prints the median of the seconds that begin, verify and end of a test take.
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median

from snapstore.project import Project
from snapstore.store import Store
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.flow import Suite
from snapstore.suite.mark import run_mark
from snapstore.suite.policy import SuitePolicy


def main() -> None:
    """Run the suite without the wait until nobody writes, whose length is a setting."""
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
        raise SystemExit(f"a test that changed nothing got the verdict {result.verdict}")
    return seconds


if __name__ == "__main__":
    main()
