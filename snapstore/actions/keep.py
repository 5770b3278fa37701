"""Keep: a snapshot of the live state without a name, for inspection later."""

from __future__ import annotations

from snapstore.actions.capture import Capture
from snapstore.actions.settle import settle
from snapstore.database.live import LiveDatabases
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store


def keep_state(store: Store, project: Project, kind: str, message: str, timeout: float) -> str:
    """Take a snapshot without a name, and without moving HEAD to it; return its id.

    Raises DatabaseLocked, DatabaseUnusable, DiskFull.
    """
    with store.lock(project.origin, shared=True), store.writer() as writer:
        settle(store, project, timeout)
        capture = Capture(store, writer, project)
        with LiveDatabases(project.databases, Deadline(timeout)) as live:
            for name, view in live.read().items():
                capture.read(name, view, becomes_head=False)
            for name in project.trees:
                capture.read_tree(name, Deadline(timeout))
        captured = capture.finish(kind, message)
        with store.catalog.transaction():
            capture.record(captured)
    return captured.id
