"""Undo: back to the state before the last restore, clean, apply, reset or undo."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.settle import settle
from snapstore.errors import NothingToUndo
from snapstore.history.reflog import HEAD, UNDOABLE, WITHOUT_SAFETY, ReflogEntry
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.restores import Restored, Undone
from snapstore.store import DEFAULT_TIMEOUT, Store


def undo(
    store: Store,
    project: Project,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = SILENT,
    *,
    dry_run: bool = False,
) -> Restored:
    """Take back the last move of the live databases; a second undo takes back the first.

    Raises NothingToUndo, and what `restore` raises.
    """
    with store.lock(project.origin, shared=True):
        settle(store, project, timeout)
    before, databases, undone = _state_before(store, project)
    options = RestoreOptions(before, databases, dry_run, foreign=True, timeout=timeout, action="undo")
    return replace(restore(store, project, options, progress), undone=undone)


def _state_before(store: Store, project: Project) -> tuple[str, tuple[str, ...], Undone]:
    with closing(store.refs.positions(HEAD, project.origin)) as positions:
        for entry in positions:
            if entry.action.endswith(WITHOUT_SAFETY):
                raise NothingToUndo("the last restore was made without a safety snapshot")
            if entry.action in UNDOABLE:
                moved = _moved_back(store, project, entry, next(positions, None))
                return *moved, Undone(entry.action, entry.at)
    raise NothingToUndo("no restore is on record for this database")


def undo_target(store: Store, origin: str) -> str | None:
    """Return the snapshot that `undo` would bring back, None where it could not."""
    with closing(store.refs.positions(HEAD, origin)) as positions:
        for entry in positions:
            if entry.action in UNDOABLE:
                before = next(positions, None)
                return before.snapshot if before else None
    return None


def _moved_back(
    store: Store, project: Project, entry: ReflogEntry, before: ReflogEntry | None
) -> tuple[str, tuple[str, ...]]:
    if before is None or before.snapshot is None or not store.snapshots.exists(before.snapshot):
        raise NothingToUndo("the state before the last restore is not in the store")
    store.snapshots.expect(before.snapshot)
    held = store.snapshots.load(before.snapshot).parts
    moved = tuple(name for name in entry.databases or held if name in held and name in project.parts)
    return before.snapshot, moved
