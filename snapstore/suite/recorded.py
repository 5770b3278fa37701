"""A test on record: which state it began with, and which it left."""

from __future__ import annotations

from collections.abc import Iterable

from snapstore.errors import UnknownTest
from snapstore.suite.ledger import Ledger
from snapstore.suite.ledger_rows import TestRow

_MOST_NEAREST = 3


def find_test(ledger: Ledger, name: str) -> TestRow:
    """Return the last test of a name whose failing state was kept; any part of the name will do if it is of one test.

    Raises UnknownTest.
    """
    tests = ledger.tests()
    labels = dict.fromkeys(test.label for test in tests)
    label = name if name in labels else _only(one for one in labels if name.casefold() in one.casefold())
    if label is None:
        raise UnknownTest(name, nearest=_nearest(name, list(labels)))
    kept = (test for test in reversed(tests) if test.label == label and test.forensic and test.compared_with)
    if found := next(kept, None):
        return found
    raise UnknownTest(label, is_known=True)


def last_left(ledger: Ledger, most: int) -> list[TestRow]:
    """Return the last `most` tests of the newest suite whose failing states were kept, all by one worker."""
    tests = ledger.tests()
    newest = max((test.suite for test in tests), default=0)
    kept = [test for test in tests if test.suite == newest and test.forensic and test.compared_with]
    return [test for test in kept if test.worker == kept[-1].worker][-most:]


def _only(labels: Iterable[str]) -> str | None:
    found = list(labels)
    return found[0] if len(found) == 1 else None


def _nearest(name: str, labels: list[str]) -> tuple[str, ...]:
    from difflib import get_close_matches

    parts = [label for label in labels if name.casefold() in label.casefold()]
    return tuple(parts[-_MOST_NEAREST:] or get_close_matches(name, labels, n=_MOST_NEAREST))
