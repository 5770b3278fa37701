"""Compare diffs after one test with programs that read both databases, or hash one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import changes
from benchmarks.ground import Ground, WrongResult
from benchmarks.pages import differing_pages
from benchmarks.printed import (
    ADDED,
    REMOVED,
    check_counts,
    check_patch,
    content_hash,
    counts_said,
    hash_said,
    statements,
)
from benchmarks.timing import Comparison, Contender, always, compare, run

STAT, ROWS = "snap diff baseline --stat", "snap diff baseline --limit 0"
STORED_STAT, STORED_ROWS = "snap diff baseline later --stat", "snap diff baseline later --limit 0"
SQLDIFF, DBHASH = "sqldiff", "dbhash"
# sqldiff takes as long as a hundred of the others.
SQLDIFF_ROUNDS = 1
_ARGUMENTS = {name: tuple(name.split()[1:]) for name in (STAT, ROWS, STORED_STAT, STORED_ROWS)}


@dataclass(frozen=True)
class Difference:
    """The size of the change that the diffs have to find."""

    pages: int
    rows: Counter[str]


def measure(ground: Ground) -> tuple[Comparison, Difference]:
    """Compare all on the same change, which also exists as the snapshot `later`."""
    ground.change()
    ground.snap("tag", "later")
    difference = Difference(differing_pages(ground.pristine, ground.live), _patched(ground))
    contenders = [
        Contender(
            name,
            always(*ground.store.command(*arguments)),
            after=_counting(ground, name, difference, counts_said),
            output=ground.printed(name),
        )
        for name, arguments in _ARGUMENTS.items()
    ]
    contenders += _peers(ground, difference)
    ratios = [(name, peer) for name in _ARGUMENTS for peer in (SQLDIFF, DBHASH)]
    comparison = Comparison("Diff of a changed database", ratios)
    return compare(comparison, contenders, ground.rounds, ground.warm), difference


def _patched(ground: Ground) -> Counter[str]:
    """Return the counts of rows in the patch of `snap diff`, after applying it and checking them against the change."""
    patch = ground.printed("patch")
    run(ground.store.command("diff", "baseline", "--format", "sql"), ground.place, output=patch)
    check_patch(ground, patch)
    found = statements(patch)
    added, removed = changes.POSTS + changes.COMMENTS + changes.LOG_LINES, changes.SESSIONS + changes.OLD_COMMENTS
    if (found[ADDED], found[REMOVED]) != (added, removed):
        raise WrongResult(f"the patch of snap diff has {dict(found)}, expected {added} added and {removed} removed")
    return found


def _peers(ground: Ground, difference: Difference) -> list[Contender]:
    found = ground.tools.found
    contenders = []
    if DBHASH in found:
        printed, expected = ground.printed(DBHASH), content_hash(ground, ground.live)

        def check(_: int) -> None:
            if hash_said(printed) != expected:
                raise WrongResult("dbhash gave two hashes of one database")

        contenders.append(Contender(DBHASH, always(found[DBHASH], ground.live), after=check, output=printed))
    if SQLDIFF in found:
        contenders.append(
            Contender(
                SQLDIFF,
                always(found[SQLDIFF], ground.pristine, ground.live),
                after=_counting(ground, SQLDIFF, difference, statements),
                rounds=SQLDIFF_ROUNDS,
                output=ground.printed(SQLDIFF),
            )
        )
    return contenders


def _counting(
    ground: Ground, name: str, difference: Difference, count: Callable[[str], Counter[str]]
) -> Callable[[int], None]:
    def check(_: int) -> None:
        check_counts(name, count(ground.printed(name)), difference.rows)

    return check
