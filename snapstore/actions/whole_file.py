"""Replace a database file as a whole by a snapshot, if its pages cannot be changed in place.

The new file is first written and synced beside the old one. Then the old file is checked again, its log is folded in or
it is set aside, and the new file is renamed over it, all under the exclusive lock on the old file.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

from snapstore.actions.file_access import LiveAccess
from snapstore.actions.restore_job import RestoreJob
from snapstore.compare.image import write_image
from snapstore.database.file import disconnect_tracker, sidecars
from snapstore.database.replace import fold_log, locked_if_damaged, remove_sidecars, set_aside
from snapstore.errors import DatabaseInUse, DatabaseLocked, MayBeInUse
from snapstore.mounts import is_mounted_alone
from snapstore.processes import are_all_seen, openers_of
from snapstore.store import Store


class Replaced(NamedTuple):
    """`kept` is where a damaged file was kept, `still_open` the processes that still use the old one.

    `not_kept` is what the new file could not get of the old one's access.
    """

    kept: str | None
    still_open: tuple[str, ...]
    not_kept: tuple[str, ...]


def refuse_if_open(job: RestoreJob, *, force: bool) -> tuple[str, ...]:
    """Return the processes that have the file open. Unless `force`, raise DatabaseInUse if there are any.

    Unless `force`, raise MayBeInUse where it cannot be told, or where another name would keep the old file.
    """
    still_open = openers_of([job.path, *sidecars(job.path)])
    if force:
        return still_open
    if still_open:
        raise DatabaseInUse(job.path, job.reason, still_open)
    if doubt := _doubt(job):
        raise MayBeInUse(job.path, job.reason, doubt)
    return ()


def _doubt(job: RestoreJob) -> str:
    """Return why somebody may go on using the old file, an empty text if nobody can."""
    if not os.path.exists(job.path):
        return ""
    if (links := os.stat(job.path).st_nlink) > 1:
        return f"it has {links} names (hard links), and the others would keep the old file"
    if is_mounted_alone(job.path):
        return "a file of its name is mounted somewhere by itself, and such a mount would keep the old file"
    if job.in_use or (job.view and job.view.file.is_locked_elsewhere()):
        return "a process that cannot be seen from here has it open"
    if job.in_use is None and not (job.view and job.view.is_wal) and not are_all_seen():
        return "processes of other users or outside this container cannot be seen, and one may have it open"
    return ""  # in WAL mode only the last connection can leave it (replace.py)


def refuse_if_access_is_lost(job: RestoreJob, *, force: bool) -> None:
    """Unless `force`, raise AccessLost if the new file could not have the owner and group that it should have."""
    if not force:
        LiveAccess(job.path, job.record).check()


def replace_file(store: Store, job: RestoreJob, *, force: bool) -> Replaced:
    """Write the new file.

    Unless `force`, raise DatabaseInUse, MayBeInUse, DatabaseLocked or AccessLost, with nothing changed.
    """
    kept: list[str] = []
    still_open: list[str] = []
    disconnect_tracker(job.path)

    def clear_the_way() -> None:
        still_open.extend(refuse_if_open(job, force=force))
        kept.extend(_clear_the_way(job, force=force))

    access = LiveAccess(job.path, job.record)
    finish = partial(access.give, force=force)
    with locked_if_damaged(job.path) if job.damaged else nullcontext():
        write_image(store, job.record, job.path, finish=finish, before_rename=clear_the_way)
        remove_sidecars(job.path)
    if job.view:
        job.view.file.close()  # until here it held the exclusive lock on the old file
    return Replaced(kept[0] if kept else None, tuple(still_open), access.lost)


def _clear_the_way(job: RestoreJob, *, force: bool) -> list[str]:
    """Leave no log or journal that could be replayed over the new file; return the path of a file set aside."""
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
