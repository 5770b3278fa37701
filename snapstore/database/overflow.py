"""Overflow pages that changed while the page with their row's cell did not.

SQLite frees a row's overflow pages when the row is updated and often takes the same ones again, so a row may
change without a byte of its cell. Where a changed overflow page is not accounted for by the cells that are
read anyway, the unchanged pages with rows are searched for the row it belongs to.

Two images of such a row share the cell and so the first overflow page; up to the first page that changed
they share the chain. That page is in both images, and following the chain in one of them is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from snapstore.database.btree import INDEX_INTERIOR, INDEX_LEAF, chains, free_pages, is_pointer_map
from snapstore.database.forest import Forest
from snapstore.database.image import DamagedPage, Image

_LEAST_FIRST_BYTE = 2  # an overflow page begins with a page number, a page of a b-tree with its type
_UNTIL_PAGES = _LEAST_FIRST_BYTE << 24  # so that below this many pages the first byte tells them apart


def leaves_behind(
    before: Forest, after: Forest, read: Collection[int], changed: Collection[int]
) -> dict[int, set[int]]:
    """Return by table number the unchanged pages whose rows have a changed overflow page.

    `read` are the pages with rows that will be read anyway. Raises DatabaseCorrupt.
    """
    suspects = {pgno for pgno in changed if _may_be_overflow(before, pgno) and _may_be_overflow(after, pgno)}
    for forest in (before, after):
        if suspects:
            suspects -= _accounted(forest, suspects, read, changed)
    return _owners(after, suspects, read) if suspects else {}


def _may_be_overflow(forest: Forest, pgno: int) -> bool:
    image = forest.image
    if pgno > image.page_count or pgno == 1 or forest.owners[pgno] or is_pointer_map(image, pgno):
        return False
    return image.page_count >= _UNTIL_PAGES or image.page(pgno)[0] < _LEAST_FIRST_BYTE


def _accounted(forest: Forest, suspects: set[int], read: Collection[int], changed: Collection[int]) -> set[int]:
    """Return the suspects that are free, or in a cell that is read anyway or belongs to a changed index page."""
    image = forest.image
    try:
        free = {pgno for pgno in free_pages(image) if pgno in changed}
        found = free & suspects
    except DamagedPage as error:
        raise image.corrupt(error) from error
    own = (pgno for pgno in read if pgno <= image.page_count and forest.owners[pgno])
    for pgno in (*own, *_index_pages(forest, changed, free)):
        found.update(_chained(image, pgno, suspects))
    return found


def _index_pages(forest: Forest, changed: Iterable[int], free: set[int]) -> Iterator[int]:
    """Yield the changed pages of indexes; a free page has stale cells, and past a number of pages nothing is sure."""
    image = forest.image
    for pgno in changed if image.page_count < _UNTIL_PAGES else ():
        if pgno == 1 or pgno > image.page_count or forest.owners[pgno]:
            continue
        if pgno in free or is_pointer_map(image, pgno):
            continue
        if image.page(pgno)[0] in (INDEX_INTERIOR, INDEX_LEAF):
            yield pgno


def _chained(image: Image, pgno: int, suspects: set[int]) -> Iterator[int]:
    """Yield the suspects in the chains of a page; a page that only looks like one of a b-tree has none."""
    try:
        for chain in chains(image, pgno):
            yield from suspects.intersection(chain)
    except DamagedPage:
        return  # free, or overwritten by something else; a page with rows is read again, and judged, later


def _owners(forest: Forest, suspects: set[int], read: Collection[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    already = set(read)
    for number, tree in forest.trees.items():
        for pgno in (*tree.interior, *tree.leaves):
            if pgno not in already and _has_suspect(forest, number, pgno, suspects):
                found.setdefault(number, set()).add(pgno)
    return found


def _has_suspect(forest: Forest, number: int, pgno: int, suspects: set[int]) -> bool:
    try:
        return any(not suspects.isdisjoint(chain) for chain in chains(forest.image, pgno))
    except DamagedPage as error:
        raise forest.image.corrupt(error, forest.names[number]) from error
