"""Upkeep: when a prune is due by itself."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.project import Project
from snapstore.store import Store

_GROWTH = 1.1  # of the store since the last prune: one that could not get below the size is not tried at once again


class Automatic(NamedTuple):
    """A prune is due after so many new snapshots, or when the packs have more than `size` bytes; None is never."""

    snapshots: int | None = None
    size: int | None = None


NEVER = Automatic()


def is_due(store: Store, project: Project, when: Automatic) -> bool:
    """Tell whether a prune is due for a project; looks at the catalog alone."""
    if when == NEVER:
        return False
    rows = store.catalog.rows("SELECT at, store_bytes FROM upkeep WHERE origin = ?", (project.origin,))
    last, then = rows[0] if rows else ("", 0)
    if when.snapshots is not None and _new_snapshots(store, project, last) >= when.snapshots:
        return True
    return when.size is not None and store.bytes_used() > max(when.size, then * _GROWTH)


def _new_snapshots(store: Store, project: Project, since: str) -> int:
    sql = "SELECT count(*) FROM snapshot WHERE created > ? AND origin = ?"
    return int(store.catalog.value(sql, (since, project.origin)))
