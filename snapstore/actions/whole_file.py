"""Put a snapshot in the place of a database file as a whole, where its pages cannot be changed."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from snapstore.actions.image import write_image
from snapstore.actions.restore_job import RestoreJob
from snapstore.database.file import sidecars
from snapstore.database.replace import fold_log, replace, set_aside
from snapstore.errors import DatabaseInUse, DatabaseLocked
from snapstore.holders import openers_of
from snapstore.store import Store


class Replaced(NamedTuple):
    """`kept` is where a damaged file was put, `still_open` the processes that go on with the old one."""

    kept: str | None
    still_open: tuple[str, ...]


def replace_file(store: Store, job: RestoreJob, *, force: bool) -> Replaced:
    """Write the new file. Raises DatabaseInUse and DatabaseLocked unless `force`; nothing is changed then."""
    path = job.path
    still_open = openers_of([path, *sidecars(path)])
    if still_open and not force:
        raise DatabaseInUse(path, job.reason, still_open)
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o666
    kept = _clear_the_way(job, force=force)
    replace(path, lambda: write_image(store, job.record, path, mode=mode))
    return Replaced(kept, still_open)


def _clear_the_way(job: RestoreJob, *, force: bool) -> str | None:
    """Leave no log or journal that could be replayed over the new file; return where an old file is kept."""
    if job.damaged:
        return set_aside(job.path)
    if job.view:
        try:
            fold_log(job.view.file, job.view.connection)
        except DatabaseLocked:
            if not force:
                raise
            return set_aside(job.path)
    elif any(os.path.exists(sidecar) for sidecar in sidecars(job.path)):
        return set_aside(job.path)
    return None
