"""Remove: names, and snapshots by id. What is removed stays reachable until its space is freed."""

from __future__ import annotations

from collections.abc import Iterable

from snapstore.errors import SnapshotInUse
from snapstore.history.reflog import HEAD
from snapstore.ids import short
from snapstore.project import Project
from snapstore.results.names import Removal, Removed
from snapstore.store import Store


def remove(store: Store, project: Project, revisions: Iterable[str], *, force: bool = False) -> Removal:
    """Remove all of the revisions, or none of them.

    A name is removed and its snapshot stays; an id, `NAME@{n}` and the like forget the snapshot, which
    nothing may name unless `force`. Raises UnknownRevision, NamePinned, SnapshotInUse.
    """
    with store.catalog.transaction():
        removed = [_remove_one(store, project, revision, force=force) for revision in dict.fromkeys(revisions)]
    return Removal(tuple(removed))


def _remove_one(store: Store, project: Project, revision: str, *, force: bool) -> Removed:
    if store.refs.get(revision):
        return Removed(revision, store.refs.delete(revision, force=force).snapshot)
    id_ = store.revisions(project.origin).resolve(revision)
    names = [ref.name for ref in store.refs.naming(id_)]
    if id_ in store.refs.head(project.origin).values():
        names.append(HEAD)
    if names and not force:
        raise SnapshotInUse(short(id_), tuple(names))
    for name in names:
        if name != HEAD:
            store.refs.delete(name, force=True)
    store.forgotten.forget([id_], "rm")
    return Removed(None, id_)
