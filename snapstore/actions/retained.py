"""Apply a retention policy to the snapshots of a store, to each project by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from itertools import filterfalse
from typing import NamedTuple

from snapstore.actions.kept_states import KeptStates, began_with
from snapstore.actions.needed import needed
from snapstore.history.refs import Ref
from snapstore.history.retention import Dated, Retention, decide
from snapstore.history.snapshot import FORENSIC, SAFETY
from snapstore.store import Store
from snapstore.timestamps import parse

PRUNE = "prune"  # the reflog's word for it
_BY_THE_WAY = (SAFETY, FORENSIC)
_BEFORE = "before a failed test"


class Planned(NamedTuple):
    """Which snapshots stay and why, and which go, the newest first; times and tags by snapshot."""

    kept: dict[str, tuple[str, ...]]
    removed: tuple[str, ...]
    created: dict[str, str]
    tags: dict[str, tuple[str, ...]]

    def without(self, snapshots: Collection[str]) -> Planned:
        """Return the plan for all others, where these go anyway."""
        if not snapshots:
            return self
        kept = {one: reasons for one, reasons in self.kept.items() if one not in snapshots}
        return self._replace(kept=kept, removed=tuple(one for one in self.removed if one not in snapshots))


NOTHING_PLANNED = Planned({}, (), {}, {})


class _Row(NamedTuple):
    snapshot: str
    kind: str
    created: str
    origin: str
    number: int


class Retained:
    """Decides about the snapshots of one project, or with `origin` None about those of each project.

    The tags in `dropped` keep nothing and are removed, unless they name another snapshot (hex) than it says by then.
    Of the states of failed tests, `keep_states` of each project stay.
    """

    def __init__(
        self, store: Store, policy: Retention, origin: str | None, dropped: Mapping[str, str], keep_states: int
    ) -> None:
        self._store = store
        self._policy = policy
        self._origin = origin
        self._dropped = dropped
        self._keep_states = keep_states

    def drops(self, ref: Ref) -> bool:
        """Return whether a tag is removed whatever the rules."""
        return not ref.pinned and self._dropped.get(ref.name) == ref.snapshot

    def plan(self) -> Planned:
        """Decide. Raises WouldRemoveEverything."""
        by_project: dict[str, list[_Row]] = defaultdict(list)
        for row in self._rows():
            if self._origin in (None, row.origin):
                by_project[row.origin].append(row)
        tags: dict[str, list[Ref]] = defaultdict(list)
        for ref in filterfalse(self.drops, self._store.refs.all()):
            tags[ref.snapshot].append(ref)
        staying = self._needed(by_project)
        kept: dict[str, tuple[str, ...]] = {}
        removed: list[str] = []
        for rows in by_project.values():
            decision = decide(self._policy, [_dated(row, tags[row.snapshot], staying) for row in rows])
            kept.update(decision.kept)
            removed += decision.removed
        created = {row.snapshot: row.created for rows in by_project.values() for row in rows}
        names = {one: tuple(ref.name for ref in refs) for one, refs in tags.items()}
        return Planned(kept, tuple(removed), created, names)

    def forget(self, planned: Planned, at: str) -> None:
        """Forget what goes at a time, and the tags it has, inside the caller's transaction."""
        for ref in filter(self.drops, self._store.refs.all()):
            self._store.refs.delete(ref.name, PRUNE)
        for snapshot in planned.removed:
            for name in planned.tags.get(snapshot, ()):
                self._store.refs.delete(name, PRUNE)
        self._store.forgotten.forget(planned.removed, PRUNE, at)

    def _rows(self) -> list[_Row]:
        """Return all listed snapshots; where the catalog names no project, the paths in the record do."""
        numbers = {row.id: row.number for row in self._store.snapshots.all()}
        rows = self._store.catalog.rows("SELECT lower(hex(id)), kind, created, origin FROM snapshot")
        origin_of = self._store.snapshots.note_origin
        return [
            _Row(id_, kind, created, origin or origin_of(id_), numbers.get(id_, 0))
            for id_, kind, created, origin in rows
        ]

    def _needed(self, origins: Iterable[str]) -> dict[str, list[str]]:
        """Return the snapshots that stay whatever the rules, with the states of failed tests among them."""
        found = needed(self._store, origins)
        for origin in origins:
            for one in KeptStates(self._store, origin, self._keep_states).within():
                found[one.snapshot].append("failed test")
                for began in began_with(self._store, one.snapshot):
                    if _BEFORE not in found[began]:
                        found[began].append(_BEFORE)
        return found


def _dated(row: _Row, refs: list[Ref], needed: dict[str, list[str]]) -> Dated:
    return Dated(
        row.snapshot,
        min(parse(row.created), datetime.now(UTC)).astimezone(),  # the clock was ahead, or it is behind now
        tuple(ref.name for ref in refs),
        any(ref.pinned for ref in refs),
        row.kind not in _BY_THE_WAY,
        tuple(needed.get(row.snapshot, ())),
        row.number,
    )
