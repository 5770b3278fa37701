"""Reset: in an emergency, restore the backup or the newest intact snapshot, whatever state the file is in."""

from __future__ import annotations

from snapstore.actions.origin import IMPORTED, check_belongs
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.errors import NoSnapshot, StoreDamaged, WrongDatabase
from snapstore.history.snapshot import FORENSIC, SAFETY
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.restores import Restored
from snapstore.store import DEFAULT_TIMEOUT, Store


def reset(
    store: Store,
    project: Project,
    backup_name: str,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = SILENT,
    *,
    dry_run: bool = False,
) -> Restored:
    """Restore the first candidate that is intact in the store.

    Raises NoSnapshot without any, StoreDamaged where none is intact, and what `restore` raises.
    """
    damaged: StoreDamaged | None = None
    for id_ in _candidates(store, project, backup_name):
        try:
            options = RestoreOptions(id_, dry_run=dry_run, force=True, timeout=timeout, action="reset")
            return restore(store, project, options, progress)
        except StoreDamaged as error:
            damaged = damaged or error
    raise damaged or NoSnapshot("snapshot of this database")


def _candidates(store: Store, project: Project, backup_name: str) -> list[str]:
    backup = store.refs.get(backup_name)
    ids = [backup.snapshot] if backup and store.snapshots.exists(backup.snapshot) else []
    ids += [row.id for row in store.snapshots.all() if row.kind not in (SAFETY, FORENSIC, IMPORTED)]
    return [id_ for id_ in dict.fromkeys(ids) if _is_of(store, id_, project)]


def _is_of(store: Store, id_: str, project: Project) -> bool:
    """Tell whether a snapshot is of this project's files: an emergency must not mix databases up."""
    try:
        snapshot = store.snapshots.load(id_)
        check_belongs(store, id_, snapshot, project, [name for name in snapshot.databases if name in project.databases])
    except StoreDamaged:
        return True  # `reset` tries it, and goes on to the next with the error kept
    except WrongDatabase:
        return False
    return set(snapshot.databases) == set(project.databases)
