"""The rows of the ledger, and the types of their columns (objects/ledger.sql explains the tables)."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.objects.catalog import Types
from snapstore.results.against import Against


class SuiteRow(NamedTuple):
    """A suite that began; see ledger.sql."""

    suite: int
    name: str
    command: str
    mode: str
    pid: int
    backup: str | None
    started: str
    ended: str | None
    outcome: str | None
    exit_code: int | None
    repaired: int
    store_bytes: int | None


class TestRow(NamedTuple):
    """A test as it ended; see ledger.sql. Durations are in seconds, None for a phase that was not gone through.

    `rev` and `snapshot` are what the verdict is against, None where that is not on record. `worker` ran the test on a
    copy of the database, None where it ran on the project's own.
    """

    test: int
    suite: int
    label: str
    scenario: str
    started: str
    ended: str | None
    outcome: str | None
    verdict: str | None
    decision: str | None
    final: str | None
    forensic: str | None
    test_s: float | None
    cleanup_s: float | None
    quiet_s: float | None
    verify_s: float | None
    restore_s: float | None
    rev: str | None = None
    snapshot: str | None = None
    worker: str | None = None

    @property
    def compared_with(self) -> Against | None:
        """The snapshot that the verdict is against, where it is on record."""
        return Against(self.rev, self.snapshot) if self.rev and self.snapshot else None


class LeftoverRow(NamedTuple):
    """Rows that a test left behind in a table; see ledger.sql."""

    test: int
    stage: int
    database: str
    table: str
    added: int
    removed: int
    changed: int


_TEXT, _NUMBER = (str, type(None)), (int, float, type(None))
_COUNT = (int, type(None))
SUITE_TYPES: tuple[Types, ...] = (int, str, str, str, int, _TEXT, str, _TEXT, _TEXT, _COUNT, int, _COUNT)
TEST_TYPES: tuple[Types, ...] = (int, int, str, str, str, *(_TEXT,) * 6, *(_NUMBER,) * 5, _TEXT, _TEXT, _TEXT)
ATTEMPT_TYPES = (int, str, int, str, str, (int, float))
LEFTOVER_TYPES = (int, int, str, str, int, int, int)
WARNING_TYPES = (int, str)
