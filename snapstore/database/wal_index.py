"""The wal-index (`-shm`): where the committed end of the write-ahead log is, as every connection sees it.

    two equal headers of 48 bytes: version (4), unused (4), counter (4), is valid (1), byte order (1), page size (2),
    last committed frame (4), pages of the database (4), checksum of that frame (8), salt-1, salt-2 (8), checksum (8)

Integers are in the machine's byte order, the salts as in the log. Committed frames of a log with the same salts never
change; what lies past the last of them was never committed. Source: SQLite WAL-mode file format, 2.1.

SQLite locks this file. To close a descriptor of it drops the locks of the whole process, so a reader keeps its
descriptor open longer than any connection (file.py).
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

_HEADER = struct.Struct("=III B B H I I 8s 8s 8s")
_VERSION = 3007000
NO_SALTS = bytes(8)  # of a log that nobody has written to yet


class LogEnd(NamedTuple):
    """Where a log ends: its salts, which differ from those of the log before and after it, and its committed frames."""

    salts: bytes
    frames: int


def index_path(database: str) -> str:
    """Return the path of the wal-index of a database's real path."""
    return database + "-shm"


def log_end(fd: int) -> LogEnd | None:
    """Return where the log ends at this moment, None if that cannot be told."""
    data = os.pread(fd, 2 * _HEADER.size, 0)
    first, second = data[: _HEADER.size], data[_HEADER.size :]
    if first != second or len(first) != _HEADER.size:  # a connection is writing it
        return None
    version, _, _, is_valid, _, _, frames, _, _, salts, _ = _HEADER.unpack(first)
    return LogEnd(salts, frames) if version == _VERSION and is_valid else None
