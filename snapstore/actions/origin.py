"""The guard against the wrong database: whether a snapshot belongs to this project's files."""

from __future__ import annotations

import os

from snapstore.database.fingerprint import fingerprint
from snapstore.database.identifiers import folded
from snapstore.database.live import LiveDatabases
from snapstore.errors import SnapError, StoreDamaged, WrongDatabase
from snapstore.files import as_path, path_text
from snapstore.history.refs import Ref
from snapstore.history.snapshot import Snapshot
from snapstore.ids import short
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store

IMPORTED = "import"


def check_belongs(store: Store, id_: str, snapshot: Snapshot, project: Project, names: list[str]) -> None:
    """Raise WrongDatabase if a snapshot was taken of another file than the project's.

    An imported snapshot may be restored to any database. One that was pulled for this project belongs to it: it comes
    from the project's remote, and its databases have the names that they have here. A project that moved keeps its
    snapshots: its old path is gone, and the file at the new path holds the same tables, or nothing yet.
    """
    if snapshot.kind == IMPORTED or store.snapshots.listed_for(id_) == project.origin:
        return
    for name in names:
        record, path = snapshot.databases[name], project.databases[name]
        if record.origin != path_text(path) and not (_is_gone(record.origin) and _holds(path, record.tables)):
            raise WrongDatabase(path, short(id_), record.origin)


def check_name_belongs(store: Store, ref: Ref, project: Project) -> None:
    """Raise WrongDatabase where a tag that would move names a snapshot of other files."""
    if not store.snapshots.exists(ref.snapshot):
        return
    try:
        snapshot = store.snapshots.load(ref.snapshot)
    except StoreDamaged:
        return  # moving the name away from a damaged snapshot is allowed
    check_belongs(
        store, ref.snapshot, snapshot, project, [name for name in snapshot.databases if name in project.databases]
    )


def _is_gone(path: str) -> bool:
    return not os.path.exists(as_path(path))


def _holds(path: str, tables: tuple[str, ...]) -> bool:
    """Tell whether the file at `path` could be the one that had these tables."""
    if not os.path.exists(path):
        return True
    try:
        with LiveDatabases({"": path}, Deadline(1.0)) as live:
            found = fingerprint(live.read()[""].connection).tables
    except SnapError:
        return True  # it cannot be read at all; the verb itself reports that
    return not found or set(map(folded, found)) == set(map(folded, tables))
