"""Import: a plain SQLite file from elsewhere, such as a backup made by hand, as a snapshot."""

from __future__ import annotations

import time
from dataclasses import dataclass

from snapstore.actions.capture import Capture
from snapstore.actions.origin import IMPORTED
from snapstore.actions.take import taken_database, taken_files
from snapstore.database.live import LiveDatabases
from snapstore.errors import NamePinned
from snapstore.files import path_text
from snapstore.history.names import check_name
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.snapshots import Taken
from snapstore.store import DEFAULT_TIMEOUT, Store, refuse_inside


@dataclass(frozen=True)
class ImportOptions:
    """The file, the name to give, and which database of the project it is a state of.

    `with_files` takes the files in the folder beside it, too.
    """

    path: str
    name: str | None = None
    database: str = "default"
    message: str = ""
    force: bool = False
    with_files: bool = False
    timeout: float = DEFAULT_TIMEOUT


def import_file(store: Store, project: Project, options: ImportOptions, progress: Progress = SILENT) -> Taken:
    """Read a file with its write-ahead log, if it has one, into the store.

    Raises DatabaseUnusable, DatabaseLocked, BadName, NamePinned, ConfigurationError, DiskFull.
    """
    start = time.monotonic()
    project.only(options.database)
    refuse_inside(store.path, options.path)
    present = None
    if options.name:
        present = store.refs.get(options.name)
        check_name(options.name, is_new=present is None)
        if present and present.pinned and not options.force:
            raise NamePinned(options.name)
    if options.with_files:
        from snapstore.actions.file_copies import beside  # few projects have files

        project = beside(project, options.path)
    with store.writer() as writer:
        capture = Capture(store, writer, project)
        with LiveDatabases({options.database: options.path}, Deadline(options.timeout)) as live:
            capture.read(options.database, live.read()[options.database], progress)
        trees = project.trees if options.with_files else {}
        found = {name: capture.read_tree(name, Deadline(options.timeout), progress) for name in trees}
        captured = capture.finish(IMPORTED, options.message or f"imported from {path_text(options.path)}")
        with store.catalog.transaction():
            capture.record(captured)
            if options.name:
                store.refs.set(options.name, captured.id, IMPORTED, options.message, force=options.force)
    return Taken(
        captured.id,
        options.name,
        captured.snapshot.created,
        present.snapshot if present else None,
        False,
        {options.database: taken_database(options.database, captured)},
        time.monotonic() - start,
        files={name: taken_files(name, captured, tree) for name, tree in found.items()},
    )
