"""B-trees: the pages of a table, and the cells on them.

    page    0  1  type: 2 index interior, 5 table interior, 10 index leaf, 13 table leaf
            3  2  cells            8  4  rightmost child (interior pages)
            8 or 12  cell pointers, 2 bytes each, in key order
    cell    child page (4, interior), payload bytes (varint, not in table interior), rowid (varint, table),
            payload as far as it is local, first overflow page (4, where it is not all local)

Page 1 has the database header before its b-tree header. An overflow page is the number of the next one, 0
in the last, and then payload. Source: SQLite file format, 1.6.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import chain as joined
from itertools import repeat

from snapstore.blocks import lock_page
from snapstore.database.header import HEADER_BYTES
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import signed, varint
from snapstore.records import Record

INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
_INTERIOR = (INDEX_INTERIOR, TABLE_INTERIOR)
_TYPES = (INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF)
_LEAF_HEADER, _INTERIOR_HEADER = 8, 12
_SMALL = 0x80  # a varint below it is a single byte
MAX_DEPTH = 20  # SQLite's BTCURSOR_MAX_DEPTH
_U32 = struct.Struct(">I").unpack_from
_U16 = struct.Struct(">H").unpack_from


class Cell:
    """A row's cell: its rowid (0 in an index b-tree), its payload, and the overflow pages it goes on in."""

    __slots__ = ("overflow", "payload", "rowid")

    def __init__(self, rowid: int, payload: bytes, overflow: tuple[int, ...]) -> None:
        self.rowid = rowid
        self.payload = payload
        self.overflow = overflow


class Tree(Record):
    """The pages of a b-tree, level by level from the root, each level in key order."""

    levels: list[array[int]]

    @property
    def leaves(self) -> array[int]:
        """The pages of the lowest level."""
        return self.levels[-1]

    @property
    def height(self) -> int:
        """How many levels are above the leaves."""
        return len(self.levels) - 1


def page_numbers() -> array[int]:
    """Return an empty array of page numbers, 4 bytes each."""
    return array("I")


def children(image: Image, pgno: int) -> array[int]:
    """Return the children of an interior page in key order, nothing for a leaf. Raises DamagedPage."""
    page = image.page(pgno)
    kind, start = _kind(page, pgno)
    if kind not in _INTERIOR:
        return page_numbers()
    found = page_numbers()
    found.extend(joined.from_iterable(map(_U32, repeat(page), _pointers(image, page, pgno, start, _INTERIOR_HEADER))))
    found.append(_U32(page, start + 8)[0])
    return found


def walk(root: int, read: Callable[[int], array[int]], expect: Callable[[array[int]], None] = lambda _: None) -> Tree:
    """Find all pages of a b-tree, reading none but the interior ones and one leaf.

    `read` returns the children of a page, as `children` does, and may raise where one of them was met before;
    `expect` is told the pages of a level before they are read.
    """
    levels = [array("I", [root])]
    for _ in range(MAX_DEPTH):
        level = levels[-1]
        below = page_numbers()
        below.extend(read(level[0]))
        if not below:
            return Tree(levels)
        expect(level[1:])
        for pgno in level[1:]:
            if not (found := read(pgno)):
                raise uneven(pgno)
            below.extend(found)
        levels.append(below)
    raise endless(root)


def uneven(pgno: int) -> DamagedPage:
    """Return the error of a page on a level where a b-tree has no pages of its kind."""
    return DamagedPage(pgno, "is a leaf where the others of its level are not")


def endless(root: int) -> DamagedPage:
    """Return the error of a b-tree whose pages go round in circles."""
    return DamagedPage(root, "is the root of a b-tree without an end")


def tree(image: Image, root: int) -> Tree:
    """Find all pages of one b-tree. Raises DamagedPage."""
    seen = {root}

    def read(pgno: int) -> array[int]:
        found = children(image, pgno)
        for child in found:
            if child in seen:
                raise DamagedPage(child, "is met twice")
            seen.add(child)
        return found

    return walk(root, read)


def find(image: Image, root: int, rowid: int) -> Cell | None:
    """Return the row of a rowid table with a rowid, None where there is none. Raises DamagedPage."""
    pgno = root
    for _ in range(MAX_DEPTH):
        page = image.page(pgno)
        kind, start = _kind(page, pgno)
        if kind != TABLE_INTERIOR:
            return next((cell for cell in table_cells(image, pgno) if cell.rowid == rowid), None)
        offsets = _pointers(image, page, pgno, start, _INTERIOR_HEADER)
        try:
            place = bisect_left(offsets, rowid, key=lambda offset: signed(varint(page, offset + 4)[0]))
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that goes past its end") from error
        pgno = _U32(page, offsets[place] if place < len(offsets) else start + 8)[0]
    raise endless(root)


def table_cells(image: Image, pgno: int) -> Iterator[Cell]:
    """Yield the rows on a leaf of a rowid table in key order. Raises DamagedPage."""
    page = image.page(pgno)
    kind, start = _kind(page, pgno)
    if kind != TABLE_LEAF:
        raise DamagedPage(pgno, f"has the type {kind}, where a leaf of a table has {TABLE_LEAF}")
    most = _most_local(image, kind)
    for offset in _pointers(image, page, pgno, start, _LEAF_HEADER):
        try:
            size, at = varint(page, offset)
            rowid, at = varint(page, at)
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that goes past its end") from error
        yield Cell(signed(rowid), *_payload(image, pgno, page[at : image.usable], size, most))


def index_cells(image: Image, pgno: int) -> Iterator[Cell]:
    """Yield the rows on any page of a WITHOUT ROWID table, or of an index, in key order. Raises DamagedPage."""
    page = image.page(pgno)
    kind, start = _kind(page, pgno)
    if kind not in (INDEX_INTERIOR, INDEX_LEAF):
        raise DamagedPage(pgno, f"has the type {kind}, where a page of an index has {INDEX_INTERIOR} or {INDEX_LEAF}")
    header, skip = (_INTERIOR_HEADER, 4) if kind == INDEX_INTERIOR else (_LEAF_HEADER, 0)
    most = _most_local(image, kind)
    for offset in _pointers(image, page, pgno, start, header):
        try:
            size, at = varint(page, offset + skip)
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that goes past its end") from error
        yield Cell(0, *_payload(image, pgno, page[at : image.usable], size, most))


def chains(image: Image, pgno: int) -> Iterator[list[int]]:
    """Yield the overflow pages of each cell on a page of any b-tree that has some, decoding nothing else."""
    page = image.page(pgno)
    kind, start = _kind(page, pgno)
    if kind == TABLE_INTERIOR:
        return
    header, skip = (_INTERIOR_HEADER, 4) if kind == INDEX_INTERIOR else (_LEAF_HEADER, 0)
    most = _most_local(image, kind)
    for offset in _pointers(image, page, pgno, start, header):
        if page[offset + skip] < _SMALL and page[offset + skip] <= most:
            continue
        try:
            size, at = varint(page, offset + skip)
            at = varint(page, at)[1] if kind == TABLE_LEAF else at
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that goes past its end") from error
        if size > most:
            yield list(_payload(image, pgno, page[at : image.usable], size, most)[1])


def free_pages(image: Image) -> Iterator[int]:
    """Yield the pages on the freelist. Source: SQLite file format, 1.5. Raises DamagedPage."""
    header = image.header
    trunk, left = (header.first_free, header.freelist_pages) if header else (0, 0)
    trunks: set[int] = set()
    while trunk and left > 0:
        if trunk in trunks:
            raise DamagedPage(trunk, "of the freelist is met twice")
        trunks.add(trunk)
        page = image.page(trunk)
        following, count = _U32(page, 0)[0], _U32(page, 4)[0]
        if count > image.usable // 4 - 2:
            raise DamagedPage(trunk, f"of the freelist says that it has {count} entries, which do not fit")
        yield trunk
        yield from struct.unpack_from(f">{count}I", page, 8)
        trunk, left = following, left - count - 1


def is_pointer_map(image: Image, pgno: int) -> bool:
    """Tell whether a page of an auto_vacuum database is one of its pointer map. Source: SQLite file format, 1.8."""
    if image.header is None or not image.header.largest_root:
        return False
    apart = image.usable // 5 + 1
    map_page = (pgno - 2) // apart * apart + 2
    return pgno == (map_page + 1 if map_page == lock_page(image.page_size) else map_page)


def _kind(page: bytes, pgno: int) -> tuple[int, int]:
    """Return the type of a b-tree page, and where its header begins."""
    start = HEADER_BYTES if pgno == 1 else 0
    if page[start] not in _TYPES:
        raise DamagedPage(pgno, f"has the type {page[start]}, which no page of a b-tree has")
    return page[start], start


def _most_local(image: Image, kind: int) -> int:
    """Return how many bytes of payload a cell may have without overflow pages."""
    return image.usable - 35 if kind == TABLE_LEAF else (image.usable - 12) * 64 // 255 - 23


def _pointers(image: Image, page: bytes, pgno: int, start: int, header: int) -> tuple[int, ...]:
    count: int = _U16(page, start + 3)[0]
    first = start + header
    if first + 2 * count > image.usable:
        raise DamagedPage(pgno, f"says that it has {count} cells, which do not fit")
    pointers = struct.unpack_from(f">{count}H", page, first)
    if count and (min(pointers) < first + 2 * count or max(pointers) > image.usable - 4):
        raise DamagedPage(pgno, "has a pointer to a cell outside of its cells")
    return pointers


def _payload(image: Image, pgno: int, here: bytes, size: int, most: int) -> tuple[bytes, tuple[int, ...]]:
    """Return a payload of `size` bytes, of which `here` has at most `most`, and its overflow pages."""
    if size <= most:
        if size > len(here):
            raise DamagedPage(pgno, "has a cell that goes past its end")
        return here[:size], ()
    if size > image.page_count * image.usable:
        raise DamagedPage(pgno, f"has a row of {size} bytes, more than the database")
    least = (image.usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (image.usable - 4)
    local = local if local <= most else least
    if local + 4 > len(here):
        raise DamagedPage(pgno, "has a cell that goes past its end")
    chain = _chain(image, pgno, _U32(here, local)[0], size - local)
    return here[:local] + b"".join(data for _, data in chain), tuple(number for number, _ in chain)


def _chain(image: Image, owner: int, first: int, size: int) -> list[tuple[int, bytes]]:
    """Return the overflow pages that hold `size` bytes, with what each holds."""
    found: list[tuple[int, bytes]] = []
    pgno, room = first, image.usable - 4
    while size > 0:
        if not pgno:
            raise DamagedPage(owner, "has a row whose overflow pages end too early")
        page = image.page(pgno)
        found.append((pgno, page[4 : 4 + min(room, size)]))
        pgno = _U32(page, 0)[0]
        size -= room
    return found
