"""Put a snapshot in the place of a database file as a whole, where its pages cannot be changed.

The new file is written and synced beside the old one first. Only then is the old one looked at again,
freed of its log or set aside, and renamed over, all under its exclusive lock.
"""

from __future__ import annotations

import os

from snapstore.actions.image import write_image
from snapstore.actions.restore_job import RestoreJob
from snapstore.database.file import let_go, sidecars
from snapstore.database.replace import fold_log, remove_sidecars, set_aside
from snapstore.errors import DatabaseLocked
from snapstore.holders import openers_of
from snapstore.records import Record
from snapstore.refusals import DatabaseInUse
from snapstore.store import Store


class Replaced(Record):
    """`kept` is where a damaged file was put, `still_open` the processes that go on with the old one."""

    kept: str | None
    still_open: tuple[str, ...]


def refuse_if_open(job: RestoreJob, *, force: bool) -> tuple[str, ...]:
    """Return the processes that have the file open. Raises DatabaseInUse for them unless `force`."""
    still_open = openers_of([job.path, *sidecars(job.path)])
    if still_open and not force:
        raise DatabaseInUse(job.path, job.reason, still_open)
    return still_open


def replace_file(store: Store, job: RestoreJob, *, force: bool) -> Replaced:
    """Write the new file. Raises DatabaseInUse and DatabaseLocked unless `force`; nothing is changed then."""
    kept: list[str] = []
    still_open: list[str] = []
    let_go(job.path)

    def clear_the_way() -> None:
        still_open.extend(refuse_if_open(job, force=force))
        kept.extend(_clear_the_way(job, force=force))

    write_image(store, job.record, job.path, before_rename=clear_the_way)
    remove_sidecars(job.path)
    if job.view:
        job.view.file.close()  # the exclusive lock on the old file was held until here
    return Replaced(kept[0] if kept else None, tuple(still_open))


def _clear_the_way(job: RestoreJob, *, force: bool) -> list[str]:
    """Leave no log or journal that could be replayed over the new file; return where an old file is kept."""
    if job.view and not job.damaged:
        try:
            fold_log(job.view.file, job.view.connection)
        except DatabaseLocked:
            if not force:
                raise
        else:
            return []
    elif not job.damaged and not any(os.path.exists(sidecar) for sidecar in sidecars(job.path)):
        return []
    return [set_aside(job.path)]
