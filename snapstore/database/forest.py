"""All table b-trees of two images, and which of their pages the two do not share.

Only interior pages are read. A page that did not change and belongs to the same table on both sides
holds the same rows on both, and is not looked at again.
"""

from __future__ import annotations

from array import array
from collections.abc import Container

from snapstore.database.btree import Tree, children, walk
from snapstore.database.image import DamagedPage, Image
from snapstore.database.tables import Table


class Forest:
    """The b-trees of the tables of one image. `owners` says for each page, from 0, the number of its table, from 1."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.owners = array("I", bytes(4 * (image.page_count + 1)))
        self.trees: dict[int, Tree] = {}
        self.names: dict[int, str] = {}
        self._children: dict[int, array[int]] = {}

    def grow(self, number: int, table: Table, twin: Forest | None = None, changed: Container[int] = ()) -> None:
        """Walk the b-tree of a table. Pages that are not `changed` are taken from a `twin`. Raises DatabaseCorrupt."""

        def claim(pgno: int) -> None:
            if not 0 < pgno <= self.image.page_count:
                raise DamagedPage(pgno, f"is not among the {self.image.page_count} pages there are")
            if self.owners[pgno]:
                raise DamagedPage(pgno, "belongs to two places")
            self.owners[pgno] = number

        def read(pgno: int) -> array[int]:
            known = twin._children.get(pgno) if twin is not None and pgno not in changed else None
            found = known if known is not None else children(self.image, pgno)
            self._children[pgno] = found
            return found

        self.names[number] = table.name
        try:
            self.trees[number] = walk(table.root, claim, read)
        except DamagedPage as error:
            raise self.image.corrupt(error, table.name) from error

    def own_pages(self, number: int, table: Table, other: Forest | None, changed: Container[int]) -> list[int]:
        """Return the pages with rows that `other` does not share, in key order; all of them without another."""
        tree = self.trees.get(number)
        if tree is None:
            return []
        pages = [*tree.interior, *tree.leaves] if table.without_rowid else tree.leaves
        if other is None:
            return list(pages)
        owners, count = other.owners, len(other.owners)
        return [pgno for pgno in pages if pgno in changed or pgno >= count or owners[pgno] != number]
