"""Write a database of a snapshot as a separate SQLite file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from snapstore.blocks import BLOCK_BYTES
from snapstore.creating import create_private
from snapstore.database.header import page1_for_file
from snapstore.early_sync import synced_early
from snapstore.errors import WouldOverwrite
from snapstore.files import translated, write_all_at, written_durably
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry
from snapstore.ids import ID_BYTES
from snapstore.leftovers import sweep
from snapstore.progress import SILENT, Progress
from snapstore.store import Store

_BLOCKS_LOOKED_UP = 1024


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
    with translated(path), _refused_if_there(path), how as fd, synced_early(fd) as early:
        for written in _write_blocks(store, manifest, fd, wal=record.journal_mode == "wal"):
            progress.advance(written)
            early.wrote(written)


@contextmanager
def _refused_if_there(path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise WouldOverwrite(path) from error


def _write_blocks(store: Store, manifest: Manifest, fd: int, *, wal: bool) -> Iterator[int]:
    """Write the blocks of a file, page 1 with the header of a separate file; yield how many bytes each has."""

    def write(number: int, block: bytes) -> int:
        if number == 0:
            block = page1_for_file(block[: manifest.page_size], wal=wal) + block[manifest.page_size :]
        write_all_at(fd, block, number * BLOCK_BYTES)
        return len(block)

    ids = [manifest.block_ids[start : start + ID_BYTES] for start in range(0, len(manifest.block_ids), ID_BYTES)]
    for first in range(0, len(ids), _BLOCKS_LOOKED_UP):
        numbered = enumerate(ids[first : first + _BLOCKS_LOOKED_UP], first)
        yield from store.objects.map_many(dict(numbered), write)
