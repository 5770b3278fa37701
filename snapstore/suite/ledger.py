"""The ledger: what suites and tests did, in the store's catalog (objects/ledger.sql explains the tables)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from snapstore.compare.verdicts import CLEAN, DRIFTED
from snapstore.files import storable
from snapstore.locks import MOST_SECONDS
from snapstore.objects.catalog import Types
from snapstore.results.against import Against
from snapstore.results.rows import Counts
from snapstore.store import Store
from snapstore.suite.begun import BegunTests
from snapstore.suite.kept_ledger import KeptLedger, KeptRow
from snapstore.suite.ledger_rows import (
    ATTEMPT_TYPES,
    LEFTOVER_TYPES,
    SUITE_TYPES,
    TEST_TYPES,
    WARNING_TYPES,
    LeftoverRow,
    SuiteRow,
    TestRow,
)
from snapstore.suite.parts import DIED, PROJECT, OpenPart, Parts
from snapstore.timestamps import now

if TYPE_CHECKING:
    from snapstore.results.suites import Attempt

PASSED, FAILED, SKIPPED, INTERRUPTED = "passed", "failed", "skipped", "interrupted"

Leftovers = Mapping[tuple[str, str], Counts]
"""Rows that differ from the backup, by database and table."""

_NEWEST_TABLE = "kept"  # of ledger.sql
_ELSEWHERE = {"rev": "compared", "snapshot": "compared", "worker": "worker_test"}  # fields of a TestRow, by table
VERIFIED, RESTORED = -1, -2
"""The stages of the leftovers that `verify` found, and of those that it still found after a restore."""


class Ledger:
    """The ledger of one project in a store, as one worker uses it; `own` identifies the databases of the worker."""

    def __init__(self, store: Store, origin: str, worker: str = PROJECT, own: str | None = None) -> None:
        self._catalog = store.catalog
        self._origin = origin
        self._worker = worker
        self._parts = Parts(store.catalog, worker, own or origin)
        self.begun = BegunTests(store.catalog)
        self.kept = KeptLedger(store.catalog)

    def begin_suite(
        self, name: str, command: str, mode: str, pid: int, backup: str | None, run: str | None = None
    ) -> int:
        """Enter a suite, or go on with that of the same run of a test runner; return its number."""
        with self._catalog.transaction():
            self._make()
            self.end_strays()  # nobody can repair them: the name has another database now
            number = self.suite_of(run) if run else None
            of_project = backup if self._worker == PROJECT else None
            if number:
                self._catalog.rows(
                    "UPDATE suite SET ended = NULL, outcome = NULL, mode = ?, pid = ?, backup = ? WHERE suite = ?",
                    (mode, pid, of_project, number),
                )
            else:
                self._catalog.rows(
                    "INSERT INTO suite(origin, name, command, mode, pid, backup, started) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    _storable((self._origin, name, command, mode, pid, of_project, now())),
                )
                number = self._last()
                if run:
                    self._catalog.rows(
                        "INSERT INTO suite_of_run VALUES (?, ?, ?)", _storable((run, self._origin, number))
                    )
            self._parts.begin(number, mode, pid, backup)
            return number

    def end_strays(self) -> None:
        """End the parts of suites that the worker left open when it had other databases."""
        if self._exists("part"):
            with self._catalog.transaction():
                for suite in self._parts.strays(self._origin):
                    self._end_part(suite, DIED, 0)

    def has_failed(self, suite: int) -> bool:
        """Tell whether a test of a suite failed when it was run for the last time."""
        tests = self._rows(
            "SELECT label, scenario, outcome, decision, final FROM test WHERE suite = ? ORDER BY test", suite
        )
        last = {(label, scenario): rest for label, scenario, *rest in tests}
        return any(
            outcome not in (PASSED, SKIPPED) or not (decision in ("pass", "warn") or final in (CLEAN, DRIFTED))
            for outcome, decision, final in last.values()
        )

    def end_suite(
        self, suite: int, outcome: str, exit_code: int | None = None, *, repaired: bool = False, store_bytes: int = 0
    ) -> None:
        """Note how a suite ended, or the worker's part of it: the suite ends with the last of its parts."""
        with self._catalog.transaction():
            self._make()
            self._end_part(suite, outcome, store_bytes, exit_code, repaired=repaired)

    def _end_part(
        self, suite: int, outcome: str, store_bytes: int, exit_code: int | None = None, *, repaired: bool = False
    ) -> None:
        self._parts.end(suite, outcome, store_bytes, repaired=repaired)
        if self._worker == PROJECT:  # no other has chains
            self.begun.forget(suite)
        if not self._parts.are_all_ended(suite):
            return
        worst = self._parts.outcome(suite, outcome)
        if worst == PASSED and self._is_of_run(suite) and self.has_failed(suite):
            worst = FAILED
        self._catalog.rows(
            "UPDATE suite SET ended = ?, outcome = ?, exit_code = ?, repaired = ?, store_bytes = ? WHERE suite = ?",
            (now(), worst, exit_code, repaired, self._parts.store_bytes(suite, store_bytes), suite),
        )

    def abandon(self, suite: int, state: str) -> None:
        """Note the state, a snapshot, that a suite was left with."""
        with self._catalog.transaction():
            self._parts.abandon(suite, state)

    def pause(self, suite: int) -> None:
        """Note that the worker's part of a suite waits until its run goes on."""
        with self._catalog.transaction():
            self._parts.pause(suite)

    def open_parts(self) -> list[OpenPart]:
        """Return the parts of all workers that have not ended, the newest first."""
        if self._exists("part"):
            return self._parts.open(self._origin)
        return [OpenPart(row.suite, PROJECT, paused=False) for row in self.suites() if row.ended is None]

    def abandoned_state(self, suite: int) -> str | None:
        """Return the snapshot of the state that a suite was left with, None if it could not be kept."""
        return self._parts.abandoned_state(suite) if self._exists("part") else None

    def unended(self) -> list[SuiteRow]:
        """Return the suites in which the worker's part never ended, the newest first."""
        return [row for row in self.own_suites() if row.ended is None]

    def own_suites(self) -> list[SuiteRow]:
        """Return the suites that the worker had a part in, as it did, the newest first."""
        if not self._exists("part"):
            return self.suites() if self._worker == PROJECT else []
        return self._parts.suites(self._origin)

    def unended_of(self, run: str | None) -> SuiteRow | None:
        """Return the suite of a run of a test runner if it has not ended."""
        number = self.suite_of(run) if run else None
        return next((row for row in self.unended() if row.suite == number), None)

    def begin_test(self, suite: int, label: str, scenario: str) -> int:
        """Enter a test; return its number.

        Not synced by itself: after a power cut, the last tests may not be on record.
        """
        with self._catalog.transaction(synced=False):
            self._catalog.rows(
                "INSERT INTO test(suite, label, scenario, started) VALUES (?, ?, ?, ?)",
                _storable((suite, label, scenario, now())),
            )
            test = self._last()
            self._parts.note_test(test)
            return test

    def open_tests(self, suite: int) -> list[int]:
        """Return the worker's tests of a suite that never ended."""
        if not self._exists("worker_test"):
            return [test for (test,) in self._rows("SELECT test FROM test WHERE suite = ? AND ended IS NULL", suite)]
        return self._parts.open_tests(suite)

    def label(self, test: int) -> str:
        """Return the label of a test."""
        ((label,),) = self._rows("SELECT label FROM test WHERE test = ?", test, types=(str,))
        return str(label)

    def end_test(
        self,
        test: int,
        values: Mapping[str, object],
        attempts: list[Attempt],
        stages: Mapping[int, Leftovers],
        against: Against | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        """Note how a test ended: columns of `test`, the attempts at cleaning up, the leftovers after each stage.

        `against` is the snapshot that the verdict is against; `warnings` are about the files of the databases. Not
        synced by itself, as in `begin_test`.
        """
        with self._catalog.transaction(synced=False):
            self._make()
            columns = ", ".join(f"{name} = ?" for name in values)
            row = _storable((now(), *values.values(), test))
            self._catalog.rows(f"UPDATE test SET ended = ?, {columns} WHERE test = ?", row)
            self._catalog.run_many(
                "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?)",
                [_storable((test, one.step, one.number, one.status, one.detail, one.seconds)) for one in attempts],
            )
            self._catalog.run_many(
                "INSERT INTO leftover VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    _storable((test, stage, database, table, counts.added, counts.removed, counts.changed))
                    for stage, leftovers in stages.items()
                    for (database, table), counts in leftovers.items()
                ],
            )
            named = [(test, against.rev, against.snapshot)] if against else []
            self._catalog.run_many("INSERT INTO compared VALUES (?, ?, ?)", named)
            self._warn(test, warnings)

    def warn(self, test: int, warnings: Sequence[str]) -> None:
        """Add warnings to a test that has ended."""
        with self._catalog.transaction():
            self._warn(test, warnings)

    def suites(self, since: str = "") -> list[SuiteRow]:
        """Return the suites that began at a time or later, the newest first."""
        columns = ", ".join(SuiteRow._fields)
        return [
            SuiteRow(*row)
            for row in self._rows(
                f"SELECT {columns} FROM suite WHERE origin = ? AND started >= ? ORDER BY suite DESC",
                self._origin,
                since,
                types=SUITE_TYPES,
            )
        ]

    def tests(self, since: str = "") -> list[TestRow]:
        """Return the tests of the suites that began at a time or later, the oldest first."""
        known = [name for name in TestRow._fields if name not in _ELSEWHERE]
        columns, join = ", ".join(f"test.{name}" for name in known), ""
        for table in dict.fromkeys(_ELSEWHERE.values()):
            if self._exists(table):
                others = [name for name, where in _ELSEWHERE.items() if where == table]
                columns, join = f"{columns}, {', '.join(others)}", f"{join} LEFT JOIN {table} USING (test)"
        sql = (
            f"SELECT {columns} FROM test JOIN suite USING (suite) {join}"
            " WHERE origin = ? AND suite.started >= ? ORDER BY test.test"
        )
        return [TestRow(*row) for row in self._rows(sql, self._origin, since, types=TEST_TYPES)]

    def attempts(self, since: str = "") -> list[tuple[int, Attempt]]:
        """Return the attempts at cleaning up after the tests of suites since a time, each with its test's number."""
        from snapstore.results.suites import Attempt  # `status` and `restore` look for suites, and need none of it.

        columns = "test, step, number, status, detail, seconds"
        found = self._of_tests(columns, "attempt", "test, number, step", since, ATTEMPT_TYPES)
        return [(test, Attempt(*row)) for test, *row in found]

    def leftovers(self, since: str = "") -> list[LeftoverRow]:
        """Return what the tests of suites since a time left, by test, stage, database and table."""
        columns = "test, stage, database, table_name, added, removed, changed"
        found = self._of_tests(columns, "leftover", "1, 2, 3, 4", since, LEFTOVER_TYPES)
        return [LeftoverRow(*row) for row in found]

    def warnings(self, since: str = "") -> list[tuple[int, str]]:
        """Return the warnings about the tests of suites since a time, each with its test's number."""
        if not self._exists("test_warning"):
            return []
        found = self._of_tests("test, text", "test_warning", "test, number", since, WARNING_TYPES)
        return [(test, text) for test, text in found]

    def kept_states(self, since: str = "") -> list[KeptRow]:
        """Return the states that tests of suites since a time failed with, in order."""
        return self.kept.since(self._origin, since)

    def bound(self, suites: int) -> None:
        """Forget all but the newest suites."""
        with self._catalog.transaction():
            old = self._rows(
                "SELECT suite FROM suite WHERE origin = ? ORDER BY suite DESC LIMIT -1 OFFSET ?", self._origin, suites
            )
            if not old:  # nor is there a ledger, perhaps
                return
            self._make()
            for table in ("attempt", "leftover", "compared", "test_warning", "worker_test", "begun", "kept"):
                sql = f"DELETE FROM {table} WHERE test IN (SELECT test FROM test WHERE suite = ?)"
                self._catalog.run_many(sql, old)
            for table in ("test", "part", "suite_of_run"):
                self._catalog.run_many(f"DELETE FROM {table} WHERE suite = ?", old)
            self._catalog.run_many("DELETE FROM suite WHERE suite = ?", old)

    def suite_of(self, run: str) -> int | None:
        """Return the suite of a run of a test runner, None if none began."""
        if not self._exists("suite_of_run"):
            return None
        sql = "SELECT suite FROM suite_of_run WHERE run = ? AND origin = ?"
        found = self._rows(sql, *_storable((run, self._origin)), types=(int,))
        return int(found[0][0]) if found else None

    def _is_of_run(self, suite: int) -> bool:
        return self._catalog.value("SELECT 1 FROM suite_of_run WHERE suite = ?", (suite,)) is not None

    def _of_tests(
        self, columns: str, table: str, order: str, since: str, types: tuple[Types, ...]
    ) -> list[tuple[Any, ...]]:
        sql = f"""
            SELECT {columns} FROM {table} WHERE test IN (
              SELECT test FROM test JOIN suite USING (suite) WHERE origin = ? AND suite.started >= ?
            ) ORDER BY {order}
        """
        return self._rows(sql, self._origin, since, types=types)

    def _warn(self, test: int, warnings: Sequence[str]) -> None:
        first = self._catalog.value("SELECT count(*) FROM test_warning WHERE test = ?", (test,)) if warnings else 0
        rows = [_storable((test, number, text)) for number, text in enumerate(warnings, first)]
        self._catalog.run_many("INSERT INTO test_warning VALUES (?, ?, ?)", rows)

    def _make(self) -> None:
        if self._exists(_NEWEST_TABLE):
            return
        from importlib import resources  # Only the first suite of a store needs it.

        for statement in resources.files("snapstore.objects").joinpath("ledger.sql").read_text("utf-8").split(";\n"):
            self._catalog.rows(statement)

    def _exists(self, table: str = "leftover") -> bool:
        return self._catalog.value("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)) is not None

    def _rows(self, sql: str, *values: object, types: tuple[Types, ...] = ()) -> list[tuple[Any, ...]]:
        """Return rows; an earlier release may have recorded a number of seconds that no sum survives."""
        rows = self._catalog.typed_rows(sql, values, *types) if self._exists() else []
        return [tuple(min(one, MOST_SECONDS) if isinstance(one, float) else one for one in row) for row in rows]

    def _last(self) -> int:
        return int(self._catalog.value("SELECT last_insert_rowid()"))


def _storable(values: tuple[object, ...]) -> tuple[object, ...]:
    """Return values with text that can be stored: labels, and names of tables, need not be Unicode."""
    return tuple(storable(value) if isinstance(value, str) else value for value in values)
