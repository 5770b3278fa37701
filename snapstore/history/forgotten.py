"""Forgotten snapshots: not listed, but their objects are still there, and they can be brought back until a prune.

Each step is a reflog entry under the empty name: `forget`, `return` when a snapshot is listed again, `free` when its
objects may be removed. The last entry that mentions a snapshot, under any name, tells which of these it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from snapstore.errors import StoreDamaged, UnknownRevision
from snapstore.history.reflog import Reflog
from snapstore.history.snapshots import COLUMNS, TYPES, SnapshotRow, Snapshots, id_range, snapshot_row
from snapstore.ids import short
from snapstore.objects.catalog import Catalog
from snapstore.timestamps import now

FORGET, RETURN, FREE = "forget", "return", "free"
_KEPT = "id, parent, kind, created, message, content, bytes, stored_bytes, origin"


class ForgottenRow(NamedTuple):
    """A snapshot as it was listed, and when it was forgotten."""

    row: SnapshotRow
    at: str


class Forgotten:
    """The forgotten snapshots of a store."""

    def __init__(self, catalog: Catalog, reflog: Reflog, snapshots: Snapshots) -> None:
        self._catalog = catalog
        self._reflog = reflog
        self._snapshots = snapshots

    def forget(self, snapshots: Iterable[str], message: str = "", at: str | None = None) -> str:
        """Forget snapshots (hex), inside the caller's transaction; return the time on their entries."""
        at = at or now()
        for snapshot in snapshots:
            self._reflog.append("", snapshot, FORGET, message=message, at=at)
            self._move(snapshot, at)
        return at

    def bring_back(self, snapshot: str) -> bool:
        """List a snapshot again if it is forgotten, inside the caller's transaction; return whether it was."""
        id_ = bytes.fromhex(snapshot)
        if not self.holds(snapshot):
            return False
        self._catalog.rows(
            f"INSERT OR IGNORE INTO snapshot({_KEPT}) SELECT {_KEPT} FROM forgotten WHERE id = ?", (id_,)
        )
        self._catalog.rows("DELETE FROM forgotten WHERE id = ?", (id_,))
        self._reflog.append("", snapshot, RETURN)
        return True

    def demand(self, snapshot: str) -> None:
        """Ensure that a snapshot is listed, inside the caller's transaction.

        Raises UnknownRevision for one that was freed.
        """
        listed = self._catalog.value("SELECT 1 FROM snapshot WHERE id = ?", (bytes.fromhex(snapshot),))
        if listed is None and not self.bring_back(snapshot):
            raise UnknownRevision(short(snapshot))

    def free(self, snapshots: Iterable[str]) -> None:
        """Free forgotten snapshots, inside the caller's transaction; their objects are removed after it."""
        for snapshot in snapshots:
            self._catalog.rows("DELETE FROM forgotten WHERE id = ?", (bytes.fromhex(snapshot),))
            self._catalog.rows("DELETE FROM recorded WHERE snapshot = ?", (bytes.fromhex(snapshot),))
            self._reflog.append("", snapshot, FREE)

    def holds(self, snapshot: str) -> bool:
        """Return whether a snapshot is forgotten and can be brought back."""
        return self._catalog.value("SELECT 1 FROM forgotten WHERE id = ?", (bytes.fromhex(snapshot),)) is not None

    def all(self, origin: str | None = None) -> list[ForgottenRow]:
        """Return all forgotten snapshots, or those of one project, the newest first."""
        rows = self._catalog.typed_rows(
            f"SELECT {COLUMNS}, at FROM forgotten WHERE ? IS NULL OR origin = ? ORDER BY number DESC, created DESC",
            (origin, origin),
            *TYPES,
            str,
        )
        return [ForgottenRow(snapshot_row(columns[:-1]), columns[-1]) for columns in rows]

    def with_prefix(self, hex_prefix: str) -> list[str]:
        """Return the ids that begin with some hex digits."""
        rows = self._catalog.rows("SELECT id FROM forgotten WHERE id BETWEEN ? AND ? ORDER BY id", id_range(hex_prefix))
        return [id_.hex() for (id_,) in rows]

    def last_time(self, origin: str) -> str | None:
        """Return when snapshots of a project were forgotten last, of those that can be brought back."""
        found = self._catalog.value(
            "SELECT reflog.at FROM reflog JOIN forgotten ON id = snapshot"
            " WHERE ref = '' AND action = ? AND forgotten.origin = ? ORDER BY entry DESC LIMIT 1",
            (FORGET, origin),
        )
        return None if found is None else str(found)

    def at(self, time: str, origin: str | None = None) -> list[str]:
        """Return the snapshots that were forgotten at a time, of all projects or of one."""
        return [one.row.id for one in self.all(origin) if one.at == time]

    def follow_reflog(self) -> None:
        """Make the catalog agree with the reflog, inside the caller's transaction.

        They may differ after a rebuild of the catalog, or if an earlier release forgot a snapshot.
        """
        rows = self._catalog.rows(
            "SELECT lower(hex(snapshot)), action, at FROM reflog WHERE ref = '' AND action IN (?, ?)"
            " AND entry IN (SELECT max(entry) FROM reflog WHERE snapshot IS NOT NULL GROUP BY snapshot)",
            (FORGET, FREE),
        )
        for snapshot, action, at in rows:
            id_ = bytes.fromhex(snapshot)
            if action == FREE:
                self._snapshots.drop(id_)
                self._catalog.rows("DELETE FROM forgotten WHERE id = ?", (id_,))
            elif not self.holds(snapshot) and self._is_listed(snapshot):
                self._move(snapshot, at)

    def _is_listed(self, snapshot: str) -> bool:
        return self._snapshots.exists(snapshot) or self._snapshots.list_again(snapshot)

    def _move(self, snapshot: str, at: str) -> None:
        id_ = bytes.fromhex(snapshot)
        # An unreadable snapshot can be forgotten too.
        with suppress(StoreDamaged):
            self._snapshots.note_origin(snapshot)
        self._catalog.rows(
            f"INSERT OR REPLACE INTO forgotten({_KEPT}, at) SELECT {_KEPT}, ? FROM snapshot WHERE id = ?", (at, id_)
        )
        self._catalog.rows("DELETE FROM snapshot WHERE id = ?", (id_,))
