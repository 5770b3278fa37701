"""Import: a plain SQLite file from elsewhere, an old hand-made backup perhaps, as a snapshot."""

from __future__ import annotations

import time
from typing import NamedTuple

from snapstore.actions.capture import Capture
from snapstore.actions.origin import IMPORTED
from snapstore.actions.take import TakenDatabase, taken_database
from snapstore.database.live import LiveDatabases
from snapstore.files import path_text
from snapstore.history.refs import check_name
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.refusals import NamePinned
from snapstore.store import DEFAULT_TIMEOUT, Store


class ImportOptions(NamedTuple):
    """The file, the name to give, and which database of the project it is a state of."""

    path: str
    name: str | None = None
    database: str = "default"
    message: str = ""
    force: bool = False
    timeout: float = DEFAULT_TIMEOUT


class ImportResult(NamedTuple):
    """The snapshot that was made."""

    snapshot: str
    name: str | None
    created: str
    moved_from: str | None
    unchanged: bool
    databases: dict[str, TakenDatabase]
    seconds: float


def import_file(store: Store, project: Project, options: ImportOptions, progress: Progress = SILENT) -> ImportResult:
    """Read a file with its write-ahead log, if it has one, into the store.

    Raises DatabaseUnusable, DatabaseLocked, BadName, NamePinned, ConfigurationError, DiskFull.
    """
    start = time.monotonic()
    project.only(options.database)
    store.refuse_inside(options.path)
    present = None
    if options.name:
        check_name(options.name)
        present = store.refs.get(options.name)
        if present and present.pinned and not options.force:
            raise NamePinned(options.name)
    with store.writer() as writer:
        capture = Capture(store, writer, project)
        with LiveDatabases({options.database: options.path}, Patience(options.timeout)) as live:
            capture.read(options.database, live.read()[options.database], progress)
        captured = capture.finish(IMPORTED, options.message or f"imported from {path_text(options.path)}")
        with store.catalog.transaction():
            capture.record(captured)
            if options.name:
                store.refs.set(options.name, captured.id, IMPORTED, options.message, force=options.force)
    return ImportResult(
        captured.id,
        options.name,
        captured.snapshot.created,
        present.snapshot if present else None,
        False,
        {options.database: taken_database(options.database, captured)},
        time.monotonic() - start,
    )
