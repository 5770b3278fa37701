"""`python -m tests.soak [--minutes M] [--seed N] [--keep DIR]`: everything at once, for a while."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.run import soak


def show(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Run everything at once, for a while.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder to work in, which is kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="snapstore-soak-") as temporary:
        soaked = soak(given.keep or Path(temporary), 60 * given.minutes, seed=given.seed)
    for kind, counts in soaked.counts.items():
        show(f"{kind:16}", ", ".join(f"{what} {number:,}" for what, number in sorted(counts.items())))
    show(f"{soaked.snapshots:,} snapshots in the end; {len(soaked.odd)} findings")
    for one in soaked.odd:
        show("-", one)
    sys.exit(1 if soaked.odd else 0)


if __name__ == "__main__":
    main()
