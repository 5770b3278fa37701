"""Measure diffs of a hundred thousand changed rows, mainly for the memory that they need."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from benchmarks.ground import Ground
from benchmarks.printed import CHANGED, check_counts, check_patch, counts_said, documents, statements
from benchmarks.timing import Comparison, Contender, always, compare

ROWS = 100_000
ROUNDS = 1
TEXT, JSON, SQL = FORMATS = (
    "snap diff baseline --limit 0",
    "snap diff baseline --format json --limit 0",
    "snap diff baseline --format sql",
)


def measure(ground: Ground) -> Comparison:
    """Compare. The live database stays changed."""
    expected = Counter({CHANGED: _change(ground.live)})
    counts = {TEXT: counts_said, JSON: documents, SQL: statements}
    contenders = [
        Contender(
            name,
            always(*ground.store.command(*name.split()[1:])),
            after=_counting(ground, name, count, expected),
            output=ground.printed(name),
        )
        for name, count in counts.items()
    ]
    comparison = compare(
        Comparison(f"Diff of {expected[CHANGED]:,} changed rows"), contenders, min(ROUNDS, ground.rounds), ground.warm
    )
    check_patch(ground, ground.printed(SQL))
    return comparison


def _change(path: str) -> int:
    """Change ROWS rows of the log, or all if there are fewer; return how many."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute("UPDATE log SET seconds = seconds + 1 WHERE id <= ?", (ROWS,)).rowcount


def _counting(
    ground: Ground, name: str, count: Callable[[str], Counter[str]], expected: Counter[str]
) -> Callable[[int], None]:
    return lambda _: check_counts(name, count(ground.printed(name)), expected)
