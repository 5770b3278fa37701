"""Read a file in blocks with their ids."""

from __future__ import annotations

import os
from collections.abc import Iterator

from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS, page_aligned
from snapstore.ids import object_id

_EXTENT_BYTES = EXTENT_BLOCKS * BLOCK_BYTES


def hashed_blocks(fd: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the id and bytes of each block of a file, of `size` bytes or fewer if it ends before.

    The bytes hold until the next block is asked for: an extent is read to where the one before it was, and hashed while
    it is in the processor's cache, which is several times as fast as two threads are. Raises OSError.
    """
    buffer = page_aligned(_EXTENT_BYTES) if size >= _EXTENT_BYTES else memoryview(bytearray(size))
    for start in range(0, size, _EXTENT_BYTES):
        extent = buffer[: size - start]
        done = _read(fd, extent, start)
        for at in range(0, done, BLOCK_BYTES):
            block = extent[at : min(at + BLOCK_BYTES, done)]
            yield object_id(block), block
        if done < len(extent):
            return


def _read(fd: int, buffer: memoryview, start: int) -> int:
    """Fill a buffer from a place of a file; return how much could be read."""
    done = 0
    while done < len(buffer) and (more := os.preadv(fd, [buffer[done:]], start + done)):
        done += more
    return done
