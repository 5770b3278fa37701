"""Take: a snapshot of the live state, under a name."""

from __future__ import annotations

import time

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.origin import check_name_belongs
from snapstore.actions.settle import settle
from snapstore.database.live import LiveDatabases
from snapstore.history.refs import Ref, check_name
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.records import Record
from snapstore.refusals import NameExists, NamePinned
from snapstore.store import DEFAULT_TIMEOUT, Store

MANY_BLOCKS = 512  # 32 MiB: hashing and compressing less takes no longer than an ordinary transaction


class TakeOptions(Record):
    """What `tag` and `backup` may be told; `new` refuses an existing name, `force` moves a pinned one."""

    name: str
    message: str = ""
    kind: str = "tag"
    new: bool = False
    pin: bool = False
    force: bool = False
    timeout: float = DEFAULT_TIMEOUT


class TakenDatabase(Record):
    """One database in the snapshot; `stored_bytes` is what it added to the store."""

    content: str
    pages: int
    page_size: int
    bytes: int
    stored_bytes: int


class TakeResult(Record):
    """The snapshot a name has; `unchanged` where the live state was the one HEAD already had."""

    snapshot: str
    name: str
    created: str
    moved_from: str | None
    unchanged: bool
    databases: dict[str, TakenDatabase]
    seconds: float


def take(store: Store, project: Project, options: TakeOptions, progress: Progress = SILENT) -> TakeResult:
    """Snapshot all databases of the project in one moment and name it.

    Raises BadName, NameExists, NamePinned, WrongDatabase, DatabaseLocked, DatabaseUnusable, DiskFull.
    """
    start = time.monotonic()
    present = check_name_free(store, project, options)
    with store.lock(project.origin, shared=True), store.writer() as writer:
        settle(store, project, options.timeout)
        capture = Capture(store, writer, project)
        _read_ahead(capture, project, options, progress)
        with LiveDatabases(project.databases, Patience(options.timeout)) as live:
            for name, view in live.read().items():
                capture.read(name, view, progress)
        captured = capture.known(anywhere=False) or capture.finish(options.kind, options.message)
        with store.catalog.transaction():
            capture.record(captured)
            _name(store, project, options, captured)
    return TakeResult(
        captured.id,
        options.name,
        captured.snapshot.created,
        present.snapshot if present else None,
        not captured.is_new,
        {name: taken_database(name, captured) for name in captured.snapshot.databases},
        time.monotonic() - start,
    )


def _read_ahead(capture: Capture, project: Project, options: TakeOptions, progress: Progress) -> None:
    """Do the long part of a first take without a lock: writers of a rollback mode would wait for all of it."""
    for name in filter(capture.is_first, project.databases):
        with LiveDatabases({name: project.databases[name]}, Patience(options.timeout)) as live:
            view = live.read()[name]
            if view.shuts_writers_out and view.block_count > MANY_BLOCKS:
                view.connection.roll_back()
                capture.read_ahead(name, view, progress)


def check_name_free(store: Store, project: Project, options: TakeOptions) -> Ref | None:
    """Refuse before any work what would be refused after it."""
    check_name(options.name)
    present = store.refs.get(options.name)
    if present and options.new:
        raise NameExists(options.name)
    if present and not options.force:
        if present.pinned:
            raise NamePinned(options.name)
        check_name_belongs(store, present, project)
    return present


def _name(store: Store, project: Project, options: TakeOptions, captured: Captured) -> None:
    if options.new and store.refs.get(options.name):
        raise NameExists(options.name)
    store.refs.set(options.name, captured.id, options.kind, options.message, force=options.force)
    if options.pin:
        store.refs.pin(options.name, pinned=True)
    names = tuple(captured.snapshot.databases)
    if store.refs.head(project.origin) != dict.fromkeys(names, captured.id):
        store.refs.move_head(project.origin, captured.id, names, options.kind, message=options.name)


def taken_database(name: str, captured: Captured) -> TakenDatabase:
    """Return what is said of one database of a snapshot just taken."""
    record = captured.snapshot.databases[name]
    return TakenDatabase(
        record.content,
        record.page_count,
        record.page_size,
        record.image_bytes,
        captured.stored_bytes.get(name, 0),
    )
