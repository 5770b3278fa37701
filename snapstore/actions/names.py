"""Names: tag an existing snapshot; pin, unpin and rename tags; list where a name has pointed."""

from __future__ import annotations

import time
from dataclasses import replace

from snapstore.actions.take import TakeOptions, check_name_free
from snapstore.errors import UnknownRevision
from snapstore.history.reflog import HEAD
from snapstore.history.refs import Ref, nearest
from snapstore.project import Project
from snapstore.results.names import Moved, Tag
from snapstore.results.snapshots import Taken, TakenDatabase
from snapstore.store import Store


def name_snapshot(store: Store, project: Project, id_: str, options: TakeOptions) -> Taken:
    """Point a tag at a snapshot. Raises BadName, NameExists, NamePinned, WrongDatabase."""
    start = time.monotonic()
    snapshot = store.snapshots.load(id_)
    present = store.refs.get(options.name)
    if present is None or present.snapshot != id_ or options.new:
        check_name_free(store, project, options)
    with store.catalog.transaction():
        store.refs.set(options.name, id_, options.kind, options.message, force=options.force)
        if options.pin:
            store.refs.pin(options.name, pinned=True)
    return Taken(
        id_,
        options.name,
        snapshot.created,
        present.snapshot if present else None,
        present is not None and present.snapshot == id_,
        {
            name: TakenDatabase(record.content, record.page_count, record.page_size, record.image_bytes, 0)
            for name, record in snapshot.databases.items()
        },
        time.monotonic() - start,
    )


def pin(store: Store, name: str, *, pinned: bool) -> Tag:
    """Protect a tag from being moved or removed, or with `pinned` false no longer. Raises UnknownRevision."""
    was_pinned = store.refs.demand(name).pinned
    return replace(_tag(store.refs.pin(name, pinned=pinned)), unchanged=was_pinned == pinned)


def rename(store: Store, old: str, new: str) -> Tag:
    """Give a tag another name. Raises UnknownRevision, BadName, NameExists."""
    return _tag(store.refs.rename(old, new))


def positions(store: Store, project: Project, name: str = HEAD) -> list[Moved]:
    """Return where the live databases, or a tag, have been, the newest first. Raises UnknownRevision."""
    found = list(store.refs.positions(name, project.origin if name == HEAD else ""))
    if not found and name != HEAD:
        raise UnknownRevision(name, nearest(name, [ref.name for ref in store.refs.all()]))
    return [
        Moved(one.entry, one.ref, one.origin, one.snapshot, one.databases, one.action, one.message, one.at)
        for one in found
    ]


def _tag(ref: Ref) -> Tag:
    return Tag(ref.name, ref.snapshot, ref.message, ref.pinned, ref.updated)
