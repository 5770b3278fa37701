"""The forest of an image that is known by how it differs from another one, whose skeleton is at hand.

A page that did not change has the children it had. So only pages that changed are read, and one that has no changed
page below it is not even passed through: all below it is as it is in the other image.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from snapstore.database.btree import MAX_DEPTH, children, endless, uneven
from snapstore.database.forest import Forest
from snapstore.database.image import DamagedPage, Image
from snapstore.database.skeleton import Skeleton, taken


class Derived(Forest):
    """B-trees of an image; `known` is the skeleton of the other image, `above` the pages that changed ones hang on."""

    def __init__(self, image: Image, known: Skeleton, changed: set[int], above: set[int]) -> None:
        super().__init__(image)
        self._known = known
        self._changed = changed
        self._above = above
        self._met: dict[int, int] = {}  # the pages passed through or pointed to, each with its root
        self._pointed_to: list[int] = []  # those that the schema, or a page that was read, points to
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
        for pgno in self._pointed_to:
            above = self._known.parent(pgno)
            if self._is_known(pgno) and above != pgno and above not in self._changed and self.owner(above):
                raise self.corrupt(taken(pgno, self.image), self._met[pgno])

    def _grow(self, root: int) -> None:
        level = self._point_to(root, array("I", [root]))
        height: int | None = None  # how many levels are below, once a page says so
        for _ in range(MAX_DEPTH):
            known = [pgno for pgno in level if self._is_known(pgno)]
            new = [pgno for pgno in level if not self._is_known(pgno)]
            height = self._height(known, height)
            if height == 0 or not level or (height is None and not self._look(new[0])):
                return
            level = self._below(root, known, new)
            height = None if height is None else height - 1
        raise endless(root)

    def _height(self, pages: list[int], expected: int | None) -> int | None:
        """Return the height of pages of one level, which have to agree."""
        for pgno in pages:
            height = self._known.height(pgno)
            if expected not in (None, height):
                raise DamagedPage(pgno, "is on another level than the pages beside it")
            expected = height
        return expected

    def _below(self, root: int, known: list[int], new: list[int]) -> list[int]:
        """Return those pages of the next level that have to be looked at, or through."""
        below: list[int] = []
        self.image.expect([pgno for pgno in new if pgno not in self._read])
        for pgno in new:
            if not (found := self._look(pgno)):
                raise uneven(pgno)
            below += self._point_to(root, found)
        for pgno in known:
            if pgno in self._above:
                there = self._known.children(pgno)
                below += self._meet(root, [one for one in there if one in self._above or one in self._changed])
        return below

    def _look(self, pgno: int) -> array[int]:
        """Read the children of a page."""
        found = self._read.get(pgno) or children(self.image, pgno)
        if found:
            self._read[pgno] = found
        return found

    def _point_to(self, root: int, pages: array[int]) -> list[int]:
        found = self._meet(root, pages)
        self._pointed_to += found
        return found

    def _meet(self, root: int, pages: Sequence[int]) -> list[int]:
        """Note that pages belong to a tree."""
        met, last = self._met, self.image.page_count
        for pgno in pages:
            if pgno in met or not 0 < pgno <= last:
                raise taken(pgno, self.image)
            met[pgno] = root
        return list(pages)

    def _is_known(self, pgno: int) -> bool:
        """Tell whether a page is as it was, in a tree of the other image, and so has the children it has there."""
        return pgno not in self._changed and self._known.parent(pgno) != 0
