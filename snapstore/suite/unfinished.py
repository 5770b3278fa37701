"""Suites that have not ended: they run, are paused until their run goes on, or died. The next suite repairs these."""

from __future__ import annotations

from snapstore.layout import worker_store
from snapstore.project import Project
from snapstore.results.statuses import UnfinishedSuite
from snapstore.store import Store
from snapstore.suite.ledger import Ledger
from snapstore.suite.mark import is_held, is_marked
from snapstore.suite.parts import DIED, PAUSED, PROJECT, RUNNING

_LEAST_DEAD_FIRST = (RUNNING, PAUSED, DIED)


def unfinished(ledger: Ledger, marks: Store, project: Project) -> UnfinishedSuite | None:
    """Return the newest suite that has not ended, None if all have; the store `marks` has the run marks.

    Raises StoreDamaged, FileError.
    """
    rows = ledger.unended()
    if not rows:
        return None
    one = rows[0]
    runs = is_marked(marks, project)
    return UnfinishedSuite(one.name, one.started, one.pid, one.backup, runs, not runs and one.outcome == PAUSED)


def standings(ledger: Ledger, store: Store, project: Project) -> dict[int, str]:
    """Return the suites of a project that have not ended: whether each runs, is paused, or died.

    The store and the databases are the project's, not those of a worker. Raises StoreDamaged, FileError.
    """
    found: dict[int, str] = {}
    seen: set[str] = set()
    for part in ledger.open_parts():
        if part.worker == PROJECT:
            is_alive = is_marked(store, project)
        else:
            is_alive = is_held(store, worker_store(store.path, part.worker))
        runs = is_alive and part.worker not in seen  # the mark is that of the newest
        seen.add(part.worker)
        word = RUNNING if runs else PAUSED if part.paused else DIED
        found[part.suite] = min(word, found.get(part.suite, word), key=_LEAST_DEAD_FIRST.index)
    return found
