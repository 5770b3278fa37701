"""The states of failed tests that are on record, with their names (objects/ledger.sql explains the table)."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.files import storable
from snapstore.objects.catalog import Catalog, Types
from snapstore.results.against import Against
from snapstore.results.kept import KeptState

_TEXT = (str, type(None))
_TYPES: tuple[Types, ...] = (int, str, str, str, _TEXT, _TEXT, _TEXT, _TEXT)


class KeptRow(NamedTuple):
    """A state that a test, by its number, failed with."""

    test: int
    kept: KeptState


class KeptLedger:
    """The kept states of a ledger. `note` needs a ledger that has been made."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def note(self, test: int, kept: KeptState) -> None:
        """Add a state to those of a test."""
        began = kept.began_with
        with self._catalog.transaction():
            number = self._catalog.value("SELECT count(*) FROM kept WHERE test = ?", (test,))
            self._catalog.rows(
                "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    test,
                    number,
                    storable(kept.label),
                    kept.name,
                    kept.snapshot,
                    storable(began.rev) if began else None,
                    began.snapshot if began else None,
                    kept.remote,
                    kept.remote_name,
                ),
            )

    def of_test(self, test: int) -> list[KeptState]:
        """Return the states of a test, in order."""
        return [row.kept for row in self._select("WHERE test = ?", test)]

    def of_suite(self, suite: int) -> list[KeptState]:
        """Return the states of the tests of a suite, by all its workers, in order."""
        return [row.kept for row in self._select("JOIN test USING (test) WHERE suite = ?", suite)]

    def since(self, origin: str, since: str = "") -> list[KeptRow]:
        """Return the states of a project's suites that began at a time or later, in order."""
        where = "JOIN test USING (test) JOIN suite USING (suite) WHERE origin = ? AND suite.started >= ?"
        return self._select(where, storable(origin), since)

    def _select(self, where: str, *values: object) -> list[KeptRow]:
        if self._catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'kept'") is None:
            return []
        rows = self._catalog.typed_rows(
            "SELECT kept.test, kept.name, kept.snapshot, kept.label, kept.rev, kept.began, kept.remote,"
            " kept.remote_name FROM kept"
            f" {where} ORDER BY kept.test, kept.number",
            values,
            *_TYPES,
        )
        return [
            KeptRow(test, KeptState(name, snapshot, label, Against(rev, began) if rev and began else None, *shared))
            for test, name, snapshot, label, rev, began, *shared in rows
        ]


def names_kept(kept: list[KeptState]) -> tuple[str, ...]:
    """Return the names that were given, each once, in the order in which they were given last."""
    return tuple(reversed(dict.fromkeys(one.name for one in reversed(kept))))
