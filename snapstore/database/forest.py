"""All table b-trees of two images, and which of their pages the two do not share.

Only interior pages are read. A page that did not change and belongs to the same table on both sides
holds the same rows on both, and is not looked at again.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Set

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

    def grow(self, number: int, table: Table, twin: Forest | None = None, changed: Collection[int] = ()) -> None:
        """Walk the b-tree of a table. Pages that are not `changed` are taken from a `twin`. Raises DatabaseCorrupt."""

        def known(pgno: int) -> array[int] | None:
            return twin._children.get(pgno) if twin is not None and pgno not in changed else None

        def read(pgno: int) -> array[int]:
            shared = known(pgno)
            found = self._children[pgno] = children(self.image, pgno) if shared is None else shared
            return found

        def expect(level: array[int]) -> None:
            self.image.expect([pgno for pgno in level if known(pgno) is None])

        self.names[number] = table.name
        try:
            self.trees[number] = walk(table.root, lambda pages: self._claim(number, pages), read, expect)
        except DamagedPage as error:
            raise self.image.corrupt(error, table.name) from error

    def own_pages(self, number: int, table: Table, other: Forest | None, changed: Collection[int]) -> list[int]:
        """Return the pages with rows that `other` does not share, in key order; all of them without another."""
        tree = self.trees.get(number)
        if tree is None:
            return []
        if other is None or not isinstance(changed, Set) or not tree.interior:
            pages = [*tree.interior, *tree.leaves] if table.without_rowid else list(tree.leaves)
            return [pgno for pgno in pages if other is None or self._is_own(pgno, number, other, changed)]
        pages = [pgno for pgno in tree.interior if self._is_own(pgno, number, other, changed)]
        own_parents = set(pages)
        pages = pages if table.without_rowid else []
        for parent in tree.parents:
            below = self._children[parent]
            if parent in own_parents:
                pages += (pgno for pgno in below if self._is_own(pgno, number, other, changed))
            elif not changed.isdisjoint(below):  # the other side has this page too, and so all below it
                pages += (pgno for pgno in below if pgno in changed)
        return pages

    def _claim(self, number: int, pages: array[int]) -> None:
        """Note whose some pages are."""
        owners, last = self.owners, self.image.page_count
        for pgno in pages:
            if not 0 < pgno <= last:
                raise DamagedPage(pgno, f"is not among the {last} pages there are")
            if owners[pgno]:
                raise DamagedPage(pgno, "belongs to two places")
            owners[pgno] = number

    def _is_own(self, pgno: int, number: int, other: Forest, changed: Collection[int]) -> bool:
        return pgno in changed or pgno >= len(other.owners) or other.owners[pgno] != number
