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
from collections.abc import Callable, Iterator, Sequence
from itertools import chain as joined
from itertools import repeat
from typing import NamedTuple

from snapstore.database.header import HEADER_BYTES
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import signed, varint

INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF = 2, 5, 10, 13
_INTERIOR = (INDEX_INTERIOR, TABLE_INTERIOR)
_TYPES = (INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF)
LEAF_HEADER, _INTERIOR_HEADER = 8, 12
_LONG_BYTES = 1 << 20  # of a payload; a longer one is put together in place
SMALL = 0x80  # a varint below it is a single byte
ANY_LENGTH = 1 << 62  # of a payload
MAX_DEPTH = 20  # SQLite's BTCURSOR_MAX_DEPTH
_U32 = struct.Struct(">I").unpack_from
_U16 = struct.Struct(">H").unpack_from


class LongPayload(NamedTuple):
    """A payload of `size` bytes left in its pages: `here` is what the cell has, `first` the first overflow page."""

    image: Image
    pgno: int
    here: bytes
    size: int
    first: int

    def parts(self) -> Iterator[bytes]:
        """Yield its bytes in order, one part a page. Raises DamagedPage."""
        yield self.here
        yield from (data for _, data in _chain(self.image, self.pgno, self.first, self.size - len(self.here)))


class Cell:
    """A row's cell: its rowid (0 in an index b-tree), its payload, and the overflow pages it continues in.

    Where `long` is set, the payload was not put together, and is empty here.
    """

    __slots__ = ("long", "overflow", "payload", "rowid")

    def __init__(
        self, rowid: int, payload: bytes | bytearray, overflow: tuple[int, ...], long: LongPayload | None = None
    ) -> None:
        self.rowid = rowid
        self.payload = payload
        self.overflow = overflow
        self.long = long


class Tree(NamedTuple):
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
    kind, start = kind_of_page(page, pgno)
    if kind not in _INTERIOR:
        return page_numbers()
    found = page_numbers()
    pointers = cell_pointers(image, page, pgno, start, _INTERIOR_HEADER)
    found.extend(joined.from_iterable(map(_U32, repeat(page), pointers)))
    found.append(_U32(page, start + 8)[0])
    return found


def walk(root: int, read: Callable[[int], array[int]], expect: Callable[[array[int]], None] = lambda _: None) -> Tree:
    """Find all pages of a b-tree by reading its interior pages and one leaf.

    `read` returns the children of a page, as `children` does; it may raise if one of them was visited before.
    `expect` is called with the pages of a level before they are read.
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
    """Return the error for a leaf on a level of interior pages."""
    return DamagedPage(pgno, "is a leaf where the others of its level are not")


def endless(root: int) -> DamagedPage:
    """Return the error for a b-tree whose pages form a cycle."""
    return DamagedPage(root, "is the root of a b-tree that never ends")


def tree(image: Image, root: int) -> Tree:
    """Find all pages of one b-tree. Raises DamagedPage."""
    seen = {root}

    def read(pgno: int) -> array[int]:
        found = children(image, pgno)
        for child in found:
            if child in seen:
                raise DamagedPage(child, "has two parents")
            seen.add(child)
        return found

    return walk(root, read)


def find(image: Image, root: int, rowid: int) -> Cell | None:
    """Return the row of a rowid table with a given rowid, None if there is none. Raises DamagedPage."""
    pgno = root
    for _ in range(MAX_DEPTH):
        page = image.page(pgno)
        kind, start = kind_of_page(page, pgno)
        if kind != TABLE_INTERIOR:
            return next((cell for cell in table_cells(image, pgno) if cell.rowid == rowid), None)
        offsets = cell_pointers(image, page, pgno, start, _INTERIOR_HEADER)
        try:
            place = bisect_left(offsets, rowid, key=lambda offset: signed(varint(page, offset + 4)[0]))
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that extends past its end") from error
        pgno = _U32(page, offsets[place] if place < len(offsets) else start + 8)[0]
    raise endless(root)


def table_cells(
    image: Image, pgno: int, longest: int = ANY_LENGTH, offsets: Sequence[int] | None = None
) -> Iterator[Cell]:
    """Yield the rows on a leaf of a rowid table in key order, or only those at given `offsets`. Raises DamagedPage.

    Payloads of more than `longest` bytes are left in their pages.
    """
    page = image.page(pgno)
    if offsets is None:
        kind, start = kind_of_page(page, pgno)
        if kind != TABLE_LEAF:
            raise DamagedPage(pgno, f"has type {kind}; a leaf of a table has type {TABLE_LEAF}")
        offsets = cell_pointers(image, page, pgno, start, LEAF_HEADER)
    most, usable = most_local(image, TABLE_LEAF), image.usable
    for offset in offsets:
        try:
            size, at = varint(page, offset)
            rowid, at = varint(page, at)
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that extends past its end") from error
        if size <= most and at + size <= usable and size <= longest:
            yield Cell(signed(rowid), page[at : at + size], ())
            continue
        here = page[at:usable]
        if size > longest:
            yield Cell(signed(rowid), b"", (), _long_payload(image, pgno, here, size, most))
        else:
            yield Cell(signed(rowid), *_payload(image, pgno, here, size, most))


def index_cells(image: Image, pgno: int, longest: int = ANY_LENGTH) -> Iterator[Cell]:
    """Yield the rows on any page of a WITHOUT ROWID table, or of an index, in key order. Raises DamagedPage.

    Payloads of more than `longest` bytes are left in their pages.
    """
    page = image.page(pgno)
    kind, start = kind_of_page(page, pgno)
    if kind not in (INDEX_INTERIOR, INDEX_LEAF):
        raise DamagedPage(pgno, f"has type {kind}; a page of an index has type {INDEX_INTERIOR} or {INDEX_LEAF}")
    header, skip = (_INTERIOR_HEADER, 4) if kind == INDEX_INTERIOR else (LEAF_HEADER, 0)
    most = most_local(image, kind)
    for offset in cell_pointers(image, page, pgno, start, header):
        try:
            size, at = varint(page, offset + skip)
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that extends past its end") from error
        here = page[at : image.usable]
        if size > longest:
            yield Cell(0, b"", (), _long_payload(image, pgno, here, size, most))
        else:
            yield Cell(0, *_payload(image, pgno, here, size, most))


def cell_count(image: Image, pgno: int) -> int:
    """Return how many cells are on a page of a b-tree. Raises DamagedPage."""
    page = image.page(pgno)
    return int(_U16(page, kind_of_page(page, pgno)[1] + 3)[0])


def chains(image: Image, pgno: int) -> Iterator[list[int]]:
    """Yield the overflow pages of each cell that has some, on a page of any b-tree. Decode nothing else."""
    page = image.page(pgno)
    kind, start = kind_of_page(page, pgno)
    if kind == TABLE_INTERIOR:
        return
    header, skip = (_INTERIOR_HEADER, 4) if kind == INDEX_INTERIOR else (LEAF_HEADER, 0)
    most = most_local(image, kind)
    for offset in cell_pointers(image, page, pgno, start, header):
        if page[offset + skip] < SMALL and page[offset + skip] <= most:
            continue
        try:
            size, at = varint(page, offset + skip)
            at = varint(page, at)[1] if kind == TABLE_LEAF else at
        except IndexError as error:
            raise DamagedPage(pgno, "has a cell that extends past its end") from error
        if size > most:
            long = _long_payload(image, pgno, page[at : image.usable], size, most)
            yield [number for number, _ in _chain(image, pgno, long.first, size - len(long.here))]


def kind_of_page(page: bytes, pgno: int) -> tuple[int, int]:
    """Return the type of a b-tree page, and where its header begins."""
    start = HEADER_BYTES if pgno == 1 else 0
    if page[start] not in _TYPES:
        raise DamagedPage(pgno, f"has type {page[start]}, which is not a type of b-tree page")
    return page[start], start


def most_local(image: Image, kind: int) -> int:
    """Return how many bytes of payload a cell may have without overflow pages."""
    return image.usable - 35 if kind == TABLE_LEAF else (image.usable - 12) * 64 // 255 - 23


def local_bytes(image: Image, size: int, most: int) -> int:
    """Return how much of a payload that does not fit is on the page itself."""
    least = (image.usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (image.usable - 4)
    return local if local <= most else least


def cell_pointers(image: Image, page: bytes, pgno: int, start: int, header: int) -> tuple[int, ...]:
    """Return where the cells of a page begin, in key order."""
    count: int = _U16(page, start + 3)[0]
    first = start + header
    if first + 2 * count > image.usable:
        raise DamagedPage(pgno, f"claims {count} cells, which do not fit")
    pointers = struct.unpack_from(f">{count}H", page, first)
    if count and (min(pointers) < first + 2 * count or max(pointers) > image.usable - 4):
        raise DamagedPage(pgno, "has a cell pointer outside its cell area")
    return pointers


def _payload(image: Image, pgno: int, here: bytes, size: int, most: int) -> tuple[bytes | bytearray, tuple[int, ...]]:
    """Return a payload of `size` bytes, of which at most `most` are local (`here`), and its overflow pages."""
    if size <= most:
        if size > len(here):
            raise DamagedPage(pgno, "has a cell that extends past its end")
        return here[:size], ()
    long = _long_payload(image, pgno, here, size, most)
    chain = _chain(image, pgno, long.first, size - len(long.here))
    if size > _LONG_BYTES:
        return _assembled(long.here, size, chain)
    parts = list(chain)
    return long.here + b"".join(data for _, data in parts), tuple(number for number, _ in parts)


def _long_payload(image: Image, pgno: int, here: bytes, size: int, most: int) -> LongPayload:
    """Return a payload that has overflow pages."""
    if size > image.page_count * image.usable:
        raise DamagedPage(pgno, f"has a row of {size} bytes, which is more than the database has")
    local = local_bytes(image, size, most)
    if local + 4 > len(here):
        raise DamagedPage(pgno, "has a cell that extends past its end")
    return LongPayload(image, pgno, here[:local], size, _U32(here, local)[0])


def _assembled(here: bytes, size: int, chain: Iterator[tuple[int, bytes]]) -> tuple[bytearray, tuple[int, ...]]:
    """Return a long payload, which is in memory once, and its overflow pages."""
    payload, numbers, at = bytearray(size), page_numbers(), len(here)
    payload[:at] = here
    for number, data in chain:
        payload[at : at + len(data)] = data
        at += len(data)
        numbers.append(number)
    return payload, tuple(numbers)


def _chain(image: Image, owner: int, first: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the overflow pages that hold `size` bytes, each with its part."""
    pgno, room = first, image.usable - 4
    while size > 0:
        if not pgno:
            raise DamagedPage(owner, "has a row whose overflow chain ends too early")
        page = image.page(pgno)
        yield pgno, page[4 : 4 + min(room, size)]
        pgno = _U32(page, 0)[0]
        size -= room
