"""Export: a database of a snapshot as a plain SQLite file elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from snapstore.actions.file_access import open_copy
from snapstore.compare.image import write_image
from snapstore.database.file import sidecars
from snapstore.errors import ConfigurationError, LiveDatabaseTarget, WouldOverwrite
from snapstore.files import check_kind
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.answers import Exported
from snapstore.store import Store, refuse_inside


@dataclass(frozen=True)
class ExportOptions:
    """Which database of which snapshot goes where; `force` overwrites a file, never the sidecars of one.

    `with_files` writes the files beside the databases, too, into a folder beside the file.
    """

    snapshot: str
    path: str
    only_db: str | None = None
    force: bool = False
    with_files: bool = False


def export(store: Store, project: Project, options: ExportOptions, progress: Progress = SILENT) -> Exported:
    """Write the file, at once and durably.

    Raises WouldOverwrite, LiveDatabaseTarget, InsideStore, ConfigurationError, DiskFull, FileError.
    """
    start = time.monotonic()
    snapshot = store.snapshots.load(options.snapshot)
    databases = snapshot.databases
    name = next(iter(databases)) if options.only_db is None else options.only_db
    if name not in databases or (len(databases) > 1 and options.only_db is None):
        raise ConfigurationError(f"the snapshot has the databases {', '.join(databases)}; name one of them")
    path = os.path.realpath(options.path) if options.force else os.path.abspath(options.path)
    check_target(store.path, project, path)
    _check_free(path, force=options.force)
    finish = partial(open_copy, path=path, record=databases[name], live=project.databases.get(name))
    files: Mapping[str, str] = {}
    with ExitStack() as stack:
        how = partial(write_image, finish=finish, replaces=options.force, progress=progress)
        if options.with_files:
            from snapstore.actions.file_copies import files_beside, path_beside  # few projects have files

            how = partial(how, before_rename=stack.enter_context(files_beside(store, snapshot, path)))
            files = {one: path_beside(path, one) for one in snapshot.files}
        how(store, databases[name], path)
    pages, size = databases[name].page_count, databases[name].image_bytes
    return Exported(options.snapshot, name, path, pages, size, time.monotonic() - start, files)


def check_target(store: str, project: Project, path: str) -> None:
    """Check that a file at `path` would be neither in a store nor over a live database.

    Raises InsideStore, LiveDatabaseTarget.
    """
    refuse_inside(store, path)
    live = project.databases.values()
    if os.path.realpath(path) in (*live, *(sidecar for one in live for sidecar in sidecars(one))):
        raise LiveDatabaseTarget(path)


def _check_free(path: str, *, force: bool) -> None:
    """Raise WouldOverwrite, FileError. A log left beside the path would be replayed over the file, whatever it is."""
    check_kind(path)
    taken = [] if force else [path]
    for other in (*taken, *sidecars(path)):
        if os.path.lexists(other):
            raise WouldOverwrite(other)
