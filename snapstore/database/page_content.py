"""The content of one b-tree page: which pages it refers to, its rowids, and whether its bytes are laid out soundly.

The checks are those that SQLite makes of a page: cells, free blocks and fragments share the area from the start of the
cells to the end of the page, no byte has two uses, and the header counts what none uses. Sources: SQLite file format,
1.6; btreeInitPage, btreeComputeFreeSpace and checkTreePage in btree.c. btree.py reads rows.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from snapstore.database.btree import (
    INDEX_LEAF,
    TABLE_INTERIOR,
    TABLE_LEAF,
    cell_pointers,
    kind_of_page,
    local_bytes,
    most_local,
)
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import signed, varint

_LEAF_HEADER, _INTERIOR_HEADER = 8, 12
_FREE_BLOCK, _CELL_AREA, _FRAGMENTS = 1, 5, 7  # offsets in the header of a b-tree page
_SMALLEST = 4  # bytes of a cell, or of a free block
_SMALL = 0x80  # a varint below it is a single byte
_WHOLE = 65536  # written as 0
_U32 = struct.Struct(">I").unpack_from
_U16 = struct.Struct(">H").unpack_from

Span = tuple[int, int]
"""Bytes of a page, from one offset up to another."""


class Chain(NamedTuple):
    """The overflow pages of a cell: the first one, and how many there are."""

    first: int
    length: int


class PageContent(NamedTuple):
    """What is on a page.

    `children` are in key order, the rightmost last; a leaf has none. `rowids` are those of the cells of a table's page.
    """

    is_index: bool
    children: list[int]
    rowids: list[int]
    chains: list[Chain]
    cells: list[Span]

    @property
    def is_leaf(self) -> bool:
        """Whether it has no children."""
        return not self.children


def read_content(image: Image, pgno: int) -> PageContent:
    """Read the cells of a page, without their values. Raises DamagedPage."""
    page = image.page(pgno)
    kind, start = kind_of_page(page, pgno)
    is_leaf = kind in (INDEX_LEAF, TABLE_LEAF)
    content = PageContent(kind not in (TABLE_INTERIOR, TABLE_LEAF), [], [], [], [])
    pointers = cell_pointers(image, page, pgno, start, _LEAF_HEADER if is_leaf else _INTERIOR_HEADER)
    try:
        for offset in pointers:
            end = _read_cell(image, page, (pgno, kind, offset), content)
            if end > image.usable:
                raise DamagedPage(pgno, "has a cell that extends past its end")
            content.cells.append((offset, max(end, offset + _SMALLEST)))
    except (IndexError, struct.error) as error:
        raise DamagedPage(pgno, "has a cell that extends past its end") from error
    if not is_leaf:
        content.children.append(_U32(page, start + 8)[0])
    return content


def _read_cell(image: Image, page: bytes, cell: tuple[int, int, int], content: PageContent) -> int:
    """Add a cell to the content, and return where it ends."""
    pgno, kind, at = cell
    if kind not in (INDEX_LEAF, TABLE_LEAF):
        content.children.append(_U32(page, at)[0])
        at += 4
    if kind == TABLE_INTERIOR:
        rowid, at = varint(page, at)
        content.rowids.append(signed(rowid))
        return at
    size, at = (page[at], at + 1) if page[at] < _SMALL else varint(page, at)
    if kind == TABLE_LEAF:
        rowid, at = varint(page, at)
        content.rowids.append(signed(rowid))
    most = most_local(image, kind)
    if size <= most:
        return at + size
    if size > image.page_count * image.usable:
        raise DamagedPage(pgno, f"has a row of {size} bytes, which is more than the database has")
    local = local_bytes(image, size, most)
    content.chains.append(Chain(_U32(page, at + local)[0], -(-(size - local) // (image.usable - 4))))
    return at + local + 4


def check_layout(image: Image, pgno: int, content: PageContent) -> None:
    """Check that no byte of a page has two uses, and that its header tells what none uses. Raises DamagedPage."""
    page = image.page(pgno)
    _, start = kind_of_page(page, pgno)
    pointers_end = start + (_LEAF_HEADER if content.is_leaf else _INTERIOR_HEADER) + 2 * len(content.cells)
    area = _U16(page, start + _CELL_AREA)[0] or _WHOLE
    if not pointers_end <= area <= image.usable:
        raise DamagedPage(pgno, f"says that its cells begin at byte {area}")
    last, unused = area, 0
    for begin, end in sorted(content.cells + _free_blocks(image, page, pgno, pointers_end)):
        if begin < last:
            raise DamagedPage(pgno, f"uses byte {begin} twice" if begin >= area else "has a cell before its cells")
        unused += begin - last
        last = end
    unused += image.usable - last
    if unused != page[start + _FRAGMENTS]:
        raise DamagedPage(pgno, f"has {unused} bytes in fragments and says {page[start + _FRAGMENTS]}")


def _free_blocks(image: Image, page: bytes, pgno: int, least: int) -> list[Span]:
    """Return the free blocks of a page, which are in order and do not touch."""
    _, start = kind_of_page(page, pgno)
    found: list[Span] = []
    at = _U16(page, start + _FREE_BLOCK)[0]
    while at:
        if at < least or at > image.usable - _SMALLEST:
            raise DamagedPage(pgno, f"has a free block at byte {at}")
        following, size = _U16(page, at)[0], _U16(page, at + 2)[0]
        if size < _SMALLEST or at + size > image.usable or 0 < following < at + size + _SMALLEST:
            raise DamagedPage(pgno, f"has a free block at byte {at} that is {size} bytes long")
        found.append((at, at + size))
        at = following
    return found
