"""Rowid order: whether the rowids of a table are in order across its pages, found from those that changed.

Every page of a b-tree has bounds, which its ancestors' cells give it. The pages that changed and their ancestors are
read. Of a subtree that did not change, the outermost rowids are read if its bounds did.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from snapstore.database.image import DamagedPage
from snapstore.database.page_content import PageContent, read_content
from snapstore.database.tree_map import TreeMap
from snapstore.database.walked_tree_map import WalkedTreeMap

Bounds = tuple[float, float]
"""Rowids of a page are above the first and at most the second; infinite where only an ancestor's cells bound them."""


class RowidOrder:
    """Checks tables of one image against those of a sound one; `path` has the pages to read, and their ancestors."""

    def __init__(self, sound: WalkedTreeMap, side: TreeMap, path: Collection[int]) -> None:
        self._sound = sound
        self._image = side.image
        self._path = path
        self._before: dict[int, PageContent] = {}

    def check(self, root: int) -> None:
        """Check one table. Raises DamagedPage."""
        todo: list[tuple[int, Bounds]] = [(root, (-inf, inf))]
        while todo:
            pgno, bounds = todo.pop()
            content = read_content(self._image, pgno)
            _check_ascending(pgno, content.rowids, bounds)
            for child, own in _children(content):
                low, high = max(own[0], bounds[0]), min(own[1], bounds[1])
                if child in self._path:
                    todo.append((child, (low, high)))
                elif inf in map(abs, own) or own != self._bounds_before(child):
                    _check_ascending(child, self._outermost(child), (low, high))

    def _bounds_before(self, pgno: int) -> Bounds | None:
        parent = self._sound.parent(pgno)
        if parent in (0, pgno):
            return None
        if parent not in self._before:
            self._before[parent] = read_content(self._sound.image, parent)
        return next((bounds for child, bounds in _children(self._before[parent]) if child == pgno), None)

    def _outermost(self, pgno: int) -> list[int]:
        """Return the first and the last rowid below a page, one if they are the same."""
        found = []
        for place in (0, -1):
            content = read_content(self._image, pgno)
            while content.children:
                content = read_content(self._image, content.children[place])
            found += content.rowids[place:][:1]
        return list(dict.fromkeys(found))


def _check_ascending(pgno: int, rowids: list[int], bounds: Bounds) -> None:
    low, high = bounds
    for rowid in rowids:
        if not low < rowid <= high:
            raise DamagedPage(pgno, f"has rowid {rowid} out of order")
        low = rowid


def _children(content: PageContent) -> list[tuple[int, Bounds]]:
    """Return the children of a page, each with the bounds that the cells of this page give it."""
    limits = [-inf, *content.rowids, inf]
    return [(child, (limits[place], limits[place + 1])) for place, child in enumerate(content.children)]
