"""A pair: one database in two states, the pages in which it differs, and the image diff of both."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from snapstore.actions.image import page_images
from snapstore.actions.page_spool import PageSpool
from snapstore.actions.sightings import keep_sighting, look_at, sighting
from snapstore.actions.skeletons import SkeletonShelf
from snapstore.actions.state import State
from snapstore.actions.stored import StoredPages, stored_image
from snapstore.blocks import BLOCK_BYTES
from snapstore.database.diff import ImageDiff
from snapstore.database.forests import EveryPage
from snapstore.database.image import Image, void
from snapstore.database.view import View
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseRecord
from snapstore.ids import ID_BYTES, numbers_unlike
from snapstore.progress import SILENT, Progress
from snapstore.records import Record
from snapstore.store import Store

_BLOCKS_AT_ONCE = 64  # 8 MiB of both sides


class Compared(Record):
    """One database on both sides; `is_same` where the content ids are equal, and no page was looked at."""

    diff: ImageDiff
    is_same: bool


class Pair:
    """One database on both sides, of which `view` is the live one, if any, and `now` its manifest where it is known."""

    def __init__(
        self,
        store: Store,
        states: tuple[State, State],
        records: list[DatabaseRecord | None],
        view: View | None,
        name: str,
        progress: Progress = SILENT,
        now: Manifest | None = None,
    ) -> None:
        self._store = store
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
        self._changed: Collection[int] = ()

    @property
    def needs_lock(self) -> bool:
        """Whether pages have to be read from the live database to the end, since the store has none to compare."""
        return any(self._is_live) and isinstance(self._changed, EveryPage)

    def let_go(self) -> None:
        """Do without the live database from now on."""
        self._view = None

    def close(self) -> None:
        """Forget the pages that were set aside."""
        if self._spool:
            self._spool.close()

    def compared(self) -> Compared:
        """Find the pages that differ, and the tables."""
        if all(self._is_live):
            image = self._live_image()
            return Compared(ImageDiff(image, image, ()), is_same=True)
        if any(self._is_live) and self._view is not None:
            self._changed = self._scan(self._view)
        else:
            self._changed = self._stored_pages_changed()
        images = [
            self._live_image() if is_live else self._stored_image(record, label)
            for is_live, record, label in zip(self._is_live, self._records, self._labels, strict=True)
        ]
        shelves = self._shelf(0), self._shelf(1)
        return Compared(ImageDiff(images[0], images[1], self._changed, shelves), is_same=not self._changed)

    def _shelf(self, side: int) -> SkeletonShelf | None:
        """Return where the skeleton of a snapshot is kept; pages that nobody held still make none to keep."""
        record = self._records[side]
        if record is None or not record.page_count or (self._view is not None and self._view.file.immutable):
            return None
        return SkeletonShelf(self._store, record.manifest)

    def _manifest(self, record: DatabaseRecord | None) -> Manifest:
        return self._store.snapshots.manifest(record.manifest) if record else Manifest(0, 0, b"")

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
            objects.hold(id_ for _, *both in some for id_ in both)  # one is the other's base, as a rule
            for index, old, new in some:
                changed |= _unlike(before, index, objects.read(old), objects.read(new))
        return changed

    def _scan(self, view: View) -> Collection[int]:
        """Hash the live database; set the pages aside that the other side has not."""
        base = self._manifest(next((record for record in self._records if record), None))
        self._progress.start(f"reading {self._name}", view.bytes)
        if base.page_count == view.page_count == 0:
            return ()
        if base.page_count == 0 or view.page_count == 0 or not self._is_of_one_format(view):
            return EveryPage()
        self._spool = PageSpool(view.page_size)
        changed = set(range(min(base.page_count, view.page_count) + 1, max(base.page_count, view.page_count) + 1))
        unlike = self._blocks_unlike(view, base)
        while some := list(islice(unlike, _BLOCKS_AT_ONCE)):
            self._store.objects.hold(old for number, _ in some if (old := base.block_id(number)))
            for number, data in some:
                if old := base.block_id(number):
                    changed |= _unlike(base, number, self._store.objects.read(old), data)
                for pgno, page in page_images(base, number, data):
                    if pgno in changed:
                        self._spool.put(pgno, page)
        return changed

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
        """Yield the blocks of the live database that are not those of a manifest; `now` saves hashing it again."""
        if self._now is not None:
            yield from ((number, view.block(number)) for number, _ in self._now.blocks_unlike(base))
            return
        look, found = look_at(view), bytearray()
        for some in view.ids():
            found += some
            self._progress.advance(len(some) // ID_BYTES * BLOCK_BYTES)
        ids = bytes(found)
        for block in view.blocks(list(numbers_unlike(ids, base.block_ids)), ids):
            yield block.number, block.data
        self._note(view, look, ids)

    def _note(self, view: View, look: bytes | None, ids: bytes) -> None:
        """Keep what the database looks like where the store has what it holds: the next comparison need not read it."""
        content = Manifest.of(view.page_size, view.page_count, ids).id
        if self._store.objects.index.find(content) and (seen := sighting(view, look, content)):
            keep_sighting(self._store, seen)

    def _live_image(self) -> Image:
        view = self._view
        if view is None or not view.page_count:
            return void(self._labels[self._is_live.index(True)])
        stored = self._stored_pages()

        def read(pgno: int) -> bytes:
            if self._spool is not None and (page := self._spool.get(pgno)) is not None:
                return page
            return stored.page(pgno) if self._view is None and stored else view.image_page(pgno)

        return Image(view.file.path, view.page_size, view.page_count, read)

    def _stored_image(self, record: DatabaseRecord | None, label: str) -> Image:
        stored = self._stored_pages() if any(self._is_live) else None
        if record is None or not record.page_count or stored is None:
            return stored_image(self._store, record, label)
        changed = self._changed

        def read(pgno: int) -> bytes:
            if self._view is not None and pgno not in changed:
                return self._view.image_page(pgno)  # the same bytes, without decoding a block
            return stored.page(pgno)

        return Image(label, record.page_size, record.page_count, read)

    def _stored_pages(self) -> StoredPages | None:
        record = next((record for record in self._records if record), None)
        return StoredPages(self._store, self._manifest(record)) if record else None


def _unlike(manifest: Manifest, index: int, old: bytes, new: bytes) -> set[int]:
    """Return the pages of a block that differ."""
    pages = zip(page_images(manifest, index, old), page_images(manifest, index, new), strict=False)
    return {pgno for (pgno, one), (_, other) in pages if one != other}
