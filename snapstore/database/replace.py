"""Put a whole file in the place of a database that cannot be changed through SQLite.

That is so where it is missing, where it is damaged, and where its pages have another format. A
write-ahead log or journal left beside it would be replayed over the new file, so both are folded into
the old file or set aside before the new one takes the name.
"""

from __future__ import annotations

import os
from contextlib import suppress

from snapstore.database.file import DatabaseFile, sidecars
from snapstore.engine import Connection
from snapstore.errors import DatabaseLocked
from snapstore.files import reached, remove_if_there, sync_folder, translated
from snapstore.holders import openers_of
from snapstore.timestamps import now


def fold_log(file: DatabaseFile, connection: Connection) -> None:
    """Move everything of a write-ahead log into the file and lock it, so that the file alone is the database.

    Leaving WAL mode succeeds only for the last connection, which finds openers that no list of processes
    shows. Raises DatabaseLocked where there are others, or one wrote since the transaction began.
    """
    version = connection.value("PRAGMA data_version")
    connection.roll_back()
    if connection.value("PRAGMA journal_mode") == "wal":
        connection.rows("PRAGMA journal_mode = DELETE")
    connection.rows("BEGIN EXCLUSIVE")
    if connection.value("PRAGMA data_version") != version:
        raise DatabaseLocked(file.path, openers_of([file.path, *sidecars(file.path)]))
    reached("log-folded")


def remove_sidecars(path: str) -> None:
    """Remove what the old file left beside the new one; it was folded in or set aside before."""
    for sidecar in sidecars(path):
        with translated(sidecar):
            remove_if_there(sidecar)
    reached("sidecars-removed")


def set_aside(path: str) -> str:
    """Keep a damaged database: give it and its sidecars a second name; return that of the file.

    The file stays in place too until the new one takes its name, where the file system has hard links.
    """
    stamp = now().replace("-", "").replace(":", "").replace(".", "")
    kept = f"{path}.damaged-{stamp}"
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
