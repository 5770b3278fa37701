"""Read a file in blocks with their ids, a large one on several threads."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS, page_aligned
from snapstore.ids import object_id
from snapstore.threads import ordered_map

_EXTENT_BYTES = EXTENT_BLOCKS * BLOCK_BYTES
_EXTENTS_AHEAD = 4
_MANY_EXTENTS = 4  # worth a thread


class _Extent(NamedTuple):
    """Consecutive bytes of an open file, and where they are read to."""

    fd: int
    start: int
    buffer: memoryview

    def hashed(self) -> tuple[_Extent, list[memoryview], list[bytes]]:
        """Return the blocks, fewer if the file ends, and their ids. Raises OSError."""
        size = 0
        while size < len(self.buffer) and (more := os.preadv(self.fd, [self.buffer[size:]], self.start + size)):
            size += more
        blocks = [self.buffer[at : min(at + BLOCK_BYTES, size)] for at in range(0, size, BLOCK_BYTES)]
        return self, blocks, list(map(object_id, blocks))


def hashed_blocks(fd: int, size: int) -> Generator[tuple[bytes, memoryview], None, None]:
    """Yield the id and bytes of each block of a file, of `size` bytes or fewer if it ends before.

    The bytes hold until the next block is asked for. Raises OSError.
    """
    free: list[memoryview] = []
    with closing(_hashed(_extents(fd, size, free), is_large=size > _MANY_EXTENTS * _EXTENT_BYTES)) as found:
        for extent, blocks, ids in found:
            yield from zip(ids, blocks, strict=True)
            if sum(map(len, blocks)) < len(extent.buffer):
                return
            free.append(extent.buffer)


def _extents(fd: int, size: int, free: list[memoryview]) -> Iterator[_Extent]:
    """Yield the extents of a file; each takes a free buffer if there is one: new memory costs more than a read."""
    for at in range(0, size, _EXTENT_BYTES):
        wanted = min(_EXTENT_BYTES, size - at)
        buffer = free.pop() if free else _buffer(wanted)
        yield _Extent(fd, at, buffer[:wanted])


def _buffer(size: int) -> memoryview:
    return page_aligned(size) if size == _EXTENT_BYTES else memoryview(bytearray(size))


def _hashed(
    extents: Iterator[_Extent], *, is_large: bool
) -> Generator[tuple[_Extent, list[memoryview], list[bytes]], None, None]:
    if is_large:
        yield from ordered_map(_Extent.hashed, extents, ahead=_EXTENTS_AHEAD)
    else:
        yield from map(_Extent.hashed, extents)
