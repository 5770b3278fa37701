"""The pages in which a tracked live database differs from a snapshot, found without reading or hashing blocks.

A tracker knows an image, and which pages may have changed since. Only these pages are compared. As a rule those of the
snapshot are shown by the read transaction that the tracker holds, so that SQLite reads both sides.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from snapstore.blocks import block_of, first_page, lock_page
from snapstore.compare.stored import StoredPages
from snapstore.database.header import normalised
from snapstore.database.tracking import KnownImage, PinnedImage
from snapstore.database.view import View
from snapstore.history.manifest import Manifest
from snapstore.ids import ID_BYTES, numbers_unlike

MOST_BYTES = 4 << 20  # of pages that may differ: beyond it, blocks are read faster


class TrackedPages(NamedTuple):
    """The numbers of the pages that differ, and their bytes on each side, where they exist; page 1 normalised.

    The bytes are those of all pages that may differ, and that the tracker says are not those of the `known` image.
    `size` are page size and page count of the live database.
    """

    changed: Collection[int]
    before: dict[int, bytes]
    after: dict[int, bytes]
    known: KnownImage
    size: tuple[int, int]


def tracked_pages(view: View, base: Manifest, stored: StoredPages) -> TrackedPages | None:
    """Compare a live database with a manifest of the same page size, both with pages; note what was found.

    None if the tracker does not know enough, or too many pages may differ. Raises StoreDamaged, DatabaseCorrupt.
    """
    known = view.tracked.image if view.tracked else None
    suspects = _suspects(view, known, base) if known else None
    if known is None or suspects is None:
        return None
    after = normalised(view.pages([pgno for pgno in suspects if pgno <= view.page_count]), view.page_count)
    before = _pages_of(view, base, stored, [pgno for pgno in suspects if pgno <= base.page_count])
    changed = {pgno for pgno in suspects if before.get(pgno) != after.get(pgno)}
    found = TrackedPages(changed, before, after, known, (view.page_size, view.page_count))
    if view.tracked and view.tracked.notes is not None:
        view.tracked.notes[TrackedPages] = found
    return found


def _suspects(view: View, known: KnownImage, base: Manifest) -> list[int] | None:
    """Return the pages that may differ, in order; None if they are too many to be compared one by one."""
    least, most = sorted((view.page_count, base.page_count))
    limit = MOST_BYTES // base.page_size
    found = {pgno for pgno in known.changed if pgno <= most}
    found.update(range(least + 1, most + 1)[: limit + 1])
    if view.page_count != known.page_count:
        found.add(1)  # its header has the page count
    for number in numbers_unlike(known.block_ids, base.block_ids):
        first = first_page(number, base.page_size)
        found.update(range(first, min(first_page(number + 1, base.page_size), most + 1)))
        if len(found) > limit:
            break
    if len(found) > limit or lock_page(base.page_size) in found:
        return None
    return sorted(found)


def _pages_of(view: View, base: Manifest, stored: StoredPages, wanted: list[int]) -> dict[int, bytes]:
    """Return pages of the snapshot, from the read transaction that the tracker holds as far as it shows them."""
    pinned = view.tracked.pinned if view.tracked else None
    shown = [pgno for pgno in wanted if pinned and _has_page(pinned, base, pgno)]
    found = pinned.pages(shown) if pinned and shown else None
    pages = normalised(found or {}, base.page_count)
    return {pgno: pages[pgno] if pgno in pages else stored.page(pgno) for pgno in wanted}


def _has_page(pinned: PinnedImage, base: Manifest, pgno: int) -> bool:
    """Tell whether an image has the block of a page that a manifest has."""
    number = block_of(pgno, base.page_size)
    place = slice(number * ID_BYTES, (number + 1) * ID_BYTES)
    return pinned.page_size == base.page_size and pinned.block_ids[place] == base.block_ids[place]
