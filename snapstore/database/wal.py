"""The write-ahead log: which pages its frames name.

    header  32 bytes: magic, version, page size, checkpoint number, salt-1, salt-2, checksum (8)
    frame   24 bytes: page number, page count after commit or 0, salt-1, salt-2, checksum (8);
            then one page

All integers are big-endian 32-bit. A frame belongs to the current log when its salts are the
header's. Source: SQLite file format, 4.1.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
MAGICS = (0x377F0682, 0x377F0683)
_HEADER = struct.Struct(">III4x8s8x")
_FRAME = struct.Struct(">I4x8s8x")


def wal_path(database: str) -> str:
    """Return the path of the write-ahead log of a database's real path."""
    return database + "-wal"


def sync_log(database: str) -> None:
    """Make what is in the log durable, for whoever committed without. Raises OSError."""
    with suppress(FileNotFoundError):
        fd = os.open(wal_path(database), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)  # SQLite locks the -shm file, never the log, so this drops no lock


def frame_of(header: bytes) -> tuple[int, bytes]:
    """Return the page number and the salts of a frame's header."""
    pgno, salts = _FRAME.unpack(header)
    return pgno, salts


def pages_named(database: str) -> set[int]:
    """Return the pages that any frame of the current log names, the committed and the others.

    Under an open read transaction this covers every page whose content is in the log: the log cannot
    be reset while a reader uses it, and frames appended later only add to the set.
    Raises OSError.
    """
    try:
        fd = os.open(wal_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return set()
    try:
        return _pages_named(fd)
    finally:
        os.close(fd)  # SQLite locks the -shm file, never the log, so this drops no lock


def _pages_named(fd: int) -> set[int]:
    header = os.pread(fd, HEADER_BYTES, 0)
    if len(header) < HEADER_BYTES:
        return set()
    magic, _version, page_size, salts = _HEADER.unpack(header)
    if magic not in MAGICS:
        return set()
    pages: set[int] = set()
    offset = HEADER_BYTES
    while len(frame := os.pread(fd, FRAME_HEADER_BYTES, offset)) == FRAME_HEADER_BYTES:
        pgno, frame_salts = frame_of(frame)
        if frame_salts != salts:
            break
        pages.add(pgno)
        offset += FRAME_HEADER_BYTES + page_size
    return pages
