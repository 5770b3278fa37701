"""Diff: which rows differ after one test, beside programs that read both databases to say it, or hash one."""

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
FIRST_STAT, FIRST_STORED_STAT = f"{STAT}, the first", f"{STORED_STAT}, the first"  # nothing is known of the baseline
SQLDIFF, DBHASH = "sqldiff", "dbhash"
SQLDIFF_ROUNDS = 1  # it takes as long as a hundred of the others
_ARGUMENTS = {
    name: tuple(name.partition(",")[0].split()[1:])
    for name in (STAT, ROWS, STORED_STAT, STORED_ROWS, FIRST_STAT, FIRST_STORED_STAT)
}


@dataclass(frozen=True)
class Difference:
    """What the change that was looked for amounts to."""

    pages: int
    rows: Counter[str]


def measure(ground: Ground) -> tuple[Comparison, Difference]:
    """Compare, all on the same change, of which there is a snapshot named `later`."""
    ground.change()
    ground.snap("tag", "later")
    difference = Difference(differing_pages(ground.pristine, ground.live), _patched(ground))
    contenders = [
        Contender(
            name,
            always(*ground.store.command(*arguments)),
            before=(lambda _: ground.store.forget_skeletons()) if name.endswith("the first") else (lambda _: None),
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
    """Return the rows in the patch of `snap diff`, which is tried, and is about the rows that the change was."""
    patch = ground.printed("patch")
    run(ground.store.command("diff", "baseline", "--format", "sql"), ground.place, output=patch)
    check_patch(ground, patch)
    found = statements(patch)
    added, removed = changes.POSTS + changes.COMMENTS + changes.LOG_LINES, changes.SESSIONS + changes.OLD_COMMENTS
    if (found[ADDED], found[REMOVED]) != (added, removed):
        raise WrongResult(f"the patch of snap diff has {dict(found)}, where {added} were added, {removed} removed")
    return found


def _peers(ground: Ground, difference: Difference) -> list[Contender]:
    found = ground.tools.found
    contenders = []
    if DBHASH in found:
        printed, expected = ground.printed(DBHASH), content_hash(ground, ground.live)

        def check(_: int) -> None:
            if hash_said(printed) != expected:
                raise WrongResult("dbhash said two things of one database")

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
