"""The guard against the wrong database: whether a snapshot belongs to this project's files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from snapstore.database.fingerprint import fingerprint
from snapstore.database.identifiers import folded
from snapstore.database.live import LiveDatabases
from snapstore.errors import SnapError, StoreDamaged, WrongDatabase
from snapstore.files import as_path, path_text
from snapstore.history.reflog import PULL
from snapstore.history.refs import Ref
from snapstore.history.snapshot import Snapshot, paths_of
from snapstore.ids import short
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store

IMPORTED = "import"


def check_belongs(store: Store, id_: str, snapshot: Snapshot, project: Project, names: list[str]) -> None:
    """Raise WrongDatabase if a snapshot was taken of another file than the project's.

    An imported snapshot may be restored to any database. One that was pulled for a project belongs to it, whatever
    paths it has: those are of another machine. A project that moved keeps its snapshots: its old path is gone, and the
    file at the new path holds the same tables, or nothing yet.
    """
    if snapshot.kind == IMPORTED or store.snapshots.listed_for(id_) == project.origin:
        return
    pulled = store.reflog.pulled_for(id_)
    if project.origin in pulled:
        return
    places = _places(store, id_, snapshot, pulled)
    for name in names:
        path, tables = project.databases[name], snapshot.databases[name].tables
        recorded = [one[name] for one in places if name in one]
        if not any(one == path_text(path) or (_is_gone(one) and _holds(path, tables)) for one in recorded):
            raise WrongDatabase(path, short(id_), recorded[0] if recorded else snapshot.databases[name].origin)


def note_pulled(store: Store, ids: Iterable[str], origin: str) -> None:
    """Note that snapshots which are here already were pulled for a project, too."""
    new = [id_ for id_ in ids if store.snapshots.exists(id_) and not _is_known_for(store, id_, origin)]
    if new:
        with store.catalog.transaction():
            for id_ in new:
                store.reflog.append("", id_, PULL, origin=origin)


def _is_known_for(store: Store, id_: str, origin: str) -> bool:
    return store.snapshots.listed_for(id_) == origin or origin in store.reflog.pulled_for(id_)


def _places(store: Store, id_: str, snapshot: Snapshot, pulled: frozenset[str]) -> list[Mapping[str, str]]:
    """Return where the databases of a snapshot lie here, by name: in each project that has it."""
    places: list[Mapping[str, str]] = [paths_of(origin) for origin in sorted(pulled)]
    if store.snapshots.listed_for(id_) in pulled:
        return places
    return [{name: record.origin for name, record in snapshot.databases.items()}, *places]


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
