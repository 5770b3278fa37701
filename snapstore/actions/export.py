"""Export: a database of a snapshot as a plain SQLite file elsewhere."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from snapstore.actions.image import write_image
from snapstore.database.file import sidecars
from snapstore.errors import ConfigurationError, FileError
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.refusals import LiveDatabaseTarget, WouldOverwrite
from snapstore.store import Store


class ExportOptions(NamedTuple):
    """Which database of which snapshot goes where; `force` overwrites a file, never the sidecars of one."""

    snapshot: str
    path: str
    only_db: str | None = None
    force: bool = False


class ExportResult(NamedTuple):
    """The file that was written, `bytes` long."""

    snapshot: str
    database: str
    path: str
    pages: int
    bytes: int
    seconds: float


def export(store: Store, project: Project, options: ExportOptions, progress: Progress = SILENT) -> ExportResult:
    """Write the file, at once and durably.

    Raises WouldOverwrite, LiveDatabaseTarget, InsideStore, ConfigurationError, DiskFull, FileError.
    """
    start = time.monotonic()
    databases = store.snapshots.load(options.snapshot).databases
    name = options.only_db or next(iter(databases))
    if name not in databases or (len(databases) > 1 and not options.only_db):
        raise ConfigurationError(f"the snapshot has the databases {', '.join(databases)}; name one of them")
    path = os.path.abspath(options.path)
    store.refuse_inside(path)
    live = project.databases.values()
    if os.path.realpath(path) in (*live, *(sidecar for one in live for sidecar in sidecars(one))):
        raise LiveDatabaseTarget(path)
    _check_free(path, force=options.force)
    write_image(store, databases[name], path, progress=progress)
    return ExportResult(
        options.snapshot, name, path, databases[name].page_count, databases[name].image_bytes, time.monotonic() - start
    )


def _check_free(path: str, *, force: bool) -> None:
    """Raise WouldOverwrite; a log left beside the path would be replayed over the file, whosever it was."""
    if os.path.isdir(path):
        raise FileError(path, "is a folder")
    taken = [] if force else [path]
    for other in (*taken, *sidecars(path)):
        if os.path.lexists(other):
            raise WouldOverwrite(other)
