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
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

from snapstore.regular import open_named

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
MAGICS = (0x377F0682, 0x377F0683)
_HEADER = struct.Struct(">III4x8s8x")
_FRAME = struct.Struct(">I4x8s8x")
_PAGE_SIZES = {512 << power for power in range(8)}
_READ_BYTES = 1 << 18


def wal_path(database: str) -> str:
    """Return the path of the write-ahead log of a database's real path."""
    return database + "-wal"


def sync_log(database: str) -> None:
    """Make the log durable after a commit that did not sync it. Raises OSError."""
    with suppress(FileNotFoundError):
        fd = open_named(wal_path(database), follow=False)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)  # SQLite locks the -shm file, never the log, so this drops no lock


def frames(fd: int, first: int, page_size: int) -> Iterator[tuple[int, bytes]]:
    """Yield page number and salts of each frame that has begun, from number `first` on, counted from 0."""
    frame = struct.Struct(f"{_FRAME.format}{page_size}x")
    at_once = max(1, _READ_BYTES // frame.size)  # reads their pages too: a read for each header would take longer
    while data := os.pread(fd, at_once * frame.size, HEADER_BYTES + first * frame.size):
        whole = len(data) // frame.size * frame.size
        yield from frame.iter_unpack(memoryview(data)[:whole])
        if len(data) - whole >= FRAME_HEADER_BYTES:
            yield _FRAME.unpack_from(data, whole)
        first += at_once


def has_frames(database: str, salts: bytes, count: int) -> bool:
    """Tell whether the log has `count` frames, at least one, and its header and the last of them have these salts."""
    try:
        fd = open_named(wal_path(database), follow=False)
    except OSError:
        return False
    try:
        header = os.pread(fd, HEADER_BYTES, 0)
        if len(header) < HEADER_BYTES:
            return False
        _magic, _version, page_size, of_header = _HEADER.unpack(header)
        if page_size not in _PAGE_SIZES:
            return False
        frame_bytes = FRAME_HEADER_BYTES + page_size
        last = os.pread(fd, frame_bytes, HEADER_BYTES + (count - 1) * frame_bytes)
        return len(last) == frame_bytes and {of_header, _FRAME.unpack_from(last)[1]} == {salts}
    finally:
        os.close(fd)  # SQLite locks the -shm file, never the log, so this drops no lock


def pages_named(database: str) -> set[int]:
    """Return the pages that any frame of the current log names, committed or not. Raises OSError.

    Under an open read transaction this covers every page whose content is in the log: the log cannot be reset while a
    reader uses it, and frames appended later only add to the set.
    """
    try:
        fd = open_named(wal_path(database), follow=False)
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
    if magic not in MAGICS or page_size not in _PAGE_SIZES:
        return set()
    same = takewhile(lambda frame: frame[1] == salts, frames(fd, 0, page_size))
    return {pgno for pgno, _ in same}
