"""Commits to live databases: whether there was any since a moment, and whether one is under way.

Nothing is locked for it. A log tells of a commit by where it ends, a file without a log by its change counter and the
time it was written; who writes is told by the lock that SQLite takes for the length of a write transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

from snapstore.database.file import DatabaseFile
from snapstore.errors import SnapError

_COUNTER = (4, 24)  # bytes, first byte of the change counter (SQLite file format, 1.3.7)
_TRIES = 3  # a connection may be writing the wal-index
_PAUSE_SECONDS = 0.002


def positions(paths: Iterable[str]) -> tuple[object, ...]:
    """Return what differs once anybody has committed to one of the databases, or a checkpoint has moved its log."""
    return tuple(map(_position, paths))


def wait_for_writers(paths: Iterable[str], limit: float) -> float:
    """Wait until no other process is in a write transaction, at most `limit` seconds; return the seconds it took."""
    start = time.monotonic()
    files = list(paths)
    while any(map(_has_writer, files)) and time.monotonic() - start < limit:
        time.sleep(_PAUSE_SECONDS)
    return time.monotonic() - start


def _position(path: str) -> object:
    with suppress(SnapError), DatabaseFile(path) as file:
        header = file.header()
        if header and header.is_wal:
            for _ in range(_TRIES):
                if end := file.log_end():
                    return end
        return file.state(), file.read(*_COUNTER)
    return None


def _has_writer(path: str) -> bool:
    with suppress(SnapError), DatabaseFile(path) as file:
        return file.has_writer()
    return False
