"""The blocks in which a tracked live database differs from a snapshot, made of the snapshot's blocks and the pages.

A tracker knows which pages changed since the database was what the snapshot holds. So only these pages are read from
the database, and where they differ is known without a search.

In a rollback mode it knows the ids of a state that was hashed. Then the pages of the few blocks that differ are
compared.

A restore needs these blocks. Once a verify has read the pages, they can be composed before the restore is asked for
(`prepare`). What is composed belongs to one state of the database: it is kept in the notes of that state, which the
tracker drops as soon as it finds another one (database/tracking.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES, block_count, block_of, first_page, lock_page
from snapstore.compare.tracked_pages import MOST_BYTES, TrackedPages
from snapstore.database.header import normalised
from snapstore.database.tracking import KnownImage
from snapstore.database.view import ReadBlock, View
from snapstore.errors import StoreDamaged
from snapstore.history.manifest import Manifest
from snapstore.ids import ID_BYTES, numbers_unlike, object_id
from snapstore.objects.copy_frame import copy_frame
from snapstore.objects.object_writer import Delta, encode
from snapstore.objects.pack import Kind
from snapstore.project import Project
from snapstore.spans import Span, differing_spans
from snapstore.store import Store

_MOST_BLOCKS = MOST_BYTES // BLOCK_BYTES  # that are compared page by page
_MOST_RAW_BYTES = 1024  # that differ in a block: more are worth compressing

Read = Callable[[bytes], bytes]
"""Returns a block by its id. Raises StoreDamaged."""

PagesByBlock = dict[int, list[tuple[int, bytes]]]
"""The numbers and bytes of pages in order, page 1 normalised, by the numbers of their blocks."""


class TrackedBlock(NamedTuple):
    """A block, counted from 0, that differs from the block `base`, and the pages of that one in which it does."""

    number: int
    base: bytes
    pages: dict[int, bytes]


class TrackedBlocks:
    """Those blocks of an image that `base` does not have, as objects to store; `complete` composes all of them.

    `size` are page size and page count, `read` returns a block of `base`. `pages` has the pages that may differ of each
    block that may, and `same` those of them that do not. Without `keeps` nothing will be stored, and there are no
    objects. Raises StoreDamaged.
    """

    def __init__(self, size: tuple[int, int], base: Manifest, read: Read, pages: PagesByBlock, *, keeps: bool) -> None:
        self.page_size, self.page_count = size
        self.deltas: list[Delta] = []
        self.blocks: list[TrackedBlock] = []
        self.same: dict[int, bytes] = {}
        self._keeps = keeps
        self._bytes = self.page_size * self.page_count
        self._base = base
        self._read = read
        self._pages = pages
        if self.page_count != base.page_count:  # the last block is as long as the image has pages
            self._pages.setdefault(block_of(min(self.page_count, base.page_count), self.page_size), [])
        self._left = deque(self._pages)
        length = block_count(*size) * ID_BYTES
        self._ids = bytearray(base.block_ids[:length].ljust(length, b"\0"))
        self.ids = b""
        """The ids of all blocks, `16 * n bytes`, once they are composed."""

    @property
    def base_ids(self) -> bytes:
        """The ids of the blocks of `base`."""
        return self._base.block_ids

    def compose(self) -> Iterator[None]:
        """Compose the blocks that are left, one at each step; the caller may stop, and go on later."""
        while self._left:
            number = self._left[0]
            self._ids[number * ID_BYTES : (number + 1) * ID_BYTES] = self._block(number)
            self._left.popleft()  # only now: after an error the block is left
            yield

    def complete(self, read: Read) -> None:
        """Compose what is left. From now on, `read` returns the blocks of `base`."""
        self._read = read
        for _ in self.compose():
            pass
        self.ids = self.ids or bytes(self._ids)

    def manifest(self, base: bytes) -> Delta:
        """Return the manifest of the image as an object to store, based on that of `base`, whose id is given."""
        data = Manifest.of(self.page_size, self.page_count, self.ids).encode()
        head = len(data) - len(self.ids)
        changed = numbers_unlike(self.ids, self._base.block_ids)
        spans = [(0, head), *((head + number * ID_BYTES, head + (number + 1) * ID_BYTES) for number in changed)]
        frame = copy_frame(data, len(self._base.encode()), spans)
        return Delta(Kind.MANIFEST, object_id(data), base, len(data), frame, lambda: data)

    def _block(self, number: int) -> bytes:
        """Note a block if it differs; return its id."""
        base = self._base.block_id(number)
        old = self._read(base) if base else b""
        data = self._data(number, old)
        id_ = object_id(data)
        spans, pages = self._unlike(number, old)
        if id_ != base:
            if self._keeps:
                frame = _frame(data, old, spans) if base else None
                self.deltas.append(Delta(Kind.BLOCK, id_, base, len(data), frame, partial(self._again, number)))
            if base:
                self.blocks.append(TrackedBlock(number, base, pages))
        return id_

    def _data(self, number: int, old: bytes) -> bytearray:
        """Return the bytes of a block: the pages that may have changed, and the others as they were."""
        size = self.page_size
        length = min(BLOCK_BYTES, self._bytes - number * BLOCK_BYTES)
        data = bytearray(old if len(old) == length else old[:length].ljust(length, b"\0"))
        for pgno, page in self._pages[number]:
            start = (pgno - 1) * size % BLOCK_BYTES
            data[start : start + size] = page
        return data

    def _unlike(self, number: int, old: bytes) -> tuple[list[Span], dict[int, bytes]]:
        """Return the spans in which a block differs from its base, and the base's pages that differ or are gone."""
        spans: list[Span] = []
        pages, size = {}, self.page_size
        for pgno, page in self._pages[number]:
            start = (pgno - 1) * size % BLOCK_BYTES
            before = old[start : start + size]
            if not before:
                spans.append((start, start + size))
            elif page != before:
                pages[pgno] = before
                if self._keeps:
                    spans += [(start + first, start + last) for first, last in differing_spans(before, page)]
            else:
                self.same[pgno] = page
        for start in range(self._bytes - number * BLOCK_BYTES, len(old), size):
            pages[first_page(number, size) + start // size] = old[start : start + size]
        return spans, pages

    def _again(self, number: int) -> bytes:
        base = self._base.block_id(number)
        return bytes(self._data(number, self._read(base) if base else b""))


def tracked_blocks(view: View, base: Manifest | None, read: Read, *, keeps: bool = True) -> TrackedBlocks | None:
    """Return the blocks that differ from `base`; None if the tracker does not know enough, or many pages changed.

    None as well if a block of `base` is damaged. Without `keeps`, the caller stores nothing.
    """
    known = view.tracked.image if view.tracked else None
    if known is None or base is None or not view.page_count:
        return None
    notes = view.tracked.notes if view.tracked else None
    found = _noted(notes, base)
    if found is None and _is_of(known, base):
        found = _begun(known, (view.page_size, view.page_count), base, read, _pages_of(view, notes), keeps=keeps)
    elif found is None:
        return _of_known_state(view, known, base, read, keeps=keeps)
    with suppress(StoreDamaged):
        if found:
            found.complete(read)
            if notes is not None and keeps:
                notes[TrackedBlocks] = found
            return found
    return None


def _of_known_state(view: View, known: KnownImage, base: Manifest, read: Read, *, keeps: bool) -> TrackedBlocks | None:
    """Return the blocks of a view whose own ids are known, as after it was hashed; None if they are not, or many."""
    size = view.page_size, view.page_count
    if known.changed or size != (known.page_size, known.page_count) or view.page_size != base.page_size:
        return None
    numbers = list(islice(numbers_unlike(known.block_ids, base.block_ids), _MOST_BLOCKS + 1))
    if len(numbers) > _MOST_BLOCKS or lock_page(view.page_size) <= max(view.page_count, base.page_count):
        return None
    with suppress(StoreDamaged):
        pages = {
            one.number: _unlike_pages(one, read(id_) if (id_ := base.block_id(one.number)) else b"", view.page_size)
            for one in view.blocks(numbers, known.block_ids)
        }
        found = TrackedBlocks(size, base, read, pages, keeps=keeps)
        found.complete(read)
        return found
    return None


def _unlike_pages(block: ReadBlock, old: bytes, size: int) -> list[tuple[int, bytes]]:
    """Return the pages of a block that the one in its place does not have."""
    first, data, found = first_page(block.number, size), block.data, []
    for start in range(0, len(data), size):
        page = data[start : start + size]
        if page != old[start : start + size]:
            found.append((first + start // size, page))
    return found


def prepare(store: Store, project: Project, name: str, notes: dict[type, object]) -> Iterator[None]:
    """Compose, a block at each step, what `tracked_blocks` will be asked for in the state that these notes are of.

    Only where a verify has read the pages: nothing is read from the live database. Raises StoreDamaged.
    """
    noted = notes.get(TrackedPages)
    if not isinstance(noted, TrackedPages) or not noted.changed:
        return
    head = store.refs.head(project.origin).get(name)
    record = store.snapshots.load(head).databases.get(name) if head and store.snapshots.exists(head) else None
    base = store.snapshots.manifest_of(record) if record else None
    if base is None or not _is_of(noted.known, base):
        return
    read = store.objects.read
    found = _noted(notes, base) or _begun(noted.known, noted.size, base, read, lambda _wanted: noted.after)
    if found:
        notes[TrackedBlocks] = found
        yield from found.compose()


def _noted(notes: dict[type, object] | None, base: Manifest) -> TrackedBlocks | None:
    found = notes.get(TrackedBlocks) if notes else None
    return found if isinstance(found, TrackedBlocks) and found.base_ids == base.block_ids else None


def _begun(
    known: KnownImage,
    size: tuple[int, int],
    base: Manifest,
    read: Read,
    pages: Callable[[list[int]], dict[int, bytes]],
    *,
    keeps: bool = True,
) -> TrackedBlocks | None:
    """Begin with an image of `size`, page size and page count; None if too many pages may differ from a known one."""
    page_size, page_count = size
    changed = {pgno for pgno in known.changed if pgno <= page_count}
    new = range(base.page_count + 1, page_count + 1)
    if not page_count or len(changed) * page_size > MOST_BYTES:
        return None
    if len(new) > len(changed) or not changed.issuperset(new):
        return None
    if page_count != base.page_count:
        changed.add(1)  # its header has the page count
    if lock_page(page_size) in changed:
        return None
    wanted = sorted(changed)
    found, by_block = pages(wanted), PagesByBlock()
    for pgno in wanted:
        by_block.setdefault(block_of(pgno, page_size), []).append((pgno, found[pgno]))
    return TrackedBlocks(size, base, read, by_block, keeps=keeps)


def _pages_of(view: View, notes: dict[type, object] | None) -> Callable[[list[int]], dict[int, bytes]]:
    """Return what returns pages of a view, normalised: as a verify of the same state has read them, or anew."""
    noted = notes.get(TrackedPages) if notes else None

    def read(wanted: list[int]) -> dict[int, bytes]:
        if isinstance(noted, TrackedPages) and noted.after.keys() >= set(wanted):
            return noted.after
        return normalised(view.pages(wanted), view.page_count)

    return read


def _frame(data: bytearray, old: bytes, spans: list[Span]) -> bytes | None:
    """Return the frame of a block with its base as prefix, None if it is better stored alone."""
    if sum(end - start for start, end in spans) <= _MOST_RAW_BYTES:
        return copy_frame(data, len(old), spans)
    found = encode(data, old)
    return found.data if found.uses_prefix else None


def _is_of(known: KnownImage, base: Manifest) -> bool:
    return (known.page_size, known.page_count, known.block_ids) == (base.page_size, base.page_count, base.block_ids)
