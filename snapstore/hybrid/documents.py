"""Tests and suites as JSON has them."""

from __future__ import annotations

from typing import Any

from snapstore.actions.documents import plain
from snapstore.hybrid.aftermath import TestResult
from snapstore.hybrid.ledger import Leftovers


def document_of(test: TestResult) -> dict[str, Any]:
    """Return what became of a test."""
    return {
        "label": test.label,
        "outcome": test.outcome,
        "verdict": test.verdict,
        "decision": test.decision,
        "final": test.final,
        "restored": test.restored,
        "forensic": test.forensic,
        "tables": {name: plain(one.tables) for name, one in test.databases.items()},
        "attempts": plain(test.attempts),
        "removed": {number: _by_database(test.removed(number)) for number in test.stages if number > 0},
        "seconds": test.seconds,
    }


def _by_database(rows: Leftovers) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (database, table), counts in rows.items():
        found.setdefault(database, {})[table] = plain(counts)
    return found
