"""Page usage: whether every page of an image is used exactly once, found from what differs from a sound image.

A page is used as a page of a b-tree, as a page of an overflow chain, or as a free page, and the page that refers to it
says as what. A page that did not change, and is used as before, refers to what it referred to before. So it is enough
to take away the references of the pages that changed, or are used otherwise now, and to add those that they have now:
where one side does not make up for the other, a page is used twice or not at all.

Each use has a rank, which the pages referred to have one less of: how many levels are below a page of a b-tree, how
many pages an overflow chain still has. So pages that refer to each other in a circle are found as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from snapstore.blocks import lock_page
from snapstore.database.btree import MAX_DEPTH, children, endless
from snapstore.database.freelist import freelist
from snapstore.database.image import DamagedPage, Image
from snapstore.database.page_content import check_layout, read_content
from snapstore.database.pointer_map import (
    CHILD,
    FIRST_OVERFLOW,
    FREE_PAGE,
    NEXT_OVERFLOW,
    ROOT,
    Entry,
    is_pointer_map,
)
from snapstore.database.tree_map import misplaced
from snapstore.database.walked_tree_map import WalkedTreeMap

TABLE, INDEX, OVERFLOW, FREE = "a table", "an index", "an overflow chain", "the freelist"


class Use(NamedTuple):
    """What a page is used as."""

    kind: str
    rank: int = 0


class Reference(NamedTuple):
    """One page says how another one is used; `entry` is what the pointer map has about that."""

    target: int
    use: Use
    entry: Entry


Roots = dict[int, bool]
"""The root pages of all b-trees; true for those of indexes, and of tables that are stored like one."""


class _Side:
    """What the pages of one image refer to."""

    def __init__(self, image: Image, roots: Roots, *, checked: bool) -> None:
        self.image = image
        self.roots = roots
        self._checked = checked
        self._found: dict[int, tuple[Use, tuple[Reference, ...]]] = {}

    @cached_property
    def free(self) -> frozenset[int]:
        """The pages on the freelist. Raises DamagedPage."""
        found: set[int] = set()
        for pgno in freelist(self.image):
            if pgno in found:
                raise DamagedPage(pgno, "is on the freelist twice")
            found.add(pgno)
        return frozenset(found)

    def root_use(self, root: int) -> Use:
        """Return the use of a root page, whose height the leftmost pages tell. Raises DamagedPage."""
        pgno = root
        for height in range(MAX_DEPTH + 1):
            below = children(self.image, pgno)
            if not below:
                return Use(INDEX if self.roots[root] else TABLE, height)
            pgno = below[0]
        raise endless(root)

    def references(self, pgno: int, use: Use) -> tuple[Reference, ...]:
        """Return what a page refers to that is used in a way. Raises DamagedPage where it cannot be used so."""
        known = self._found.get(pgno)
        if known is None or known[0] != use:
            known = self._found[pgno] = use, tuple(self._references(pgno, use))
        return known[1]

    def _references(self, pgno: int, use: Use) -> Iterator[Reference]:
        if use.kind == FREE:
            return
        if use.kind == OVERFLOW:
            yield from self._next_of_chain(pgno, use)
            return
        content = read_content(self.image, pgno)
        if content.is_index != (use.kind == INDEX) or content.is_leaf != (use.rank == 0):
            raise DamagedPage(pgno, f"is not a page of {use.kind} with {use.rank} levels below")
        if self._checked:
            check_layout(self.image, pgno, content)
        for child in content.children:
            yield Reference(child, Use(use.kind, use.rank - 1), (CHILD, pgno))
        for first, length in content.chains:
            yield Reference(first, Use(OVERFLOW, length), (FIRST_OVERFLOW, pgno))

    def _next_of_chain(self, pgno: int, use: Use) -> Iterator[Reference]:
        following = int.from_bytes(self.image.page(pgno)[:4], "big")
        if bool(following) != (use.rank > 1):
            raise DamagedPage(pgno, f"ends an overflow chain too {'late' if following else 'early'}")
        if following:
            yield Reference(following, Use(OVERFLOW, use.rank - 1), (NEXT_OVERFLOW, pgno))

    def is_special(self, pgno: int) -> bool:
        """Tell whether nothing may refer to a page: those of the pointer map, and the lock-byte page."""
        return pgno == lock_page(self.image.page_size) or is_pointer_map(self.image, pgno)


class PageUsage:
    """The uses of the pages of an image that may differ from those in a `sound` one, which may be void.

    `gained` has the references to pages that are used by another page than before, or as something else. Raises
    DamagedPage: a page is used twice, not at all, or not as the page that refers to it says.
    """

    def __init__(
        self, sound: WalkedTreeMap, sound_roots: Roots, image: Image, roots: Roots, changed: Collection[int]
    ) -> None:
        self._known = sound
        self._before = _Side(sound.image, sound_roots, checked=False)
        self._after = _Side(image, roots, checked=True)
        self._lengths: dict[int, int] = {}  # how many pages an overflow chain of the sound image still has, by page
        last = sound.image.page_count
        self._touched = {pgno for pgno in changed if pgno <= last}
        self._lost: dict[int, Use] = {}
        self.gained: dict[int, Reference] = {}
        self._problem: DamagedPage | None = None
        if image.page_count:
            self._follow()
            self._check()

    def _follow(self) -> None:
        """Take references away and add others, until no page is used otherwise whose references were not looked at."""
        while True:
            self._lose()
            self._gain()
            others = [pgno for pgno, use in self._lost.items() if self._is_used_otherwise(pgno, use)]
            if not others:
                break
            while others:
                pgno = others.pop()
                self._touched.add(pgno)
                below = self._before.references(pgno, self._use_before(pgno))
                others += [one.target for one in below if self._is_used_otherwise(one.target, one.use)]
        if self._problem:
            raise self._problem

    def _is_used_otherwise(self, pgno: int, use: Use) -> bool:
        now = self.gained.get(pgno)
        return pgno not in self._touched and (now is None or now.use != use)

    def _lose(self) -> None:
        """Collect what touched pages refer to in the sound image."""
        self._lost = {pgno: Use(FREE) for pgno in self._before.free - self._after.free}
        for root in self._roots_touched(self._before):
            self._lost[root] = self._use_before(root)
        for pgno in self._touched:
            if not self._before.is_special(pgno):
                self._lost.update(
                    (one.target, one.use) for one in self._before.references(pgno, self._use_before(pgno))
                )

    def _gain(self) -> None:
        """Collect what touched and new pages refer to in the image.

        What cannot be is only a problem if it is still so when all pages that are used otherwise are known.
        """
        self.gained, self._problem = {}, None
        last, free = self._before.image.page_count, self._after.free - self._before.free
        given = [Reference(root, self._after.root_use(root), (ROOT, 0)) for root in self._roots_touched(self._after)]
        given += [Reference(pgno, Use(FREE), (FREE_PAGE, 0)) for pgno in free]
        todo = [
            (pgno, self._use_before(pgno))
            for pgno in self._touched.difference(self._lost)
            if pgno <= self._after.image.page_count and not self._before.is_special(pgno)
        ]
        todo += self._taken(given)
        while todo:
            pgno, use = todo.pop()
            if pgno in self._touched or pgno > last:
                try:
                    todo += self._taken(self._after.references(pgno, use))
                except DamagedPage as problem:
                    self._problem = problem

    def _taken(self, references: Iterable[Reference]) -> list[tuple[int, Use]]:
        """Note references, and return the pages referred to; no two may be to the same page."""
        taken = []
        for one in references:
            if one.target in self.gained or not 0 < one.target <= self._after.image.page_count:
                self._problem = misplaced(one.target, self._after.image)
            else:
                self.gained[one.target] = one
                taken.append((one.target, one.use))
        return taken

    def _roots_touched(self, side: _Side) -> Iterator[int]:
        """Yield the roots that are roots on one side only, or whose height may have changed."""
        other = self._after if side is self._before else self._before
        for root, is_index in side.roots.items():
            if root in self._touched or other.roots.get(root) is not is_index:
                yield root

    def _use_before(self, pgno: int) -> Use:
        """Return what a page of the sound image is used as."""
        if self._known.parent(pgno):
            root = self._known.root_of(pgno)
            return Use(INDEX if self._before.roots[root] else TABLE, self._known.height(pgno))
        return Use(FREE) if pgno in self._before.free else Use(OVERFLOW, self._length(pgno))

    def _length(self, pgno: int) -> int:
        """Return how many pages an overflow chain of the sound image has from a page on."""
        path = []
        while pgno and pgno not in self._lengths:
            path.append(pgno)
            if len(path) > self._before.image.page_count:
                raise DamagedPage(pgno, "is in an overflow chain that never ends")
            pgno = int.from_bytes(self._before.image.page(pgno)[:4], "big")
        length = self._lengths.get(pgno, 0)
        for one in reversed(path):
            length += 1
            self._lengths[one] = length
        return self._lengths[path[0]] if path else length

    def _check(self) -> None:
        """Make sure that what was lost and what was gained make up for each other."""
        before, after = self._before.image.page_count, self._after.image.page_count
        for pgno in self.gained:
            if self._after.is_special(pgno):
                raise DamagedPage(pgno, "belongs to the pointer map, or holds the lock bytes, and is used")
            if pgno <= before and pgno not in self._lost:
                raise misplaced(pgno, self._after.image)
        for pgno in self._lost:
            if pgno <= after and pgno not in self.gained:
                raise DamagedPage(pgno, "is not used")
        new, gone = range(before + 1, after + 1), range(after + 1, before + 1)
        for pgno in chain(new, gone):
            if pgno not in (self.gained if pgno <= after else self._lost) and not self._is_special(pgno):
                raise DamagedPage(pgno, "is not used" if pgno <= after else "is past the end, and is used")

    def _is_special(self, pgno: int) -> bool:
        side = self._after if pgno <= self._after.image.page_count else self._before
        return side.is_special(pgno)
