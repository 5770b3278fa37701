"""The tree maps of the two images of a comparison, and the pages of each table that the images do not share.

One map is walked or comes from the cache; the other one is derived from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from snapstore.database.derived_tree_map import DerivedTreeMap
from snapstore.database.image import EveryPage, Image
from snapstore.database.spool import AFTER, BEFORE
from snapstore.database.tables import Schema, Table, index_trees
from snapstore.database.tree_map import TreeMap, unshared_pages
from snapstore.database.tree_map_cache import TreeMapCache
from snapstore.database.walked_tree_map import WalkedTreeMap


class TreeMaps:
    """The maps of both images, before and after. Raises DatabaseCorrupt."""

    def __init__(
        self, images: tuple[Image, Image], changed: Collection[int], cache: TreeMapCache | None = None
    ) -> None:
        self._images = images
        self._changed = changed
        self._cache = cache
        self._ancestors: set[int] = set()  # of the pages that changed, in the walked map
        self._path: set[int] = set()  # these and the pages that changed
        self._below: dict[int, list[int]] = {}  # the same by their parents in the walked map
        self._has_indexes = False
        self.sides = self._both_walked() if isinstance(changed, EveryPage) else self._one_derived(set(changed))

    def add(self, before: Iterable[Table], after: Iterable[Table]) -> None:
        """Add the b-trees of some tables or indexes of each image."""
        sides = list(zip(self.sides, (before, after), strict=True))
        for side, tables in sides:
            if isinstance(side, WalkedTreeMap):
                _add_all(side, tables)
                self._ancestors |= side.ancestors(self._changed)
                self._path = self._ancestors.union(self._changed)
                self._below.update(side.by_parent(self._path))
                if self._cache:
                    self._cache.save(side)
        for side, tables in sides:
            if isinstance(side, DerivedTreeMap):
                _add_all(side, tables)
                side.check()

    def add_indexes(self, before: Schema, after: Schema) -> None:
        """Add the b-trees of all indexes of each image, once."""
        if not self._has_indexes:
            self._has_indexes = True
            self.add(index_trees(before), index_trees(after))

    def path(self, more: Collection[int] = ()) -> Collection[int]:
        """Return the pages that changed and some `more`, and all their ancestors."""
        if isinstance(self._changed, EveryPage):
            return self._changed
        return self._path.union(more, self._walked().ancestors(more)) if more else self._path

    def row_pages(self, before: Table | None, after: Table | None) -> tuple[list[int], list[int]]:
        """Return the row pages of a table in both images, in key order; nothing if there is no such table."""
        old, new = self.sides
        return old.row_pages(before) if before else [], new.row_pages(after) if after else []

    def unshared_pages(self, before: Table, after: Table, more: Collection[int] = ()) -> tuple[list[int], list[int]]:
        """Return the row pages that the other image does not share, and some `more` that did not change."""
        old, new = self.sides
        changed, below = self._changed, self._below
        if more:
            changed, below = {*changed, *more}, self._walked().by_parent(self.path(more))
        return (
            unshared_pages(old, before, new, after, changed, below),
            unshared_pages(new, after, old, before, changed, below),
        )

    def _walked(self) -> WalkedTreeMap:
        return next(side for side in self.sides if isinstance(side, WalkedTreeMap))

    def _both_walked(self) -> tuple[TreeMap, TreeMap]:
        before, after = (self._cached(side) or WalkedTreeMap(self._images[side]) for side in (BEFORE, AFTER))
        return before, after

    def _one_derived(self, changed: set[int]) -> tuple[TreeMap, TreeMap]:
        side, known = self._walked_side()
        derived = DerivedTreeMap(self._images[1 - side], known, changed, self._below)
        return (derived, known) if side else (known, derived)

    def _walked_side(self) -> tuple[int, WalkedTreeMap]:
        """Return the side whose map is in the cache, or can be kept there, and the map."""
        for side in (BEFORE, AFTER):
            if cached := self._cached(side):
                return side, cached
        before, after = self._images
        side = AFTER if after.content is not None and before.content is None else BEFORE
        return side, WalkedTreeMap(self._images[side])

    def _cached(self, side: int) -> WalkedTreeMap | None:
        return self._cache.load(self._images[side]) if self._cache else None


def _add_all(side: TreeMap, tables: Iterable[Table]) -> None:
    for table in tables:
        side.add(table)
