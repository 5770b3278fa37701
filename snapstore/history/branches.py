"""Which branch the live databases of each project belong to, as the catalog's table `branch` says.

actions/branch_owner.py decides which row counts.
"""

from __future__ import annotations

from typing import NamedTuple

from snapstore.history.reflog import Reflog
from snapstore.objects.catalog import Catalog
from snapstore.timestamps import now

_MOST_ROWS = 50  # of one project; an undo looks back to the row before the last few


class Holder(NamedTuple):
    """A row of the table: from `entry` of the reflog on, the live databases belong to the branch of the tag `name`.

    `moved` is the entry of the move of HEAD that brought its state back, 0 where nothing was brought back. With a
    `target` (hex) the row counts once HEAD has moved there.
    """

    number: int
    name: str
    entry: int
    moved: int
    target: str
    at: str


class Branches:
    """The rows of all projects of a store."""

    def __init__(self, catalog: Catalog, reflog: Reflog) -> None:
        self._catalog = catalog
        self._reflog = reflog

    def rows(self, origin: str) -> list[Holder]:
        """Return the rows of a project, the oldest first."""
        sql = "SELECT number, name, entry, moved, lower(hex(target)), at FROM branch WHERE origin = ? ORDER BY number"
        return [Holder(*row) for row in self._catalog.typed_rows(sql, (origin,), int, str, int, int, str, str)]

    def add(self, origin: str, name: str, *, moved: int = 0, target: str = "") -> None:
        """Add a row, which replaces one whose target was not reached."""
        with self._catalog.transaction():
            self._catalog.rows("DELETE FROM branch WHERE origin = ? AND target IS NOT NULL", (origin,))
            self._catalog.rows(
                "INSERT INTO branch(origin, name, entry, moved, target, at) VALUES (?, ?, ?, ?, ?, ?)",
                (origin, name, self._reflog.newest_entry(), moved, bytes.fromhex(target) if target else None, now()),
            )
            self._catalog.rows(
                "DELETE FROM branch WHERE origin = ? AND number NOT IN"
                " (SELECT number FROM branch WHERE origin = ? ORDER BY number DESC LIMIT ?)",
                (origin, origin, _MOST_ROWS),
            )

    def clear(self, origin: str) -> None:
        """Forget whose the databases of a project are."""
        with self._catalog.transaction():
            self._catalog.rows("DELETE FROM branch WHERE origin = ?", (origin,))
