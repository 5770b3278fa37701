"""Extents of a database file: consecutive blocks that are read with one system call, as the image has them."""

from __future__ import annotations

from collections.abc import Collection
from threading import get_ident
from typing import NamedTuple

from snapstore import blocks
from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS, page_aligned
from snapstore.database import header
from snapstore.database.file import DatabaseFile
from snapstore.errors import DatabaseCorrupt


class Extent(NamedTuple):
    """Blocks to read together, and the pages among them that come from SQLite."""

    first: int
    blocks: int
    overlay: dict[int, bytes]


class ExtentReader:
    """Reads extents of an image, each thread into a buffer of its own."""

    def __init__(self, file: DatabaseFile, page_size: int, page_count: int) -> None:
        self._file = file
        self._page_size = page_size
        self._page_count = page_count
        self._buffers: dict[int, memoryview] = {}

    def read(self, extent: Extent, logged: Collection[int]) -> memoryview:
        """Fill this thread's buffer with an extent; the result is valid until the next call in this thread.

        Raises DatabaseCorrupt if the file ends before a page that is not among the `logged` ones.
        """
        start, page_size = extent.first * BLOCK_BYTES, self._page_size
        size = min(extent.blocks * BLOCK_BYTES, page_size * self._page_count - start)
        whole = self._buffer()[:size]
        filled = self._file.read_into(whole, start)
        if filled < size:
            whole[filled:] = bytes(size - filled)
            self._check_complete(start + filled, start + size, logged)
        first_page = blocks.first_page(extent.first, page_size)
        for pgno, page in extent.overlay.items():
            offset = (pgno - first_page) * page_size
            whole[offset : offset + page_size] = page
        lock_start = blocks.PENDING_BYTE - start
        if 0 <= lock_start < size:
            whole[lock_start : lock_start + page_size] = bytes(page_size)
        if extent.first == 0:
            header.normalise(whole, self._page_count)
        return whole

    def _buffer(self) -> memoryview:
        thread = get_ident()
        if thread not in self._buffers:
            self._buffers[thread] = page_aligned(EXTENT_BLOCKS * BLOCK_BYTES)
        return self._buffers[thread]

    def _check_complete(self, end_of_file: int, end: int, logged: Collection[int]) -> None:
        """Make sure that pages past the end of the file come from the write-ahead log."""
        for pgno in range(end_of_file // self._page_size + 1, end // self._page_size + 1):
            if pgno not in logged and pgno != blocks.lock_page(self._page_size):
                raise DatabaseCorrupt(self._file.path, f"page {pgno} of {self._page_count} is past the end of the file")


def split(data: memoryview) -> list[memoryview]:
    """Return the blocks of an extent."""
    return [data[start : start + BLOCK_BYTES] for start in range(0, len(data), BLOCK_BYTES)]
