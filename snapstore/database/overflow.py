"""Rows whose overflow pages changed while the page with their cell did not.

SQLite frees a row's overflow pages when the row is updated, and often takes the same pages again, so a row may
change without a byte of its cell. Where the cells that are read anyway do not account for a changed overflow page,
the unchanged row pages are searched for the row it belongs to.

Both images of such a row share the cell, and so the first overflow page; up to the first page that changed they
share the chain. That page is in both images, and following the chain in one of them is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress

from snapstore.database.btree import chains
from snapstore.database.freelist import freelist
from snapstore.database.image import DamagedPage
from snapstore.database.pointer_map import is_pointer_map
from snapstore.database.tables import Schema, index_trees
from snapstore.database.tree_map import TreeMap
from snapstore.database.tree_maps import TreeMaps

_LEAST_FIRST_BYTE = 2  # an overflow page begins with a page number, a page of a b-tree with its type
_UNTIL_PAGES = _LEAST_FIRST_BYTE << 24  # below this many pages the first byte tells the two apart


class OverflowSearch:
    """Finds the unchanged row pages that have a row with a changed overflow page. Raises DatabaseCorrupt.

    `read` are the row pages that will be read anyway. The maps have the b-trees of all tables; those of the indexes
    are added where they matter.
    """

    def __init__(
        self, maps: TreeMaps, schemas: tuple[Schema, Schema], read: Collection[int], changed: Collection[int]
    ) -> None:
        self._maps = maps
        self._read = read
        self._changed = changed
        self._schemas = schemas
        self._indexes = [{tree.root for tree in index_trees(schema)} for schema in schemas]

    def pages_by_root(self) -> dict[int, set[int]]:
        """Return the pages, by the root of their table, or index, after."""
        suspects = {pgno for pgno in self._changed if self._is_suspect(pgno)}
        if not suspects:
            return {}
        self._maps.add_indexes(*self._schemas)
        suspects = {pgno for pgno in suspects if self._is_in_no_tree(pgno)}
        for side, indexes in zip(self._maps.sides, self._indexes, strict=True):
            if suspects:
                suspects -= self._accounted_for(side, indexes, suspects)
        return self._search(suspects) if suspects else {}

    def _is_in_no_tree(self, pgno: int) -> bool:
        return not any(
            pgno > side.image.page_count or side.root_of(pgno) or is_pointer_map(side.image, pgno)
            for side in self._maps.sides
        )

    def _is_suspect(self, pgno: int) -> bool:
        """Tell whether a page is in both images and may be an overflow page; it may be damaged in one of them."""
        return pgno > 1 and self._is_in_no_tree(pgno) and any(_may_be_overflow(side, pgno) for side in self._maps.sides)

    def _accounted_for(self, side: TreeMap, indexes: Collection[int], suspects: set[int]) -> set[int]:
        """Return the suspects that are free, or in a chain of a changed index page or of a page that is read anyway."""
        found: set[int] = set()
        with suppress(DamagedPage):  # soundness.py reports that
            found.update(suspects.intersection(list(freelist(side.image))))
        of_indexes = (pgno for pgno in self._changed if side.root_of(pgno) in indexes)
        read = (pgno for pgno in self._read if side.root_of(pgno))
        for pgno in (*read, *of_indexes):
            found.update(_chained_to(side, pgno, suspects))
        return found

    def _search(self, suspects: set[int]) -> dict[int, set[int]]:
        """Search outward from the suspects: overflow pages mostly lie near their row's page, and each has one row."""
        side = self._maps.sides[1]
        found: dict[int, set[int]] = {}
        left = set(suspects)
        last = side.image.page_count
        seen = set(self._read)
        for distance in range(1, last):
            for pgno in {near for suspect in left for near in (suspect - distance, suspect + distance)} - seen:
                if not 0 < pgno <= last or not (root := side.root_of(pgno)):
                    continue
                seen.add(pgno)
                if hits := set(_chained_to(side, pgno, left)):
                    found.setdefault(root, set()).add(pgno)
                    left -= hits
            if not left:
                break
        return found


def _may_be_overflow(side: TreeMap, pgno: int) -> bool:
    return side.image.page_count >= _UNTIL_PAGES or side.image.page(pgno)[0] < _LEAST_FIRST_BYTE


def _chained_to(side: TreeMap, pgno: int, suspects: set[int]) -> Iterator[int]:
    """Yield the suspects in the overflow chains of the cells on a page of a b-tree."""
    try:
        for chain in chains(side.image, pgno):
            yield from suspects.intersection(chain)
    except DamagedPage as error:
        raise side.corrupt(error, side.root_of(pgno)) from error
