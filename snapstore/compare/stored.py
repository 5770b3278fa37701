"""The image of a database in a snapshot, read page by page from the store."""

from __future__ import annotations

from snapstore.blocks import BLOCK_BYTES
from snapstore.database.image import Image, void
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry
from snapstore.ids import ID_BYTES
from snapstore.store import Store

_FEW_BLOCKS = 4  # fewer are decoded as fast one by one


class StoredPages:
    """The pages of one manifest; to read a page decodes its block, and the last block is kept."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._objects = store.objects
        self._size = manifest.page_size
        self._ids = manifest.block_ids
        self.manifest = manifest
        self._last: tuple[int, bytes] = (-1, b"")
        self._expected: dict[int, bytes] = {}

    def expect(self, pages: list[int]) -> None:
        """Decode the blocks of some pages together, and keep the pages. Raises StoreDamaged."""
        by_block: dict[int, list[int]] = {}
        for pgno in pages:
            by_block.setdefault((pgno - 1) * self._size // BLOCK_BYTES, []).append(pgno)
        if len(by_block) < _FEW_BLOCKS:
            return
        blocks = self._objects.read_many([self._ids[at * ID_BYTES : (at + 1) * ID_BYTES] for at in by_block])
        for wanted, block in zip(by_block.values(), blocks, strict=True):
            for pgno in wanted:
                offset = (pgno - 1) * self._size % BLOCK_BYTES
                self._expected[pgno] = block[offset : offset + self._size]

    def page(self, pgno: int) -> bytes:
        """Return a page that exists. Raises StoreDamaged."""
        if (page := self._expected.pop(pgno, None)) is not None:
            return page
        index, offset = divmod((pgno - 1) * self._size, BLOCK_BYTES)
        if index != self._last[0]:
            id_ = self.manifest.block_id(index)
            assert id_ is not None
            self._last = (index, self._objects.read(id_))
        return self._last[1][offset : offset + self._size]


def stored_image(store: Store, record: DatabaseEntry | None, label: str) -> Image:
    """Return the image of a database record, the empty image for None."""
    if record is None or not record.page_count:
        return void(label)
    pages = StoredPages(store, store.snapshots.manifest_of(record))
    return Image(label, record.page_size, record.page_count, pages.page, pages.expect, record.manifest)
