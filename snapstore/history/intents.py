"""Intents: restores in progress. An intent that is found later is of a restore that a crash or a kill cut short.

An intent is written in the same transaction as the safety snapshot, before the live database changes, and removed in
the one that moves HEAD. The contents of the live database tell how far the restore got.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.history.forgotten import Forgotten
from snapstore.objects.catalog import Catalog
from snapstore.timestamps import now


class Intent(NamedTuple):
    """A restore of `databases` from snapshot `before` to `target`, ids in hex."""

    action: str
    before: str
    target: str
    databases: tuple[str, ...]


class Intents:
    """At most one intent for each project."""

    def __init__(self, catalog: Catalog, forgotten: Forgotten) -> None:
        self._catalog = catalog
        self._forgotten = forgotten

    def get(self, origin: str) -> Intent | None:
        """Return the intent of a project, usually None."""
        rows = self._catalog.typed_rows(
            "SELECT action, lower(hex(before)), lower(hex(target)), databases FROM intent WHERE origin = ?",
            (origin,),
            *(str, str, str, str),
        )
        if not rows:
            return None
        try:
            return Intent(rows[0][0], rows[0][1], rows[0][2], tuple(str(name) for name in json.loads(rows[0][3])))
        except (ValueError, TypeError) as error:
            raise StoreDamaged(os.path.dirname(self._catalog.path), f"catalog.db: intent: {error}") from error

    def put(self, origin: str, intent: Intent) -> None:
        """Write an intent, inside the caller's transaction. Raises UnknownRevision for a target that was freed."""
        self._forgotten.demand(intent.target)
        self._catalog.rows(
            "INSERT OR REPLACE INTO intent(origin, action, before, target, databases, at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                origin,
                intent.action,
                bytes.fromhex(intent.before),
                bytes.fromhex(intent.target),
                json.dumps(intent.databases),
                now(),
            ),
        )

    def clear(self, origin: str) -> None:
        """Remove the intent of a project, inside the caller's transaction."""
        self._catalog.rows("DELETE FROM intent WHERE origin = ?", (origin,))
