"""A state: one side of a comparison, which is a snapshot of each database, or the live databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from snapstore.results.against import Against
from snapstore.store import Store
from snapstore.trees.names import tree_of

LIVE = "live"


class State(NamedTuple):
    """One side of a comparison: the snapshot of each database and tree by name, None for the live ones."""

    label: str
    snapshots: Mapping[str, str] | None

    @property
    def id(self) -> str:
        """Its name in JSON: the snapshot's id, several where the databases stand on several, or `live`."""
        return LIVE if self.snapshots is None else ",".join(dict.fromkeys(self.snapshots.values()))


def against(store: Store, state: State, database: str | None = None) -> Against:
    """Return how results name the snapshot that a state holds of a database, or of all of them."""
    ids = dict.fromkeys(id_ for name, id_ in (state.snapshots or {}).items() if database in (None, name))
    if len(ids) != 1:
        return Against(state.label, ",".join(ids))
    (id_,) = ids
    return Against(state.label, id_, tuple(ref.name for ref in store.refs.naming(id_)))


def live_state() -> State:
    """Return the state of the live databases."""
    return State(LIVE, None)


def snapshot_state(store: Store, id_: str, label: str) -> State:
    """Return the state that a snapshot holds."""
    store.snapshots.expect(id_)
    return State(label, dict.fromkeys(store.snapshots.load(id_).parts, id_))


def part_text(part: str) -> str:
    """Return what a part of a project is called in messages: `database 'queue'`, `files 'uploads'`."""
    tree = tree_of(part)
    return f"database '{part}'" if tree is None else f"files '{tree}'"
