"""Which snapshots stay whatever a policy says: those of HEAD, and those that restores and retries return to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from snapstore.actions.undo import undo_target
from snapstore.store import Store


def needed(store: Store, origins: Iterable[str]) -> dict[str, list[str]]:
    """Return the snapshots (hex) that stay, each with the reasons; an undo counts in these projects.

    A chain of tests that has not ended returns to what its tests began with (objects/ledger.sql).
    """
    found: dict[str, list[str]] = defaultdict(list)
    for (snapshot,) in store.catalog.rows("SELECT DISTINCT lower(hex(snapshot)) FROM head"):
        found[snapshot].append("HEAD")
    for both in store.catalog.rows("SELECT lower(hex(before)), lower(hex(target)) FROM intent"):
        for snapshot in both:
            found[snapshot].append("unsettled restore")
    if store.catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'begun'"):
        for (snapshot,) in store.catalog.rows("SELECT DISTINCT snapshot FROM begun"):
            found[snapshot].append("retry")
    for origin in origins:
        if target := undo_target(store, origin):
            found[target].append("undo")
    return found
