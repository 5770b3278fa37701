"""Blocks: the pages of a database image, in pieces of 64 KiB.

A block is 64 KiB of consecutive pages; every legal page size (512 to 65536, a power of two) divides it.
The last block is shorter where the image ends. Pages count from 1, blocks from 0.
"""

from __future__ import annotations

import mmap

BLOCK_BYTES = 65536
EXTENT_BLOCKS = 16  # read at once: 1 MiB stays in the processor's cache between being read and hashed
PENDING_BYTE = 1 << 30  # SQLite file format, 1.6: the lock-byte page is the one that holds this offset


def block_count(page_size: int, page_count: int) -> int:
    """Return how many blocks an image of `page_count` pages has."""
    return -(-page_size * page_count // BLOCK_BYTES)


def first_page(index: int, page_size: int) -> int:
    """Return the number of the first page of block `index`."""
    return index * (BLOCK_BYTES // page_size) + 1


def block_of(pgno: int, page_size: int) -> int:
    """Return the number of the block that a page is in."""
    return (pgno - 1) * page_size // BLOCK_BYTES


def lock_page(page_size: int) -> int:
    """Return the number of the lock-byte page, which SQLite never uses."""
    return PENDING_BYTE // page_size + 1


def page_aligned(size: int) -> memoryview:
    """Return a buffer that begins at a page of memory.

    A large bytearray begins 16 bytes after one. Every read of a cached file copies from the start of a page, and some
    processors copy to such an address at a fifth of the speed.
    """
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE))
