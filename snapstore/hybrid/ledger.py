"""The ledger: what suites and tests did, in the store's catalog (ledger.sql explains the tables)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

from snapstore.actions.differences import Counts
from snapstore.store import Store
from snapstore.timestamps import now

PASSED, FAILED, INTERRUPTED, DIED = "passed", "failed", "interrupted", "died"

Leftovers = Mapping[tuple[str, str], Counts]
"""Rows that differ from the backup, by database and table."""

VERIFIED = -1
"""The stage of the leftovers that `verify` found."""


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
    """A test as it ended; see ledger.sql. Durations are in seconds, None for a phase that was not gone through."""

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


class Attempt(NamedTuple):
    """One attempt of one cleanup step."""

    step: str
    number: int
    status: str
    detail: str
    seconds: float


class LeftoverRow(NamedTuple):
    """Rows that a test left behind in a table; see ledger.sql."""

    test: int
    stage: int
    database: str
    table: str
    added: int
    removed: int
    changed: int


class Ledger:
    """The ledger of one project in a store."""

    def __init__(self, store: Store, origin: str) -> None:
        self._catalog = store.catalog
        self._origin = origin

    def begin_suite(self, name: str, command: str, mode: str, pid: int, backup: str | None) -> int:
        """Enter a suite; return its number."""
        with self._catalog.transaction():
            self._make()
            self._catalog.rows(
                "INSERT INTO suite(origin, name, command, mode, pid, backup, started) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self._origin, name, command, mode, pid, backup, now()),
            )
            return self._last()

    def end_suite(
        self, suite: int, outcome: str, exit_code: int | None = None, *, repaired: bool = False, store_bytes: int = 0
    ) -> None:
        """Note how a suite ended."""
        with self._catalog.transaction():
            self._catalog.rows(
                "UPDATE suite SET ended = ?, outcome = ?, exit_code = ?, repaired = ?, store_bytes = ? WHERE suite = ?",
                (now(), outcome, exit_code, repaired, store_bytes, suite),
            )

    def unended(self) -> list[SuiteRow]:
        """Return the suites that never ended, the newest first."""
        return [row for row in self.suites() if row.ended is None]

    def begin_test(self, suite: int, label: str, scenario: str) -> int:
        """Enter a test; return its number."""
        with self._catalog.transaction():
            self._catalog.rows(
                "INSERT INTO test(suite, label, scenario, started) VALUES (?, ?, ?, ?)", (suite, label, scenario, now())
            )
            return self._last()

    def open_tests(self, suite: int) -> list[int]:
        """Return the tests of a suite that never ended."""
        return [test for (test,) in self._rows("SELECT test FROM test WHERE suite = ? AND ended IS NULL", suite)]

    def end_test(
        self, test: int, values: Mapping[str, object], attempts: list[Attempt], stages: Mapping[int, Leftovers]
    ) -> None:
        """Note how a test ended: columns of `test`, the attempts at cleaning up, the leftovers after each stage."""
        with self._catalog.transaction():
            columns = ", ".join(f"{name} = ?" for name in values)
            self._catalog.rows(f"UPDATE test SET ended = ?, {columns} WHERE test = ?", (now(), *values.values(), test))
            self._catalog.run_many(
                "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?)", [(test, *attempt) for attempt in attempts]
            )
            self._catalog.run_many(
                "INSERT INTO leftover VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (test, stage, database, table, counts.added, counts.removed, counts.changed)
                    for stage, leftovers in stages.items()
                    for (database, table), counts in leftovers.items()
                ],
            )

    def suites(self, since: str = "") -> list[SuiteRow]:
        """Return the suites that began at a time or later, the newest first."""
        columns = ", ".join(SuiteRow._fields)
        return [
            SuiteRow(*row)
            for row in self._rows(
                f"SELECT {columns} FROM suite WHERE origin = ? AND started >= ? ORDER BY suite DESC",
                self._origin,
                since,
            )
        ]

    def tests(self, since: str = "") -> list[TestRow]:
        """Return the tests of the suites that began at a time or later, the oldest first."""
        columns = ", ".join(f"test.{name}" for name in TestRow._fields)
        sql = (
            f"SELECT {columns} FROM test JOIN suite USING (suite) WHERE origin = ? AND suite.started >= ? ORDER BY test"
        )
        return [TestRow(*row) for row in self._rows(sql, self._origin, since)]

    def attempts(self, since: str = "") -> list[tuple[int, Attempt]]:
        """Return the attempts at cleaning up after the tests of suites since a time, each with its test's number."""
        columns = "test, step, number, status, detail, seconds"
        return [(test, Attempt(*row)) for test, *row in self._of_tests(columns, "attempt", "test, number, step", since)]

    def leftovers(self, since: str = "") -> list[LeftoverRow]:
        """Return what the tests of suites since a time left, by test, stage, database and table."""
        columns = "test, stage, database, table_name, added, removed, changed"
        return [LeftoverRow(*row) for row in self._of_tests(columns, "leftover", "1, 2, 3, 4", since)]

    def bound(self, suites: int) -> None:
        """Forget all but the newest suites."""
        with self._catalog.transaction():
            old = self._rows(
                "SELECT suite FROM suite WHERE origin = ? ORDER BY suite DESC LIMIT -1 OFFSET ?", self._origin, suites
            )
            for table in ("attempt", "leftover"):
                sql = f"DELETE FROM {table} WHERE test IN (SELECT test FROM test WHERE suite = ?)"
                self._catalog.run_many(sql, old)
            self._catalog.run_many("DELETE FROM test WHERE suite = ?", old)
            self._catalog.run_many("DELETE FROM suite WHERE suite = ?", old)

    def _of_tests(self, columns: str, table: str, order: str, since: str) -> list[tuple[Any, ...]]:
        sql = f"""
            SELECT {columns} FROM {table} WHERE test IN (
              SELECT test FROM test JOIN suite USING (suite) WHERE origin = ? AND suite.started >= ?
            ) ORDER BY {order}
        """
        return self._rows(sql, self._origin, since)

    def _make(self) -> None:
        if self._exists():
            return
        for statement in resources.files(__package__).joinpath("ledger.sql").read_text("utf-8").split(";\n"):
            self._catalog.rows(statement)

    def _exists(self) -> bool:
        return self._catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'leftover'") is not None

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._catalog.rows(sql, values) if self._exists() else []

    def _last(self) -> int:
        return int(self._catalog.value("SELECT last_insert_rowid()"))
