"""Rows that two images have at the same place of a page, byte for byte: they need not be decoded to be compared."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise

from snapstore.database.btree import LEAF_HEADER, SMALL, TABLE_LEAF, cell_pointers, kind_of_page, most_local
from snapstore.database.image import Image
from snapstore.spans import differing_span


def same_cells(before: Image, after: Image, pgno: int) -> set[int]:
    """Return the offsets at which a page of two images has the same row of a rowid table, byte for byte.

    A row that continues on overflow pages is not among them, nor are those beside one that is not the same: they tell
    whether the rowids are in order. Raises DamagedPage.
    """
    one, other = before.page(pgno), after.page(pgno)
    if before.usable != after.usable:
        return set()
    kinds = [kind_of_page(page, pgno) for page in (one, other)]
    if any(kind != TABLE_LEAF for kind, _ in kinds):
        return set()
    most, start = most_local(before, TABLE_LEAF), kinds[0][1]
    first, second = (cell_pointers(before, page, pgno, start, LEAF_HEADER) for page in (one, other))
    if first == second and first:
        return _same_in_place(one[: before.usable], other[: before.usable], first, most)
    common = set(first).intersection(second)
    ends = sorted({*first, *second, before.usable})
    same = {
        offset
        for offset, end in pairwise(ends)
        if offset in common and one[offset:end] == other[offset:end] and _payload_bytes(one, offset) <= most
    }
    if [offset for offset in first if offset in same] != [offset for offset in second if offset in same]:
        return set()
    beside = {
        near
        for offsets in (first, second)
        for place, offset in enumerate(offsets)
        if offset not in same
        for near in offsets[max(place - 1, 0) : place + 2]
    }
    return same - beside


def _same_in_place(one: bytes, other: bytes, offsets: tuple[int, ...], most: int) -> set[int]:
    """Return what `same_cells` does, or fewer, for two pages that have their cells at the same offsets.

    From the first byte that differs to the last, all cells count as not the same.
    """
    content = min(offsets)
    ends = sorted(offsets)
    unlike = {offset for offset in offsets if one[offset] >= SMALL and _payload_bytes(one, offset) > most}
    if one[content:] != other[content:]:
        start, end = differing_span(one[content:], other[content:])
        unlike.update(ends[bisect_right(ends, content + start) - 1 : bisect_left(ends, content + end)])
    places = [place for place, offset in enumerate(offsets) if offset in unlike]
    return set(offsets).difference(*(offsets[max(place - 1, 0) : place + 2] for place in places))


def _payload_bytes(page: bytes, offset: int) -> int:
    """Return the size of the payload of a row's cell; of one that needs three bytes for it, more than any page has."""
    if page[offset] < SMALL:
        return page[offset]
    return (page[offset] - SMALL) << 7 | page[offset + 1] if page[offset + 1] < SMALL else 1 << 16
