"""A pair: one database in two states, the pages in which it differs, and the image diff of both."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from snapstore import blocks
from snapstore.blocks import BLOCK_BYTES
from snapstore.compare.page_spool import PageSpool
from snapstore.compare.state import State
from snapstore.compare.stored import StoredPages, stored_image
from snapstore.database.image import EveryPage, Image, void
from snapstore.database.view import View
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry
from snapstore.ids import ID_BYTES, numbers_unlike
from snapstore.progress import SILENT, Progress
from snapstore.store import Store

if TYPE_CHECKING:
    from snapstore.compare.tracked_pages import TrackedPages
    from snapstore.database.diff import ImageDiff
    from snapstore.database.tree_map_cache import TreeMapCache

_BLOCKS_AT_ONCE = 64  # 8 MiB of both sides


class Compared:
    """One database on both sides, and the pages that differ; `is_same` if there are none, as with equal content ids.

    `start` is the content id of the first side in hex, None if it is not known. Raises DatabaseCorrupt.
    """

    def __init__(
        self,
        images: tuple[Image, Image],
        changed: Collection[int],
        start: str | None = None,
        cache: TreeMapCache | None = None,
        *,
        shortens: bool = False,
    ) -> None:
        self.before, self.after = images
        self.is_same = not changed
        self.start = start
        self._changed = changed
        self._cache = cache
        self._shortens = shortens
        if changed:
            _ = self.diff  # the b-trees are walked now, under the lock

    @cached_property
    def diff(self) -> ImageDiff:
        """What differs; where nothing does, most callers need not know more."""
        from snapstore.database.diff import ImageDiff

        return ImageDiff(self.before, self.after, self._changed, self._cache, shortens=self._shortens)

    @property
    def pages_changed(self) -> int:
        """How many pages differ, or are in one image only."""
        return 0 if self.is_same else self.diff.pages_changed


class Pair:
    """One database on both sides; `view` is the live side, if there is one, and `now` its manifest, if it is known.

    `shortens` as in ImageDiff.
    """

    def __init__(
        self,
        store: Store,
        states: tuple[State, State],
        records: list[DatabaseEntry | None],
        view: View | None,
        name: str,
        progress: Progress = SILENT,
        now: Manifest | None = None,
        *,
        by_bytes: bool = False,
        shortens: bool = False,
    ) -> None:
        self._store = store
        self._by_bytes = by_bytes
        self._shortens = shortens
        self._now = now
        self._labels = [
            state.label if state.snapshots is not None else (view.file.path if view else name) for state in states
        ]
        self._is_live = [state.snapshots is None for state in states]
        self._records = records
        self._name = name
        self._view = view
        self._progress = progress
        self._spool: PageSpool | None = None
        self._before: dict[int, bytes] = {}
        self._is_compared = False
        self._changed: Collection[int] = ()

    @property
    def needs_lock(self) -> bool:
        """Whether pages are read from the live database to the end, since the store has none to compare them with."""
        return any(self._is_live) and isinstance(self._changed, EveryPage)

    def release_view(self) -> None:
        """Read nothing from the live database from now on."""
        self._view = None

    def close(self) -> None:
        """Drop the pages that were kept."""
        self._before = {}
        if self._spool:
            self._spool.close()

    def compared(self) -> Compared:
        """Find the pages that differ, and the tables."""
        if all(self._is_live):
            image = self._live_image()
            return Compared((image, image), ())
        if any(self._is_live) and self._view is not None:
            self._changed = self._scan(self._view)
        else:
            self._changed = self._stored_pages_changed()
        before, after = (
            self._counted(self._live_image() if is_live else self._stored_image(record, label))
            for is_live, record, label in zip(self._is_live, self._records, self._labels, strict=True)
        )
        found = Compared((before, after), self._changed, self._start(), self._store.tree_maps, shortens=self._shortens)
        self._progress.start(f"comparing {self._name}", 0 if found.is_same else found.diff.bytes_to_compare)
        self._is_compared = True
        return found

    def _start(self) -> str | None:
        record = self._records[0]
        if not self._is_live[0]:
            return record.content if record else None
        return self._now.id.hex() if self._now else None

    def _manifest(self, record: DatabaseEntry | None) -> Manifest:
        return self._store.snapshots.manifest_of(record) if record else Manifest(0, 0, b"")

    def _stored_pages_changed(self) -> Collection[int]:
        before, after = map(self._manifest, self._records)
        if before == after:
            return ()
        formats = {(one.page_size, one.reserved_bytes, one.text_encoding) for one in self._records if one}
        if len(formats) > 1:
            return EveryPage()
        changed = set(range(min(before.page_count, after.page_count) + 1, max(before.page_count, after.page_count) + 1))
        objects = self._store.objects
        pairs = ((index, before.block_id(index), id_) for index, id_ in after.blocks_unlike(before))
        both = ((index, old, new) for index, old, new in pairs if old)
        while some := list(islice(both, _BLOCKS_AT_ONCE)):
            objects.preload(id_ for _, *both in some for id_ in both)  # as a rule one is the base of the other
            for index, old, new in some:
                changed |= _unlike(before, index, objects.read(old), objects.read(new)).keys()
        return changed

    def _scan(self, view: View) -> Collection[int]:
        """Hash the live database; keep the pages that the other side lacks in the spool."""
        base = self._manifest(next((record for record in self._records if record), None))
        self._progress.start(f"reading {self._name}", view.bytes)
        if base.page_count == view.page_count == 0:
            return ()
        if base.page_count == 0 or view.page_count == 0 or not self._is_of_one_format(view):
            return EveryPage()
        self._spool = PageSpool(view.page_size)
        is_hashed = self._by_bytes or self._now is not None or self._is_live[0]
        if not is_hashed and (tracked := self._tracked_pages(view, base)):
            for pgno in tracked.after:
                self._spool.put(pgno, tracked.after[pgno])
            self._before = tracked.before
            return tracked.changed
        changed = set(range(min(base.page_count, view.page_count) + 1, max(base.page_count, view.page_count) + 1))
        unlike = self._blocks_unlike(view, base)
        while some := list(islice(unlike, _BLOCKS_AT_ONCE)):
            self._store.objects.preload(old for number, _ in some if (old := base.block_id(number)))
            for number, data in some:
                old = base.block_id(number)
                pages = _unlike(base, number, self._store.objects.read(old) if old else b"", data)
                changed |= pages.keys()
                for pgno, page in pages.items():
                    self._spool.put(pgno, page)
        return changed

    def _tracked_pages(self, view: View, base: Manifest) -> TrackedPages | None:
        if view.tracked is None:
            return None
        from snapstore.compare.tracked_pages import tracked_pages  # only a session tracks

        return tracked_pages(view, base, StoredPages(self._store, base))

    def _is_of_one_format(self, view: View) -> bool:
        """Tell whether equal pages mean equal rows in the live database and the snapshot."""
        record = next(record for record in self._records if record)
        header = view.header
        assert header is not None
        return (record.page_size, record.reserved_bytes, record.text_encoding) == (
            view.page_size,
            header.reserved_bytes,
            header.text_encoding,
        )

    def _blocks_unlike(self, view: View, base: Manifest) -> Iterator[tuple[int, bytes]]:
        """Yield the blocks of the live database that a manifest does not have, all if bytes are to be compared.

        If `now` is known, nothing is hashed.
        """
        if self._by_bytes:
            for number in range(view.block_count):
                yield number, (data := view.read_block(number))
                self._progress.advance(len(data))
            return
        if self._now is not None:
            yield from ((number, view.block(number)) for number, _ in self._now.blocks_unlike(base))
            return
        found = bytearray()
        for some in view.ids():
            found += some
            self._progress.advance(len(some) // ID_BYTES * BLOCK_BYTES)
        ids = bytes(found)
        self._now = Manifest.of(view.page_size, view.page_count, ids)
        for block in view.blocks(list(numbers_unlike(ids, base.block_ids)), ids):
            yield block.number, block.data

    def _counted(self, image: Image) -> Image:
        """Return an image that counts the pages that are read to compare rows."""

        def read(pgno: int) -> bytes:
            if self._is_compared:
                self._progress.advance(image.page_size)
            return image.page(pgno)

        if self._progress is SILENT or not image.page_count:
            return image
        return Image(image.label, image.page_size, image.page_count, read, image.expect, image.content)

    def _live_image(self) -> Image:
        view = self._view
        if view is None or not view.page_count:
            return void(self._labels[self._is_live.index(True)])
        stored = self._stored_pages()

        def read(pgno: int) -> bytes:
            if self._spool is not None and (page := self._spool.get(pgno)) is not None:
                return page
            return stored.page(pgno) if self._view is None and stored else view.page(pgno)

        return Image(view.file.path, view.page_size, view.page_count, read)

    def _stored_image(self, record: DatabaseEntry | None, label: str) -> Image:
        stored = self._stored_pages() if any(self._is_live) else None
        if record is None or not record.page_count or stored is None:
            return stored_image(self._store, record, label)
        changed = self._changed

        def read(pgno: int) -> bytes:
            if (page := self._before.get(pgno)) is not None:
                return page
            if self._view is not None and pgno not in changed:
                return self._view.page(pgno)  # the same bytes, without decoding a block
            return stored.page(pgno)

        # Without locks the pages of the view may change, so what was read of them must not be cached.
        content = None if self._view is not None and self._view.file.immutable else record.manifest
        return Image(label, record.page_size, record.page_count, read, content=content)

    def _stored_pages(self) -> StoredPages | None:
        record = next((record for record in self._records if record), None)
        return StoredPages(self._store, self._manifest(record)) if record else None


def _unlike(manifest: Manifest, index: int, old: bytes, new: bytes) -> dict[int, bytes]:
    """Return the pages of a block that differ from those of an old one, or that it lacks."""
    size = manifest.page_size
    first = blocks.first_page(index, size)
    pages = ((first + place, new[start : start + size], start) for place, start in enumerate(range(0, len(new), size)))
    return {pgno: page for pgno, page, start in pages if page != old[start : start + size]}
