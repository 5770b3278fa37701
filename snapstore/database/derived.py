"""The forest of an image that is known by how it differs from another one, whose skeleton is at hand.

A page that did not change has the children it had. So only pages that changed are read, and one that has no changed
page below it is not even passed through: all below it is as it is in the other image.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from snapstore.database.btree import MAX_DEPTH, children, endless, uneven
from snapstore.database.forest import Forest, taken
from snapstore.database.image import DamagedPage, Image
from snapstore.database.skeleton import Skeleton


class Derived(Forest):
    """B-trees of an image; `known` is the skeleton of the other image, `above` the pages that changed ones hang on."""

    def __init__(self, image: Image, known: Skeleton, changed: set[int], above: set[int]) -> None:
        super().__init__(image)
        self._known = known
        self._changed = changed
        self._above = above
        self._met: dict[int, int] = {}  # the pages passed through or pointed to, each with its root
        self._doubtful: list[int] = []  # those pointed to that may hang on another page as well
        self._read: dict[int, array[int]] = {}

    def owner(self, pgno: int) -> int:
        """Return the root of the tree that a page belongs to, 0 for none."""
        while not (root := self._met.get(pgno, 0)):
            above = self._known.parent(pgno)
            if pgno in self._changed or above in self._changed or above in (0, pgno):
                return 0  # what points to it here would have been met
            pgno = above
        return root

    def children(self, pgno: int) -> Sequence[int]:
        """Return the children of a page in key order, nothing for a leaf."""
        return self._known.children(pgno) if self._is_known(pgno) else self._read.get(pgno, ())

    def check(self) -> None:
        """Make sure that no page of the trees grown so far hangs on two pages. Raises DatabaseCorrupt."""
        for pgno in self._doubtful:
            above = self._known.parent(pgno)
            if self._is_known(pgno) and above != pgno and above not in self._changed and self.owner(above):
                raise self.corrupt(taken(pgno, self.image), self._met[pgno])

    def _grow(self, root: int) -> None:
        level = _Level()
        self._point_to(root, array("I", [root]), level)
        for _ in range(MAX_DEPTH):
            if level.is_done() or (level.height is None and not self._look(level.unknown[0])):
                return
            level = self._below(root, level)
        raise endless(root)

    def _below(self, root: int, level: _Level) -> _Level:
        """Return what there is to do on the next level."""
        below = _Level(None if level.height is None else level.height - 1)
        self.image.expect([pgno for pgno in level.unknown if pgno not in self._read])
        for pgno in level.unknown:
            if not (found := self._look(pgno)):
                raise uneven(pgno)
            self._point_to(root, found, below)
        for pgno in level.known:
            for child in self._known.children(pgno):
                if child in self._changed or child in self._above:
                    self._meet(root, child)
                    (below.unknown if child in self._changed else below.known).append(child)
        return below

    def _point_to(self, root: int, pages: array[int], level: _Level) -> None:
        """Take pages into a tree and sort them by what there is to do about them."""
        sibling_of = 0
        for pgno in pages:
            self._meet(root, pgno)
            above = self._known.parent(pgno)
            if above not in self._changed:
                self._doubtful.append(pgno)
            if pgno in self._changed or not above:
                level.unknown.append(pgno)
                continue
            if above != sibling_of:
                sibling_of = above
                level.demand(self._known.height(pgno), pgno)
            if pgno in self._above:
                level.known.append(pgno)

    def _meet(self, root: int, pgno: int) -> None:
        """Note that a page belongs to a tree."""
        if pgno in self._met or not 0 < pgno <= self.image.page_count:
            raise taken(pgno, self.image)
        self._met[pgno] = root

    def _look(self, pgno: int) -> array[int]:
        """Read the children of a page."""
        found = self._read.get(pgno) or children(self.image, pgno)
        if found:
            self._read[pgno] = found
        return found

    def _is_known(self, pgno: int) -> bool:
        """Tell whether a page is as it was, in a tree of the other image, and so has the children it has there."""
        return pgno not in self._changed and self._known.parent(pgno) != 0


class _Level:
    """Pages of one level: those to read, and those that are known and have changed ones below.

    `height` is how many levels are below, None as long as no page says so.
    """

    def __init__(self, height: int | None = None) -> None:
        self.height = height
        self.unknown: list[int] = []
        self.known: list[int] = []

    def demand(self, height: int, pgno: int) -> None:
        """Take the height of a page, which is that of all the others. Raises DamagedPage."""
        if self.height not in (None, height):
            raise DamagedPage(pgno, "is on another level than the pages beside it")
        self.height = height

    def is_done(self) -> bool:
        """Tell whether nothing is below that has to be looked at."""
        return self.height == 0 or not (self.unknown or self.known)
