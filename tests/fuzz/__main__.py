"""`python -m tests.fuzz [INPUTS] [SEED]`: shares a number of inputs out over the targets; slow ones get fewer."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.run import run
from tests.fuzz.targets import Corpus

SHARES = {"rebuild": 0.02, "pack": 0.5, "configuration": 0.4, "schema": 0.3}  # of an even share
IN_MEMORY = Path("/dev/shm")


def main(inputs: int, first: int) -> int:
    """Print a line a target; return how many failures there are."""
    failures = total = 0
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        targets = Corpus(Path(folder)).targets()
        whole = sum(SHARES.get(name, 1.0) for name in targets)
        for name, target in targets.items():
            start = time.monotonic()
            count = int(inputs * SHARES.get(name, 1.0) / whole) + 1
            report = run(target, range(first, first + count))
            seconds, grown = time.monotonic() - start, report.grown_bytes / 1e6
            sys.stdout.write(f"{name:14} {report.inputs:9,} inputs  {seconds:6.1f} s  {grown:5.1f} MB more\n")
            for line in report.failures:
                sys.stdout.write(f"  {line}\n")
            sys.stdout.flush()
            failures += len(report.failures)
            total += report.inputs
    sys.stdout.write(f"{total:,} inputs, {failures} failures\n")
    return failures


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    sys.exit(min(main(*(numbers + [1_000_000, 0][len(numbers) :])), 1))
