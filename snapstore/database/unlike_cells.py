"""Rows that two images do not have at the same place of a page, byte for byte: the others need not be decoded."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import pairwise

from snapstore.database.btree import LEAF_HEADER, SMALL, TABLE_LEAF, cell_pointers, kind_of_page, most_local
from snapstore.database.image import Image
from snapstore.spans import differing_span

_LONGEST_HEADER = 18  # bytes of a cell before its payload: the length of that, and the rowid
Offsets = Sequence[int]
"""Where cells begin on a page, in key order."""


def unlike_cells(before: Image, after: Image, pgno: int) -> tuple[Offsets, Offsets] | None:
    """Return the cells of a leaf of a rowid table that both images have and that have to be compared, on each side.

    Among them are rows that continue on overflow pages, and those beside a row that may have another rowid: they tell
    whether the rowids are in order. None if all cells have to be compared. Raises DamagedPage.
    """
    one, other = before.page(pgno), after.page(pgno)
    if before.usable != after.usable:
        return None
    kinds = [kind_of_page(page, pgno) for page in (one, other)]
    if any(kind != TABLE_LEAF for kind, _ in kinds):
        return None
    start, most = kinds[0][1], most_local(before, TABLE_LEAF)
    first = cell_pointers(before, one, pgno, start, LEAF_HEADER)
    if first and _has_pointers(other, start, first):
        found = _unlike_in_place(one[: before.usable], other[: before.usable], first, most)
        return found, found
    second = cell_pointers(after, other, pgno, start, LEAF_HEADER)
    common = set(first).intersection(second)
    ends = sorted({*first, *second, before.usable})
    same = {
        offset
        for offset, end in pairwise(ends)
        if offset in common and one[offset:end] == other[offset:end] and _payload_bytes(one, offset) <= most
    }
    if [offset for offset in first if offset in same] != [offset for offset in second if offset in same]:
        return None
    unlike = {*first, *second} - same
    beside = {*_with_beside(first, unlike), *_with_beside(second, unlike)}
    left, right = ([offset for offset in offsets if offset in beside] for offsets in (first, second))
    return left, right


def _has_pointers(page: bytes, start: int, offsets: Offsets) -> bool:
    """Tell whether a page, whose b-tree header begins at `start`, has its cells at some offsets."""
    wanted = struct.pack(f">{len(offsets)}H", *offsets)
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    return count == len(offsets) and page.startswith(wanted, start + LEAF_HEADER)


def _unlike_in_place(one: bytes, other: bytes, offsets: Offsets, most: int) -> Offsets:
    """Return the cells to compare on two pages that have them at the same offsets.

    From the first byte that differs to the last, all cells count as not the same.
    """
    content, ends = min(offsets), sorted(offsets)
    unlike = {offset for offset in offsets if one[offset] >= SMALL and _payload_bytes(one, offset) > most}
    if one[content:] == other[content:]:
        return [offset for offset in offsets if offset in unlike]
    start, end = (content + place for place in differing_span(one[content:], other[content:]))
    found = ends[bisect_right(ends, start) - 1 : bisect_left(ends, end)]
    unlike.update(found)
    if len(found) == 1 and found[0] + _LONGEST_HEADER <= start:  # the rowid is as it was, and so is the order
        return [offset for offset in offsets if offset in unlike]
    return _with_beside(offsets, unlike)


def _with_beside(offsets: Offsets, wanted: Collection[int]) -> Offsets:
    """Return the cells that are wanted, and those before and after them."""
    near = {place + step for place, offset in enumerate(offsets) if offset in wanted for step in (-1, 0, 1)}
    return [offset for place, offset in enumerate(offsets) if place in near]


def _payload_bytes(page: bytes, offset: int) -> int:
    """Return the size of the payload of a row's cell; of one that needs three bytes for it, more than any page has."""
    if page[offset] < SMALL:
        return page[offset]
    return (page[offset] - SMALL) << 7 | page[offset + 1] if page[offset + 1] < SMALL else 1 << 16
