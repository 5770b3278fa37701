"""Write a database of a snapshot as a separate SQLite file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from snapstore.creating import create_private
from snapstore.database.header import page1_for_file
from snapstore.errors import WouldOverwrite
from snapstore.files import translated, write_all, written_durably
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry
from snapstore.ids import ID_BYTES
from snapstore.leftovers import sweep
from snapstore.progress import SILENT, Progress
from snapstore.store import Store


def write_image(
    store: Store,
    record: DatabaseEntry,
    path: str,
    *,
    finish: Callable[[int], object],
    before_rename: Callable[[], None] = lambda: None,
    replaces: bool = True,
    progress: Progress = SILENT,
) -> None:
    """Write the image to `path`, durably and atomically; `finish` opens the file to others than this user.

    Raises StoreDamaged, DiskFull, FileError; without `replaces` WouldOverwrite.
    """
    sweep(os.path.dirname(path))
    manifest = store.snapshots.manifest_of(record)
    progress.start(f"writing {os.path.basename(path)}", manifest.image_bytes)
    how = written_durably(
        path, step="image", create=create_private, finish=finish, before_rename=before_rename, replaces=replaces
    )
    with translated(path), _refused_if_there(path), how as fd:
        for block in image_blocks(store, manifest, wal=record.journal_mode == "wal"):
            write_all(fd, block)
            progress.advance(len(block))


@contextmanager
def _refused_if_there(path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise WouldOverwrite(path) from error


def image_blocks(store: Store, manifest: Manifest, *, wal: bool) -> Iterator[bytes]:
    """Yield the blocks of a file in order, page 1 with the header of a separate file."""
    for start in range(0, len(manifest.block_ids), ID_BYTES):
        block = store.objects.read(manifest.block_ids[start : start + ID_BYTES])
        if start == 0:
            block = page1_for_file(block[: manifest.page_size], wal=wal) + block[manifest.page_size :]
        yield block
