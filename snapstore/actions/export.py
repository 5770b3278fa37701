"""Export: a database of a snapshot as a plain SQLite file elsewhere."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass

from snapstore.actions.image import write_image
from snapstore.database.file import sidecars
from snapstore.errors import ConfigurationError, FileError, WouldOverwrite
from snapstore.progress import SILENT, Progress
from snapstore.store import Store


@dataclass(frozen=True)
class ExportOptions:
    """Which database of which snapshot goes where; `force` overwrites a file, never the sidecars of one."""

    snapshot: str
    path: str
    only_db: str | None = None
    force: bool = False


@dataclass(frozen=True)
class ExportResult:
    """The file that was written, `bytes` long."""

    snapshot: str
    database: str
    path: str
    pages: int
    bytes: int
    seconds: float


def export(store: Store, options: ExportOptions, progress: Progress = SILENT) -> ExportResult:
    """Write the file, at once and durably. Raises WouldOverwrite, ConfigurationError, DiskFull, FileError."""
    start = time.monotonic()
    databases = store.snapshots.load(options.snapshot).databases
    name = options.only_db or next(iter(databases))
    if name not in databases or (len(databases) > 1 and not options.only_db):
        raise ConfigurationError(f"the snapshot has the databases {', '.join(databases)}; name one of them")
    path = os.path.abspath(options.path)
    _check_free(path, force=options.force)
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o666
    write_image(store, databases[name], path, mode=mode, progress=progress)
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
