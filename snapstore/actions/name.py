"""Name: give a snapshot that there is a tag."""

from __future__ import annotations

import time

from snapstore.actions.take import TakenDatabase, TakeOptions, TakeResult, check_name_free
from snapstore.project import Project
from snapstore.store import Store


def name_snapshot(store: Store, project: Project, id_: str, options: TakeOptions) -> TakeResult:
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
    return TakeResult(
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
