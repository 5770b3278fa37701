"""The tree map of an image whose b-trees are walked: the parent of each page, and how high each tree is.

A walk reads all interior pages of a tree. What it finds depends on the image alone, so it serves every later
comparison with that image: `trees` returns it without the image, for tree_map_cache.py to keep.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from snapstore.database.btree import children, page_numbers, walk
from snapstore.database.image import Image
from snapstore.database.tree_map import TreeMap, misplaced

_LEAF = page_numbers()


class Trees(NamedTuple):
    """What walks found in an image: heights by root, children by interior page, and the parent of each page.

    A root is its own parent; a page of no tree has the parent 0.
    """

    heights: dict[int, int]
    children: dict[int, array[int]]
    parents: array[int]

    def copy(self) -> Trees:
        """Return a copy that can be changed; arrays of children never change."""
        return Trees(dict(self.heights), dict(self.children), self.parents[:])


class WalkedTreeMap(TreeMap):
    """The b-trees of an image; those that are in `known` already are not walked again."""

    def __init__(self, image: Image, known: Trees | None = None) -> None:
        super().__init__(image)
        self._unclaimed = set(known.heights if known else ())  # known roots that were not added yet
        self._is_shared = known is not None
        self._set(known or Trees({}, {}, _no_parents(image.page_count)))

    def _set(self, trees: Trees) -> None:
        self._trees = trees
        self._parents = trees.parents

    def root_of(self, pgno: int) -> int:
        """Return the root of the tree that a page belongs to, 0 for none."""
        parents = self._parents
        if pgno >= len(parents):
            return 0
        while (above := parents[pgno]) != pgno:
            if not above:
                return 0
            pgno = above
        return pgno

    def children(self, pgno: int) -> Sequence[int]:
        """Return the children of a page in key order, nothing for a leaf."""
        return self._trees.children.get(pgno, _LEAF)

    def parent(self, pgno: int) -> int:
        """Return the parent of a page: itself for a root, 0 for a page of no tree."""
        return self._parents[pgno] if pgno < len(self._parents) else 0

    def height(self, pgno: int) -> int:
        """Return how many levels are below a page of a tree."""
        depth = 0
        while (above := self._parents[pgno]) != pgno:
            pgno = above
            depth += 1
        return self._trees.heights[pgno] - depth

    def ancestors(self, pages: Iterable[int]) -> set[int]:
        """Return all ancestors of some pages."""
        found: set[int] = set()
        for pgno in pages:
            above = self.parent(pgno)
            while above and above not in found:
                found.add(above)
                above = self._parents[above]
        return found

    def by_parent(self, pages: Iterable[int]) -> dict[int, list[int]]:
        """Return some pages by their parents, those of one parent in key order."""
        found: dict[int, list[int]] = {}
        for pgno in pages:
            if (above := self.parent(pgno)) not in (0, pgno):
                found.setdefault(above, []).append(pgno)
        for above, below in found.items():
            if len(below) > 1:
                below.sort(key=self._trees.children[above].index)
        return found

    @property
    def is_shared(self) -> bool:
        """Whether what was found is `known` elsewhere; walking another tree changes a copy."""
        return self._is_shared

    def trees(self) -> Trees:
        """Return what was found so far, to be kept."""
        self._is_shared = True
        return self._trees

    def _add_tree(self, root: int) -> None:
        if root in self._unclaimed:
            self._unclaimed.remove(root)  # a second tree with this root is an error
            return
        if self._is_shared:
            self._set(self._trees.copy())
            self._is_shared = False
        self._set_parent(root, array("I", [root]))

        def read(pgno: int) -> array[int]:
            if found := children(self.image, pgno):
                self._set_parent(pgno, found)
                self._trees.children[pgno] = found
            return found

        def expect(level: array[int]) -> None:
            self.image.expect(list(level))

        self._trees.heights[root] = walk(root, read, expect).height

    def _set_parent(self, parent: int, pages: array[int]) -> None:
        parents = self._parents
        try:
            for pgno in pages:
                if parents[pgno]:
                    raise misplaced(pgno, self.image)
                parents[pgno] = parent
        except IndexError:
            raise misplaced(max(pages), self.image) from None


def _no_parents(page_count: int) -> array[int]:
    """Return the parents where no tree is known. Page 0 does not exist: its parent 1 keeps it out of every tree."""
    return array("I", [1]) + array("I", bytes(array("I").itemsize * page_count))
