"""The forests of the two images of a comparison, and the pages of each table that the two do not share.

One of them is walked, or was kept from an earlier comparison; the other is derived from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from snapstore.database.derived import Derived
from snapstore.database.forest import Forest, own_pages
from snapstore.database.image import Image
from snapstore.database.skeleton import Skeleton
from snapstore.database.spool import AFTER, BEFORE
from snapstore.database.tables import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeAlias
else:
    Protocol = object


class EveryPage(Collection[int]):
    """All pages: what differs between images whose pages cannot be compared."""

    def __contains__(self, pgno: object) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1


class Shelf(Protocol):
    """Where the skeleton of an image is kept from one comparison to the next."""

    def load(self, image: Image) -> Skeleton | None:
        """Return the skeleton, None where there is none that is good."""

    def save(self, skeleton: Skeleton) -> None:
        """Keep a skeleton, if that can be done."""


Shelves: TypeAlias = tuple[Shelf | None, Shelf | None]
"""The shelf of each image, None for one whose skeleton is not kept."""

NO_SHELVES: Shelves = (None, None)


class Forests:
    """The forests of both images, before and after. Raises DatabaseCorrupt."""

    def __init__(self, images: tuple[Image, Image], changed: Collection[int], shelves: Shelves = NO_SHELVES) -> None:
        self._images = images
        self._changed = changed
        self._shelves = shelves
        self._above: set[int] = set()  # the pages that changed ones hang on
        self._passed: set[int] = set()  # and these as well
        self.sides = self._both_walked() if isinstance(changed, EveryPage) else self._one_derived(set(changed))

    def grow(self, before: Iterable[Table], after: Iterable[Table]) -> None:
        """Add the b-trees of some tables or indexes of each image."""
        trees = list(zip(self.sides, (before, after), self._shelves, strict=True))
        for forest, tables, shelf in trees:
            if isinstance(forest, Skeleton):
                _grow(forest, tables)
                self._above |= forest.above(self._changed)
                self._passed = self._above.union(self._changed)
                if shelf and forest.is_new:
                    shelf.save(forest)
                    forest.is_new = False
        for forest, tables, _ in trees:
            if isinstance(forest, Derived):
                _grow(forest, tables)
                forest.check()

    def pages(self, before: Table | None, after: Table | None) -> tuple[list[int], list[int]]:
        """Return the pages with rows of a table on both sides, in key order; nothing where there is no such table."""
        old, new = self.sides
        return old.pages(before) if before else [], new.pages(after) if after else []

    def own_pages(self, before: Table, after: Table, more: Collection[int] = ()) -> tuple[list[int], list[int]]:
        """Return those of them that the other side does not share, and some `more` that did not change."""
        old, new = self.sides
        changed, passed = self._changed, self._passed
        if more:
            known = next(side for side in self.sides if isinstance(side, Skeleton))
            changed, passed = {*changed, *more}, passed.union(more, known.above(more))
        return own_pages(old, before, new, after, changed, passed), own_pages(new, after, old, before, changed, passed)

    def _both_walked(self) -> tuple[Forest, Forest]:
        before, after = (self._kept(side) or Skeleton(self._images[side]) for side in (BEFORE, AFTER))
        return before, after

    def _one_derived(self, changed: set[int]) -> tuple[Forest, Forest]:
        side, known = self._known()
        derived = Derived(self._images[1 - side], known, changed, self._above)
        return (derived, known) if side else (known, derived)

    def _known(self) -> tuple[int, Skeleton]:
        """Return the side whose skeleton is at hand, or may be kept for the next time, and the skeleton."""
        for side in (BEFORE, AFTER):
            if kept := self._kept(side):
                return side, kept
        side = AFTER if self._shelves[AFTER] and not self._shelves[BEFORE] else BEFORE
        return side, Skeleton(self._images[side])

    def _kept(self, side: int) -> Skeleton | None:
        shelf = self._shelves[side]
        return shelf.load(self._images[side]) if shelf else None


def _grow(forest: Forest, tables: Iterable[Table]) -> None:
    for table in tables:
        forest.grow(table)
