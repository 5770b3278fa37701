"""Retained: a policy applied to the snapshots of a store, each project by itself."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from snapstore.actions.undo import undo_target
from snapstore.history.refs import Ref
from snapstore.history.retention import Dated, Retention, decide
from snapstore.history.snapshot import FORENSIC, SAFETY
from snapstore.store import Store
from snapstore.timestamps import parse

PRUNE = "prune"  # the reflog's word for it
_BY_THE_WAY = (SAFETY, FORENSIC)


class Planned(NamedTuple):
    """What stays and why, what goes, the newest first; times and tags by snapshot."""

    kept: dict[str, tuple[str, ...]]
    removed: tuple[str, ...]
    created: dict[str, str]
    tags: dict[str, tuple[str, ...]]


class _Row(NamedTuple):
    snapshot: str
    kind: str
    created: str
    origin: str


class Retained:
    """The decision over one project's snapshots, or with `origin` None over those of each project."""

    def __init__(self, store: Store, policy: Retention, origin: str | None) -> None:
        self._store = store
        self._policy = policy
        self._origin = origin

    def plan(self) -> Planned:
        """Decide. Raises WouldRemoveEverything."""
        by_project: dict[str, list[_Row]] = defaultdict(list)
        for row in self._rows():
            if self._origin in (None, row.origin):
                by_project[row.origin].append(row)
        tags: dict[str, list[Ref]] = defaultdict(list)
        for ref in self._store.refs.all():
            tags[ref.snapshot].append(ref)
        needed = self._needed(by_project)
        kept: dict[str, tuple[str, ...]] = {}
        removed: list[str] = []
        for rows in by_project.values():
            decision = decide(self._policy, [_dated(row, tags[row.snapshot], needed) for row in rows])
            kept.update(decision.kept)
            removed += decision.removed
        created = {row.snapshot: row.created for rows in by_project.values() for row in rows}
        names = {one: tuple(ref.name for ref in refs) for one, refs in tags.items()}
        return Planned(kept, tuple(removed), created, names)

    def forget(self, planned: Planned) -> None:
        """Forget what goes, and the tags it has, inside the caller's transaction."""
        for snapshot in planned.removed:
            for name in planned.tags.get(snapshot, ()):
                self._store.refs.delete(name, PRUNE)
        self._store.forgotten.forget(planned.removed, PRUNE)

    def _rows(self) -> list[_Row]:
        """Return all listed snapshots; where the catalog has no project for one, the record's paths tell."""
        rows = self._store.catalog.rows("SELECT lower(hex(id)), kind, created, origin FROM snapshot")
        origin_of = self._store.snapshots.note_origin
        return [_Row(id_, kind, created, origin or origin_of(id_)) for id_, kind, created, origin in rows]

    def _needed(self, origins: dict[str, list[_Row]]) -> dict[str, list[str]]:
        """Return the snapshots that stay whatever the rules: where databases stand, and what restores go back to."""
        needed: dict[str, list[str]] = defaultdict(list)
        for (snapshot,) in self._store.catalog.rows("SELECT DISTINCT lower(hex(snapshot)) FROM head"):
            needed[snapshot].append("HEAD")
        for both in self._store.catalog.rows("SELECT lower(hex(before)), lower(hex(target)) FROM intent"):
            for snapshot in both:
                needed[snapshot].append("unsettled restore")
        for origin in origins:
            if target := undo_target(self._store, origin):
                needed[target].append("undo")
        return needed


def _dated(row: _Row, refs: list[Ref], needed: dict[str, list[str]]) -> Dated:
    return Dated(
        row.snapshot,
        parse(row.created).astimezone(),
        tuple(ref.name for ref in refs),
        any(ref.pinned for ref in refs),
        row.kind not in _BY_THE_WAY,
        tuple(needed.get(row.snapshot, ())),
    )
