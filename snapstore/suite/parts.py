"""The parts of suites: what each worker of a run does, on a database of its own (objects/ledger.sql explains them).

Suites of ledgers that earlier releases made have no parts; they are the project's own.
"""

from __future__ import annotations

from typing import NamedTuple

from snapstore.objects.catalog import Catalog
from snapstore.suite.ledger_rows import SUITE_TYPES, SuiteRow
from snapstore.timestamps import now

PROJECT = ""
"""The worker that has the project's own databases."""

NO_DATABASES = ""
"""Identifies the databases of a worker that has none any more."""

RUNNING, PAUSED, DIED = "running", "paused", "died"
_WORST_FIRST = (DIED, "interrupted", "failed")
_OF_PART = ("mode", "pid", "backup", "ended", "outcome", "repaired", "store_bytes")


class OpenPart(NamedTuple):
    """A worker's part of a suite that has not ended."""

    suite: int
    worker: str
    paused: bool


class Parts:
    """The parts of one worker; `origin` identifies its databases. All but `suites` need a ledger that has been made."""

    def __init__(self, catalog: Catalog, worker: str, origin: str) -> None:
        self._catalog = catalog
        self._worker = worker
        self._origin = origin

    def begin(self, suite: int, mode: str, pid: int, backup: str | None) -> None:
        """Enter the worker's part of a suite, or enter it again."""
        self._catalog.rows(
            "INSERT OR REPLACE INTO part(suite, worker, origin, mode, pid, backup) VALUES (?, ?, ?, ?, ?, ?)",
            (suite, self._worker, self._origin, mode, pid, backup),
        )

    def end(self, suite: int, outcome: str, store_bytes: int, *, repaired: bool) -> None:
        """Note how the worker's part ended."""
        self._catalog.rows(
            "UPDATE part SET ended = ?, outcome = ?, repaired = ?, store_bytes = ? WHERE suite = ? AND worker = ?",
            (now(), outcome, repaired, store_bytes, suite, self._worker),
        )

    def strays(self, project: str) -> list[int]:
        """Return the suites of a project of which the worker left a part open when it had another database."""
        return [
            suite
            for (suite,) in self._catalog.rows(
                "SELECT suite FROM part JOIN suite USING (suite)"
                " WHERE suite.origin = ? AND worker = ? AND part.ended IS NULL AND part.origin <> ?",
                (project, self._worker, self._origin),
            )
        ]

    def are_all_ended(self, suite: int) -> bool:
        """Tell whether no worker is at work on a suite any more."""
        return not self._catalog.value("SELECT count(*) FROM part WHERE suite = ? AND ended IS NULL", (suite,))

    def outcome(self, suite: int, otherwise: str) -> str:
        """Return the worst outcome of all parts that ended; `otherwise` where none is bad."""
        found = {word for (word,) in self._catalog.rows("SELECT outcome FROM part WHERE suite = ?", (suite,))}
        return next((word for word in _WORST_FIRST if word in found), otherwise)

    def store_bytes(self, suite: int, otherwise: int) -> int:
        """Return how much the stores of all workers had at the end of their parts."""
        total = self._catalog.value("SELECT sum(store_bytes) FROM part WHERE suite = ?", (suite,))
        return otherwise if total is None else int(total)

    def abandon(self, suite: int, state: str) -> None:
        """Note the state, a snapshot, that the worker's databases were left with."""
        self._catalog.rows("UPDATE part SET abandoned = ? WHERE suite = ? AND worker = ?", (state, suite, self._worker))

    def abandoned_state(self, suite: int) -> str | None:
        """Return the snapshot of the state that the databases were left with, None if it could not be kept."""
        found = self._catalog.value("SELECT abandoned FROM part WHERE suite = ? AND worker = ?", (suite, self._worker))
        return None if found is None else str(found)

    def pause(self, suite: int) -> None:
        """Note that the worker's part waits until its run goes on."""
        self._catalog.rows("UPDATE part SET outcome = ? WHERE suite = ? AND worker = ?", (PAUSED, suite, self._worker))

    def open(self, project: str) -> list[OpenPart]:
        """Return the parts of all workers that have not ended, the newest first."""
        rows = self._catalog.typed_rows(
            "SELECT suite, worker, part.outcome FROM part JOIN suite USING (suite)"
            " WHERE suite.origin = ? AND part.ended IS NULL ORDER BY suite DESC",
            (project,),
            *(int, str, (str, type(None))),
        )
        return [OpenPart(suite, worker, outcome == PAUSED) for suite, worker, outcome in rows]

    def note_test(self, test: int) -> None:
        """Note that a test is the worker's."""
        if self._worker != PROJECT:
            self._catalog.rows("INSERT INTO worker_test VALUES (?, ?)", (test, self._worker))

    def open_tests(self, suite: int) -> list[int]:
        """Return the worker's tests of a suite that never ended."""
        rows = self._catalog.rows(
            "SELECT test.test FROM test LEFT JOIN worker_test USING (test)"
            " WHERE suite = ? AND ended IS NULL AND ifnull(worker, ?) = ?",
            (suite, PROJECT, self._worker),
        )
        return [int(test) for (test,) in rows]

    def suites(self, project: str) -> list[SuiteRow]:
        """Return the suites of a project that the worker had a part in, as it did, the newest first."""
        taken = ", ".join(_column(name) for name in SuiteRow._fields)
        without = "NOT EXISTS (SELECT 1 FROM part AS other WHERE other.suite = suite.suite)"
        rows = self._catalog.typed_rows(
            f"SELECT {taken} FROM suite LEFT JOIN part"
            " ON part.suite = suite.suite AND part.worker = ? AND part.origin = ?"
            f" WHERE suite.origin = ? AND (part.suite IS NOT NULL OR (? = ? AND {without})) ORDER BY suite.suite DESC",
            (self._worker, self._origin, project, self._worker, PROJECT),
            *SUITE_TYPES,
        )
        return [SuiteRow(*row) for row in rows]


def _column(name: str) -> str:
    return f"iif(part.suite IS NULL, suite.{name}, part.{name})" if name in _OF_PART else f"suite.{name}"
