"""What the tests of chains began with, while a retry may ask for it (objects/ledger.sql explains the table)."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.objects.catalog import Catalog

_TYPES = (int, str, str, str)


class BegunTest(NamedTuple):
    """A test of a chain, and the snapshot that it began with."""

    test: int
    label: str
    scenario: str
    snapshot: str


class BegunTests:
    """The tests of chains that can be returned to. `note` needs a ledger that has been made."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def note(self, test: int, snapshot: str) -> None:
        """Note the snapshot that a test begins with."""
        with self._catalog.transaction():
            self._catalog.rows("INSERT INTO begun VALUES (?, ?)", (test, snapshot))

    def of(self, suite: int) -> list[BegunTest]:
        """Return the tests of a suite, the newest first."""
        if not self._exists():
            return []
        rows = self._catalog.typed_rows(
            "SELECT test, label, scenario, snapshot FROM begun JOIN test USING (test) WHERE suite = ?"
            " ORDER BY test DESC",
            (suite,),
            *_TYPES,
        )
        return [BegunTest(*row) for row in rows]

    def forget(self, suite: int, first: int = 0) -> None:
        """Forget what the tests of a suite began with, from the test `first` on."""
        if not self._exists():
            return
        with self._catalog.transaction():
            self._catalog.rows(
                "DELETE FROM begun WHERE test >= ? AND test IN (SELECT test FROM test WHERE suite = ?)", (first, suite)
            )

    def _exists(self) -> bool:
        return self._catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'begun'") is not None
