"""Compare two states of the project's databases as image diffs; either of them is a snapshot or live.

A live database is locked for reading while it is hashed and its b-trees are walked. After that the pages that differ
are in a spool, and all others are in the store. So the lock is released before the first row is read, and the rows may
be read slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from snapstore.compare.pair import Compared, Pair
from snapstore.compare.state import State
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.history.snapshot import DatabaseEntry
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.names import tree_of


@contextmanager
def compare(
    store: Store,
    project: Project,
    states: tuple[State, State],
    timeout: float,
    progress: Progress = SILENT,
    *,
    by_bytes: bool = False,
    shortens: bool = False,
) -> Iterator[dict[str, Compared]]:
    """Compare the databases that either side has, by name. The diffs are valid until the end of the `with` block.

    With `by_bytes`, every page of a live database is compared with the stored bytes, and no ids. If it `shortens`, rows
    have a LongValue for each long value.
    Raises DatabaseLocked, DatabaseUnusable, StoreDamaged.
    """
    with ExitStack() as stack:
        if by_bytes:
            stack.enter_context(store.objects.packs_alone())
        live: dict[str, View] = {}
        databases: LiveDatabases | None = None
        if any(state.snapshots is None for state in states):
            databases = stack.enter_context(LiveDatabases(project.databases, Deadline(timeout)))
            live = databases.read()
        names = dict.fromkeys(
            name
            for state in states
            for name in (live if state.snapshots is None else state.snapshots)
            if tree_of(name) is None
        )
        found = {}
        pairs = []
        for name in names:
            records = [_record(store, state, name) for state in states]
            pair = Pair(store, states, records, live.get(name), name, progress, by_bytes=by_bytes, shortens=shortens)
            stack.callback(pair.close)
            found[name] = pair.compared()
            pairs.append(pair)
        if databases and not any(pair.needs_lock for pair in pairs):
            for pair in pairs:
                pair.release_view()
            databases.close()
        yield found


def _record(store: Store, state: State, name: str) -> DatabaseEntry | None:
    if state.snapshots is None or name not in state.snapshots:
        return None
    return store.snapshots.load(state.snapshots[name]).databases.get(name)
