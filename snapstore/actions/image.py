"""Write a database of a snapshot as a SQLite file of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from snapstore import blocks
from snapstore.database.header import page1_for_file
from snapstore.files import translated, write_all, written_durably
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseRecord
from snapstore.ids import ID_BYTES
from snapstore.progress import SILENT, Progress
from snapstore.store import Store


def write_image(
    store: Store,
    record: DatabaseRecord,
    path: str,
    *,
    before_rename: Callable[[], None] = lambda: None,
    progress: Progress = SILENT,
) -> None:
    """Put the image at `path`, durably and at once, in place of whatever is there, with its mode and owner.

    Raises StoreDamaged, DiskFull, FileError.
    """
    manifest = store.snapshots.manifest(record.manifest)
    progress.start(f"writing {os.path.basename(path)}", manifest.image_bytes)
    with translated(path), written_durably(path, step="image", like=path, before_rename=before_rename) as fd:
        for block in image_blocks(store, manifest, wal=record.journal_mode == "wal"):
            write_all(fd, block)
            progress.advance(len(block))


def image_blocks(store: Store, manifest: Manifest, *, wal: bool) -> Iterator[bytes]:
    """Yield the blocks of a file in order, page 1 with the header of a file of its own."""
    for start in range(0, len(manifest.block_ids), ID_BYTES):
        block = store.objects.read(manifest.block_ids[start : start + ID_BYTES])
        if start == 0:
            block = page1_for_file(block[: manifest.page_size], wal=wal) + block[manifest.page_size :]
        yield block


def page_images(manifest: Manifest, index: int, block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bytes of the pages in a block."""
    first = blocks.first_page(index, manifest.page_size)
    for place, start in enumerate(range(0, len(block), manifest.page_size)):
        yield first + place, block[start : start + manifest.page_size]
