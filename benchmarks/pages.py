"""Compare two database files page by page, and measure folders."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass

CHUNK_BYTES = 1 << 18  # a multiple of every page size
# These bytes of the header tell how and when a file was written, not what it holds (SQLite file format, 1.3): journal
# mode, change counter, schema cookie, version-valid-for and library version.
MASKED = ((18, 20), (24, 28), (40, 44), (92, 100))


@dataclass(frozen=True)
class Extent:
    """The size of a database by its header, and the `surplus` pages of its file that hold nothing."""

    page_size: int
    pages: int
    surplus: int


def extent(path: str) -> Extent:
    """Read a database's header."""
    with open(path, "rb") as file:
        header = file.read(32)
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    pages = int.from_bytes(header[28:32], "big")
    return Extent(size, pages, os.path.getsize(path) // size - pages)


def differing_pages(one: str, other: str) -> int:
    """Count the pages that differ or that only one database has, with the bytes of `MASKED` left out."""
    size = extent(one).page_size
    pages = (extent(one).pages, extent(other).pages)
    differing = abs(pages[0] - pages[1])
    with open(one, "rb") as first, open(other, "rb") as second:
        left = min(pages) * size
        position = 0
        while position < left:
            length = min(CHUNK_BYTES, left - position)
            a, b = first.read(length), second.read(length)
            if position == 0:
                a, b = _masked(a), _masked(b)
            if a != b:
                differing += sum(a[at : at + size] != b[at : at + size] for at in range(0, length, size))
            position += length
    return differing


def integrity(path: str) -> str:
    """Return what SQLite's integrity check reports: `ok`, or the first problem."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])


def folder_bytes(folder: str) -> int:
    """Return the total length of all files in a folder."""
    return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(folder) for name in names)


def _masked(page1: bytes) -> bytes:
    page = bytearray(page1)
    for start, end in MASKED:
        page[start:end] = bytes(end - start)
    return bytes(page)
