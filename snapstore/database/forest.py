"""A forest: the b-trees of one image, and which of their pages another image does not share.

A page that did not change and belongs to the same table on both sides holds the same rows on both, and is not
looked at. The forest of one image of a comparison is walked, or was kept from an earlier one (skeleton.py); that
of the other is derived from it and the pages that changed (derived.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from snapstore.database.image import DamagedPage, Image
from snapstore.database.tables import Table
from snapstore.errors import DatabaseCorrupt


class Forest(ABC):
    """B-trees, each called by its root page; `names` has those that were grown."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.names: dict[int, str] = {}

    def grow(self, table: Table) -> None:
        """Add the b-tree of a table or an index. Raises DatabaseCorrupt."""
        self.names[table.root] = table.name
        try:
            if not 0 < table.root <= self.image.page_count:
                raise taken(table.root, self.image)
            self._grow(table.root)
        except DamagedPage as error:
            raise self.corrupt(error, table.root) from error

    def corrupt(self, error: DamagedPage, root: int) -> DatabaseCorrupt:
        """Return the error that names a page and the tree it was met in."""
        return self.image.corrupt(error, self.names.get(root, ""))

    @abstractmethod
    def _grow(self, root: int) -> None:
        """Add a b-tree. Raises DamagedPage."""

    @abstractmethod
    def owner(self, pgno: int) -> int:
        """Return the root of the tree that a page belongs to, 0 for none of those that were grown."""

    @abstractmethod
    def children(self, pgno: int) -> Sequence[int]:
        """Return the children of a page of a tree in key order, nothing for a leaf."""

    def pages(self, table: Table) -> list[int]:
        """Return the pages with rows of a tree, leaves in key order."""
        above, leaves, left = [], [], [table.root]
        while left:
            pgno = left.pop()
            if below := self.children(pgno):
                above.append(pgno)
                left.extend(reversed(below))
            else:
                leaves.append(pgno)
        return above + leaves if table.without_rowid else leaves


def taken(pgno: int, image: Image) -> DamagedPage:
    """Return the error of a page that hangs on two pages, or that there is not."""
    if not 0 < pgno <= image.page_count:
        return DamagedPage(pgno, f"is not among the {image.page_count} pages there are")
    return DamagedPage(pgno, "belongs to two places")


def own_pages(
    side: Forest, table: Table, other: Forest, twin: Table, changed: Collection[int], passed: set[int]
) -> list[int]:
    """Return the pages with rows of a table that its `twin` in the `other` forest does not share, in key order.

    `passed` are the pages that changed, and those of either side that they hang on: only they are passed through
    where both sides share a page.
    """
    interior: list[int] = []
    leaves: list[int] = []
    left = [table.root]
    while left:
        pgno = left.pop()
        is_own = pgno in changed or other.owner(pgno) != twin.root
        below = side.children(pgno)
        if is_own:
            (interior if below else leaves).append(pgno)
            left.extend(reversed(below))
        elif pgno in passed:
            left += [child for child in reversed(below) if child in passed]
    return interior + leaves if table.without_rowid else leaves
