"""Read a file in blocks with their ids, a large one on several threads."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS
from snapstore.ids import object_id
from snapstore.threads import ordered_map

_EXTENT_BYTES = EXTENT_BLOCKS * BLOCK_BYTES
_EXTENTS_AHEAD = 4
_MANY_EXTENTS = 4  # worth a thread


class _Extent(NamedTuple):
    """Consecutive bytes of an open file."""

    fd: int
    start: int
    size: int

    def hashed(self) -> tuple[bytes, list[bytes]]:
        """Return the bytes, fewer if the file ends, and the ids of their blocks. Raises OSError."""
        data = self._read()
        view = memoryview(data)
        return data, [object_id(view[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES)]

    def _read(self) -> bytes:
        data = os.pread(self.fd, self.size, self.start)
        while 0 < len(data) < self.size and (more := self._rest(len(data))):
            data += more
        return data

    def _rest(self, done: int) -> bytes:
        return os.pread(self.fd, self.size - done, self.start + done)


def hashed_blocks(fd: int, size: int) -> Generator[tuple[bytes, memoryview], None, None]:
    """Yield the id and bytes of each block of a file, of `size` bytes or fewer if it ends before. Raises OSError."""
    extents = (_Extent(fd, at, min(_EXTENT_BYTES, size - at)) for at in range(0, size, _EXTENT_BYTES))
    with closing(_hashed(extents, is_large=size > _MANY_EXTENTS * _EXTENT_BYTES)) as found:
        for data, ids in found:
            view = memoryview(data)
            for number, id_ in enumerate(ids):
                yield id_, view[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]
            if len(data) % BLOCK_BYTES or not data:
                return


def _hashed(extents: Iterator[_Extent], *, is_large: bool) -> Generator[tuple[bytes, list[bytes]], None, None]:
    if is_large:
        yield from ordered_map(_Extent.hashed, extents, ahead=_EXTENTS_AHEAD)
    else:
        yield from map(_Extent.hashed, extents)
