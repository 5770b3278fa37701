"""Replace a database file as a whole, if it cannot be changed through SQLite.

That is the case if it is missing or damaged, or if its pages have another format. A write-ahead log or journal left
beside it would be replayed over the new file. So both are folded into the old file, or set aside, before the new file
takes the name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from snapstore.database.file import LOCK_BYTES, DatabaseFile, sidecars
from snapstore.engine import Connection
from snapstore.errors import DatabaseLocked
from snapstore.files import reached, remove_if_there, sync_folder, translated, with_suffix
from snapstore.processes import openers_of
from snapstore.record_locks import lock_alone
from snapstore.timestamps import now

_LONGEST_SUFFIX = len("-journal")


def fold_log(file: DatabaseFile, connection: Connection) -> None:
    """Move all of the write-ahead log into the file and lock it, so that the file alone is the database.

    Only the last connection can leave WAL mode. So this detects openers that no list of processes shows. Raises
    DatabaseLocked if there are others, or if one has written since the transaction began.
    """
    version = connection.value("PRAGMA data_version")
    connection.roll_back()
    if connection.value("PRAGMA journal_mode") == "wal":
        connection.rows("PRAGMA journal_mode = DELETE")
    connection.rows("BEGIN EXCLUSIVE")
    if connection.value("PRAGMA data_version") != version:
        raise DatabaseLocked(file.path, openers_of([file.path, *sidecars(file.path)]))
    reached("log-folded")


@contextmanager
def locked_if_damaged(path: str) -> Iterator[None]:
    """Hold the lock that SQLite would take to write, over the body, on a file that SQLite cannot read.

    Where another process has a lock, the body runs without: the file is damaged, and a wait would never end.
    The connections of this process to the file must be closed.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:  # it is missing, a folder, or may not be written
        yield
        return
    try:
        lock_alone(fd, *LOCK_BYTES)
        yield
    finally:
        os.close(fd)


def remove_sidecars(path: str) -> None:
    """Remove the sidecars of the old file, which were folded in or set aside before."""
    for sidecar in sidecars(path):
        with translated(sidecar):
            remove_if_there(sidecar)
    reached("sidecars-removed")


def set_aside(path: str) -> str:
    """Keep a damaged database: give it and its sidecars a second name, and return that of the file.

    If the file system has hard links, the file also stays in place until the new one takes its name.
    """
    stamp = now().replace("-", "").replace(":", "").replace(".", "")
    kept = with_suffix(path, f".damaged-{stamp}", reserved=_LONGEST_SUFFIX)
    with translated(path):
        if os.path.exists(path):
            _second_name(path, kept)
        for sidecar in sidecars(path):
            with suppress(FileNotFoundError):
                os.rename(sidecar, kept + sidecar[len(path) :])
        sync_folder(os.path.dirname(path))
    reached("damaged-set-aside")
    return kept


def _second_name(path: str, kept: str) -> None:
    try:
        os.link(path, kept)
    except OSError:
        os.rename(path, kept)
