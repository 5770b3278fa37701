"""The blocks in which a tracked live database differs from a snapshot, made of the snapshot's blocks and the pages.

A tracker knows which pages changed since the database was what the snapshot holds. So only these pages are read from
the database, and where they differ is known without a search.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES, block_of, first_page, lock_page
from snapstore.compare.tracked_pages import MOST_BYTES
from snapstore.database.header import normalised
from snapstore.database.tracking import KnownImage
from snapstore.database.view import View
from snapstore.history.manifest import Manifest
from snapstore.ids import ID_BYTES, numbers_unlike, object_id
from snapstore.objects.copy_frame import copy_frame
from snapstore.objects.object_writer import Delta
from snapstore.objects.pack import Kind
from snapstore.spans import Span, differing_span

_MOST_RAW_BYTES = 1024  # that differ in a block: more are worth compressing


class TrackedBlock(NamedTuple):
    """A block, counted from 0, that differs from the block `base`, and the pages of that one in which it does."""

    number: int
    base: bytes
    pages: dict[int, bytes]


class TrackedBlocks:
    """The ids of all blocks of a view, `16 * n bytes`, and those blocks that `base` does not have, as objects to store.

    `read` returns a block of `base`; `changed` has the pages that may differ, in order, and `same` those of them that
    do not, normalised. Raises StoreDamaged, DatabaseCorrupt.
    """

    def __init__(self, view: View, base: Manifest, read: Callable[[bytes], bytes], changed: list[int]) -> None:
        self.view = view
        self.deltas: list[Delta] = []
        self.blocks: list[TrackedBlock] = []
        self.same: dict[int, bytes] = {}
        self._base = base
        self._read = read
        self._pages: dict[int, list[tuple[int, bytes]]] = {}  # by block
        pages = normalised(view.pages(changed), view.page_count)
        for pgno in changed:
            self._pages.setdefault(block_of(pgno, view.page_size), []).append((pgno, pages[pgno]))
        if view.page_count != base.page_count:  # the last block is as long as the image has pages
            self._pages.setdefault(block_of(min(view.page_count, base.page_count), view.page_size), [])
        self.ids = self._found()

    @property
    def base_ids(self) -> bytes:
        """The ids of the blocks of `base`."""
        return self._base.block_ids

    def renew(self, view: View, read: Callable[[bytes], bytes]) -> None:
        """Go on with a later view of the same state."""
        self.view, self._read = view, read

    def manifest(self, base: bytes) -> Delta:
        """Return the manifest of the view as an object to store, based on that of `base`, whose id is given."""
        data = Manifest.of(self.view.page_size, self.view.page_count, self.ids).encode()
        head = len(data) - len(self.ids)
        changed = numbers_unlike(self.ids, self._base.block_ids)
        spans = [(0, head), *((head + number * ID_BYTES, head + (number + 1) * ID_BYTES) for number in changed)]
        frame = copy_frame(data, len(self._base.encode()), spans)
        return Delta(Kind.MANIFEST, object_id(data), base, len(data), frame, lambda: data)

    def _found(self) -> bytes:
        length = self.view.block_count * ID_BYTES
        ids = bytearray(self._base.block_ids[:length].ljust(length, b"\0"))
        for number in self._pages:
            ids[number * ID_BYTES : (number + 1) * ID_BYTES] = self._block(number)
        return bytes(ids)

    def _block(self, number: int) -> bytes:
        """Note a block if it differs; return its id."""
        base = self._base.block_id(number)
        old = self._read(base) if base else b""
        data = self._data(number, old)
        id_ = object_id(data)
        spans, pages = self._unlike(number, old)
        if id_ != base:
            frame = None
            if base and sum(end - start for start, end in spans) <= _MOST_RAW_BYTES:
                frame = copy_frame(data, len(old), spans)
            self.deltas.append(Delta(Kind.BLOCK, id_, base, len(data), frame, partial(self._again, number)))
            if base:
                self.blocks.append(TrackedBlock(number, base, pages))
        return id_

    def _data(self, number: int, old: bytes) -> bytearray:
        """Return the bytes of a block: the pages that may have changed, and the others as they were."""
        size = self.view.page_size
        length = min(BLOCK_BYTES, self.view.bytes - number * BLOCK_BYTES)
        data = bytearray(old[:length].ljust(length, b"\0"))
        for pgno, page in self._pages[number]:
            start = (pgno - 1) * size % BLOCK_BYTES
            data[start : start + size] = page
        return data

    def _unlike(self, number: int, old: bytes) -> tuple[list[Span], dict[int, bytes]]:
        """Return the spans in which a block differs from its base, and the base's pages that differ or are gone."""
        spans, pages, size = [], {}, self.view.page_size
        for pgno, page in self._pages[number]:
            start = (pgno - 1) * size % BLOCK_BYTES
            before = old[start : start + size]
            if not before:
                spans.append((start, start + size))
            elif page != before:
                first, last = differing_span(before, page)
                spans.append((start + first, start + last))
                pages[pgno] = before
            else:
                self.same[pgno] = page
        for start in range(self.view.bytes - number * BLOCK_BYTES, len(old), size):
            pages[first_page(number, size) + start // size] = old[start : start + size]
        return spans, pages

    def _again(self, number: int) -> bytes:
        base = self._base.block_id(number)
        return bytes(self._data(number, self._read(base) if base else b""))


def tracked_blocks(view: View, base: Manifest | None, read: Callable[[bytes], bytes]) -> TrackedBlocks | None:
    """Return the blocks that differ from `base`; None if the tracker does not know enough, or many pages changed."""
    known = view.tracked.image if view.tracked else None
    if known is None or base is None or not _is_of(known, base) or not view.page_count:
        return None
    notes = view.tracked.notes if view.tracked else None
    if notes and isinstance(found := notes.get(TrackedBlocks), TrackedBlocks) and found.base_ids == base.block_ids:
        found.renew(view, read)
        return found
    changed = {pgno for pgno in known.changed if pgno <= view.page_count}
    new = range(base.page_count + 1, view.page_count + 1)
    if len(changed) * view.page_size > MOST_BYTES or len(new) > len(changed) or not changed.issuperset(new):
        return None
    if view.page_count != base.page_count:
        changed.add(1)  # its header has the page count
    if lock_page(view.page_size) in changed:
        return None
    found = TrackedBlocks(view, base, read, sorted(changed))
    if notes is not None:
        notes[TrackedBlocks] = found
    return found


def _is_of(known: KnownImage, base: Manifest) -> bool:
    return (known.page_size, known.page_count, known.block_ids) == (base.page_size, base.page_count, base.block_ids)
