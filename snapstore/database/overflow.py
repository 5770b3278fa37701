"""Overflow pages that changed while the page with their row's cell did not.

SQLite frees a row's overflow pages when the row is updated and often takes the same ones again, so a row may
change without a byte of its cell. Where a changed overflow page is not accounted for by the cells that are
read anyway, the unchanged pages with rows are searched for the row it belongs to.

Two images of such a row share the cell and so the first overflow page; up to the first page that changed
they share the chain. That page is in both images, and following the chain in one of them is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from snapstore.database.btree import chains, free_pages, is_pointer_map
from snapstore.database.forest import Forest
from snapstore.database.forests import Forests
from snapstore.database.image import DamagedPage
from snapstore.database.tables import Schema, SchemaRow, Table

_LEAST_FIRST_BYTE = 2  # an overflow page begins with a page number, a page of a b-tree with its type
_UNTIL_PAGES = _LEAST_FIRST_BYTE << 24  # so that below this many pages the first byte tells them apart


class Behind:
    """Finds the unchanged pages whose rows have a changed overflow page. Raises DatabaseCorrupt.

    `read` are the pages with rows that will be read anyway. The forests hold the b-trees of all tables; where it
    matters those of the indexes are added.
    """

    def __init__(
        self, forests: Forests, schemas: tuple[Schema, Schema], read: Collection[int], changed: Collection[int]
    ) -> None:
        self._forests = forests
        self._schemas = schemas
        self._read = read
        self._changed = changed
        self._indexes = [
            {row.root: Table(row, (), (), alias=None, without_rowid=True) for row in schema.rows if _is_index(row)}
            for schema in schemas
        ]

    def leaves(self) -> dict[int, set[int]]:
        """Return the pages by the root of their table after."""
        suspects = {pgno for pgno in self._changed if self._is_suspect(pgno)}
        if not suspects:
            return {}
        self._forests.grow(*(indexes.values() for indexes in self._indexes))
        suspects = {pgno for pgno in suspects if self._is_unowned(pgno)}
        for forest, indexes in zip(self._forests.sides, self._indexes, strict=True):
            if suspects:
                suspects -= self._accounted(forest, indexes, suspects)
        return self._owners(suspects) if suspects else {}

    def _is_unowned(self, pgno: int) -> bool:
        return not any(
            pgno > forest.image.page_count or forest.owner(pgno) or is_pointer_map(forest.image, pgno)
            for forest in self._forests.sides
        )

    def _is_suspect(self, pgno: int) -> bool:
        """Tell whether a page is in both images and may be an overflow page, damaged in one of them perhaps."""
        return (
            pgno > 1
            and self._is_unowned(pgno)
            and any(self._may_be_overflow(forest, pgno) for forest in self._forests.sides)
        )

    def _may_be_overflow(self, forest: Forest, pgno: int) -> bool:
        return forest.image.page_count >= _UNTIL_PAGES or forest.image.page(pgno)[0] < _LEAST_FIRST_BYTE

    def _accounted(self, forest: Forest, indexes: Collection[int], suspects: set[int]) -> set[int]:
        """Return the suspects that are free, or in a chain of a page that is read anyway or of a changed index page."""
        image = forest.image
        try:
            found = suspects.intersection(free_pages(image))
        except DamagedPage as error:
            raise image.corrupt(error) from error
        of_indexes = (pgno for pgno in self._changed if forest.owner(pgno) in indexes)
        read = (pgno for pgno in self._read if forest.owner(pgno))
        for pgno in (*read, *of_indexes):
            found.update(_on_page(forest, pgno, suspects))
        return found

    def _owners(self, suspects: set[int]) -> dict[int, set[int]]:
        """Search outward from the suspects: overflow pages mostly lie near their row's page, and each has one row."""
        forest = self._forests.sides[1]
        found: dict[int, set[int]] = {}
        left = set(suspects)
        last = forest.image.page_count
        seen = set(self._read)
        for distance in range(1, last):
            for pgno in {near for suspect in left for near in (suspect - distance, suspect + distance)} - seen:
                if not 0 < pgno <= last or not (root := forest.owner(pgno)):
                    continue
                seen.add(pgno)
                if hits := set(_on_page(forest, pgno, left)):
                    found.setdefault(root, set()).add(pgno)
                    left -= hits
            if not left:
                break
        return {root: pages for root, pages in found.items() if root not in self._indexes[1]}


def _is_index(row: SchemaRow) -> bool:
    return row.type == "index" and row.root != 0


def _on_page(forest: Forest, pgno: int, suspects: set[int]) -> Iterator[int]:
    """Yield the suspects in the chains of the cells on a page of a b-tree."""
    try:
        for chain in chains(forest.image, pgno):
            yield from suspects.intersection(chain)
    except DamagedPage as error:
        raise forest.corrupt(error, forest.owner(pgno)) from error
