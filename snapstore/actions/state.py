"""A state: one side of a comparison, which is a snapshot of each database, or the live databases."""

from __future__ import annotations

from collections.abc import Mapping

from snapstore.actions.settle import settle
from snapstore.errors import NoSnapshot
from snapstore.history.intents import Intent
from snapstore.project import Project
from snapstore.records import Record
from snapstore.store import Store

LIVE = "live"


class State(Record):
    """One side of a comparison: the snapshot of each database by name, None for the live databases."""

    label: str
    snapshots: Mapping[str, str] | None

    @property
    def id(self) -> str:
        """What JSON calls it: the snapshot's id, several where the databases stand on several, or `live`."""
        return LIVE if self.snapshots is None else ",".join(dict.fromkeys(self.snapshots.values()))


def live_state() -> State:
    """Return the state of the live databases."""
    return State(LIVE, None)


def snapshot_state(store: Store, id_: str, label: str) -> State:
    """Return the state that a snapshot holds."""
    return State(label, dict.fromkeys(store.snapshots.load(id_).databases, id_))


def head_state(store: Store, project: Project, timeout: float) -> tuple[State, Intent | None]:
    """Return what the live databases stand on; a restore that was cut off is put right in the books first.

    Return that restore too, None in the ordinary case. Raises NoSnapshot.
    """
    with store.lock(project.origin, shared=True):
        settled = settle(store, project, timeout)
    heads = store.refs.head(project.origin)
    for name in project.databases:
        if name not in heads or not store.snapshots.exists(heads[name]):
            raise NoSnapshot(f"snapshot of database '{name}'")
        store.snapshots.expect(heads[name])
    return State("HEAD", {name: heads[name] for name in project.databases}), settled
