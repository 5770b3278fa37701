"""Upkeep: when an automatic prune is due."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.project import Project
from snapstore.store import Store

_GROWTH = 1.1  # since the last prune: a store that stays above the size must not be pruned every time


class Automatic(NamedTuple):
    """A prune is due after that many new snapshots, or when the packs have more than `size` bytes; None means never."""

    snapshots: int | None = None
    size: int | None = None


NEVER = Automatic()


def is_due(store: Store, project: Project, when: Automatic) -> bool:
    """Tell whether a prune is due for a project; only reads the catalog."""
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
