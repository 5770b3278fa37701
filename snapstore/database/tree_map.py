"""A tree map: which page of an image belongs to which b-tree, and which pages a second image does not share.

A page that did not change and belongs to the same table in both images holds the same rows in both, so a comparison
need not read it. The map of one image is found by walking its b-trees (walked_tree_map.py) or comes from memory
(tree_map_cache.py). The map of the other image is derived from it and the pages that changed (derived_tree_map.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from snapstore.database.image import DamagedPage, Image
from snapstore.database.tables import Table
from snapstore.errors import DatabaseCorrupt


class TreeMap(ABC):
    """The b-trees of an image, each identified by its root page; `names` has the trees that were added."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.names: dict[int, str] = {}

    def add(self, table: Table) -> None:
        """Add the b-tree of a table or an index. Raises DatabaseCorrupt."""
        self.names[table.root] = table.name
        try:
            if not 0 < table.root <= self.image.page_count:
                raise misplaced(table.root, self.image)
            self._add_tree(table.root)
        except DamagedPage as error:
            raise self.corrupt(error, table.root) from error

    def corrupt(self, error: DamagedPage, root: int) -> DatabaseCorrupt:
        """Return the error that names a page and its tree."""
        return self.image.corrupt(error, self.names.get(root, ""))

    @abstractmethod
    def _add_tree(self, root: int) -> None:
        """Add a b-tree. Raises DamagedPage."""

    @abstractmethod
    def root_of(self, pgno: int) -> int:
        """Return the root of the tree that a page belongs to, 0 for a page of no tree that was added."""

    @abstractmethod
    def children(self, pgno: int) -> Sequence[int]:
        """Return the children of a page of a tree in key order, nothing for a leaf."""

    def row_pages(self, table: Table) -> list[int]:
        """Return the pages of a tree that hold rows, leaves in key order."""
        interior, leaves, todo = [], [], [table.root]
        while todo:
            pgno = todo.pop()
            if below := self.children(pgno):
                interior.append(pgno)
                todo.extend(reversed(below))
            else:
                leaves.append(pgno)
        return interior + leaves if table.without_rowid else leaves


def misplaced(pgno: int, image: Image) -> DamagedPage:
    """Return the error for a page that does not exist, or that two pages point to."""
    if not 0 < pgno <= image.page_count:
        return DamagedPage(pgno, f"is not among the {image.page_count} pages of the database")
    return DamagedPage(pgno, "belongs to two places")


def unshared_pages(
    side: TreeMap, table: Table, other: TreeMap, twin: Table, changed: Collection[int], path: Mapping[int, list[int]]
) -> list[int]:
    """Return the row pages of a table that its `twin` in the `other` map does not share, in key order.

    `path` has the pages that changed and their ancestors, by their parents and in key order. Below a shared page only
    these are visited.
    """
    interior: list[int] = []
    leaves: list[int] = []
    todo = [table.root]
    while todo:
        pgno = todo.pop()
        if pgno in changed or other.root_of(pgno) != twin.root:
            below = side.children(pgno)
            (interior if below else leaves).append(pgno)
            todo.extend(reversed(below))
        elif pgno in path:
            todo.extend(reversed(path[pgno]))
    return interior + leaves if table.without_rowid else leaves
