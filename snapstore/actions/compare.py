"""Compare: two states of the project's databases as image diffs, either of them a snapshot or live.

A live database is locked for reading while it is hashed and its b-trees are walked. The pages that differ are
set aside then, all others are in the store, and the lock is let go before the first row is drawn: whoever
reads the rows may take as long as they like.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from snapstore.actions.pair import Compared, Pair
from snapstore.actions.sightings import sighted
from snapstore.actions.state import State
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.history.snapshot import DatabaseRecord
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store


@contextmanager
def compare(
    store: Store,
    project: Project,
    states: tuple[State, State],
    timeout: float,
    progress: Progress = SILENT,
    *,
    by_look: bool = False,
) -> Iterator[dict[str, Compared]]:
    """Compare the databases that either side has, by name. The diffs are good until the end of the `with` block.

    With `by_look` a live database that looks as it did when it was last read is taken to be the same (sightings.py).
    Raises DatabaseLocked, DatabaseUnusable, StoreDamaged.
    """
    with ExitStack() as stack:
        live: dict[str, View] = {}
        databases: LiveDatabases | None = None
        if any(state.snapshots is None for state in states):
            databases = stack.enter_context(LiveDatabases(project.databases, Patience(timeout)))
            live = databases.read()
        names = dict.fromkeys(
            name for state in states for name in (live if state.snapshots is None else state.snapshots)
        )
        found = {}
        pairs = []
        for name in names:
            records = [_record(store, state, name) for state in states]
            now = sighted(store, live[name]) if by_look and name in live else None
            pair = Pair(store, states, records, live.get(name), name, progress, now)
            stack.callback(pair.close)
            found[name] = pair.compared()
            pairs.append(pair)
        if databases and not any(pair.needs_lock for pair in pairs):
            for pair in pairs:
                pair.let_go()
            databases.close()
        yield found


def _record(store: Store, state: State, name: str) -> DatabaseRecord | None:
    if state.snapshots is None or name not in state.snapshots:
        return None
    return store.snapshots.load(state.snapshots[name]).databases.get(name)
