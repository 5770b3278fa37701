"""The tree map of an image that is derived from the map of another image and the pages in which the two differ.

A page that did not change has the children it had. So only pages that changed are read. A page with no changed page
below it is not even visited: everything below is as in the other image.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from snapstore.database.btree import MAX_DEPTH, children, endless, uneven
from snapstore.database.image import DamagedPage, Image
from snapstore.database.tree_map import TreeMap, misplaced
from snapstore.database.walked_tree_map import WalkedTreeMap


class DerivedTreeMap(TreeMap):
    """The b-trees of an image; `known` maps the other image.

    `path` has the changed pages and their ancestors there, by their parents.
    """

    def __init__(self, image: Image, known: WalkedTreeMap, changed: set[int], path: Mapping[int, list[int]]) -> None:
        super().__init__(image)
        self._known = known
        self._changed = changed
        self._path = path
        self._roots: dict[int, int] = {}  # of the pages that were visited or pointed to
        self._doubtful: list[int] = []  # pages that a second page may point to as well
        self._read: dict[int, array[int]] = {}

    def root_of(self, pgno: int) -> int:
        """Return the root of the tree that a page belongs to, 0 for none."""
        while not (root := self._roots.get(pgno, 0)):
            above = self._known.parent(pgno)
            if pgno in self._changed or above in self._changed or above in (0, pgno):
                return 0  # a page that points to it in this image would have been visited
            pgno = above
        return root

    def children(self, pgno: int) -> Sequence[int]:
        """Return the children of a page in key order, nothing for a leaf."""
        return self._known.children(pgno) if self._is_known(pgno) else self._read.get(pgno, ())

    def check(self) -> None:
        """Make sure that no two pages of the trees added so far point to one page. Raises DatabaseCorrupt."""
        for pgno in self._doubtful:
            above = self._known.parent(pgno)
            if self._is_known(pgno) and above != pgno and above not in self._changed and self.root_of(above):
                raise self.corrupt(misplaced(pgno, self.image), self._roots[pgno])

    def _add_tree(self, root: int) -> None:
        level = _Level()
        self._point_to(root, array("I", [root]), level)
        for _ in range(MAX_DEPTH):
            if level.is_done() or (level.height is None and not self._children_read(level.unknown[0])):
                return
            level = self._below(root, level)
        raise endless(root)

    def _below(self, root: int, level: _Level) -> _Level:
        """Return the work on the next level."""
        below = _Level(None if level.height is None else level.height - 1)
        self.image.expect([pgno for pgno in level.unknown if pgno not in self._read])
        for pgno in level.unknown:
            if not (found := self._children_read(pgno)):
                raise uneven(pgno)
            self._point_to(root, found, below)
        for pgno in level.known:
            for child in self._path[pgno]:
                self._claim(root, child)
                (below.unknown if child in self._changed else below.known).append(child)
        return below

    def _point_to(self, root: int, pages: array[int], level: _Level) -> None:
        """Add pages to a tree, and to a level as the work on them requires."""
        sibling_of = 0
        for pgno in pages:
            self._claim(root, pgno)
            above = self._known.parent(pgno)
            if above not in self._changed:
                self._doubtful.append(pgno)
            if pgno in self._changed or not above:
                level.unknown.append(pgno)
                continue
            if above != sibling_of:
                sibling_of = above
                level.require_height(self._known.height(pgno), pgno)
            if pgno in self._path:
                level.known.append(pgno)

    def _claim(self, root: int, pgno: int) -> None:
        """Note that a page belongs to a tree."""
        if pgno in self._roots or not 0 < pgno <= self.image.page_count:
            raise misplaced(pgno, self.image)
        self._roots[pgno] = root

    def _children_read(self, pgno: int) -> array[int]:
        found = self._read.get(pgno) or children(self.image, pgno)
        if found:
            self._read[pgno] = found
        return found

    def _is_known(self, pgno: int) -> bool:
        """Tell whether a page is unchanged in a tree of the other image, and so has the same children."""
        return pgno not in self._changed and self._known.parent(pgno) != 0


class _Level:
    """Pages of one level: `unknown` ones to read, and `known` ones that have changed pages below.

    `height` is how many levels are below, None while no page tells.
    """

    def __init__(self, height: int | None = None) -> None:
        self.height = height
        self.unknown: list[int] = []
        self.known: list[int] = []

    def require_height(self, height: int, pgno: int) -> None:
        """Take the height of a page, which all pages of a level share. Raises DamagedPage."""
        if self.height not in (None, height):
            raise DamagedPage(pgno, "is on another level than the pages beside it")
        self.height = height

    def is_done(self) -> bool:
        """Tell whether there is no page to visit on this level or below."""
        return self.height == 0 or not (self.unknown or self.known)
