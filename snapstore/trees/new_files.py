"""Write the new files of a tree into a staging folder, from blocks of the old files and blocks of the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES
from snapstore.files import write_all_at
from snapstore.threads import ordered_map
from snapstore.trees.difference import PathChange
from snapstore.trees.folders import Folders
from snapstore.trees.manifest import LINK, TreeEntry
from snapstore.trees.reuse import block_count, copy_alike, unlike
from snapstore.trees.staging import LARGE_BYTES, Staging

_BATCH_FILES, _BATCH_BYTES = 32, 64 << 20  # whose blocks are asked for at once
_FILES_AHEAD = 4

Read = Callable[[list[bytes]], Iterable[bytes]]
"""Returns blocks by their ids, in that order."""


class _File(NamedTuple):
    """A file to write: its name and descriptor in the staging folder, and the old file, None where it is of no use.

    `others` are the numbers of the blocks that the old file does not have.
    """

    entry: TreeEntry
    name: str
    fd: int
    old: int | None
    others: list[int]

    def copied(self) -> list[int]:
        """Copy what the old file has; return the numbers of the blocks that are lacking."""
        return self.others if self.old is None else copy_alike(self.old, self.fd, self.entry, self.others)


def write_new(staging: Staging, folders: Folders, changes: Sequence[PathChange], read: Read) -> dict[bytes, str]:
    """Write all files and links that the changes lead to; return their names in the staging folder by path.

    Raises OSError, and what `read` does.
    """
    links = [one.after for one in changes if one.after and one.after.kind == LINK]
    names = {entry.path: staging.add_link(entry) for entry in links}
    for batch in _batches([one for one in changes if one.after and one.after.kind != LINK]):
        names.update(_write(staging, folders, batch, read))
    return names


def _batches(changes: Sequence[PathChange]) -> Iterator[list[PathChange]]:
    batch, size = list[PathChange](), 0
    for one in changes:
        assert one.after is not None
        batch.append(one)
        size += one.after.size
        if len(batch) == _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(staging: Staging, folders: Folders, batch: Sequence[PathChange], read: Read) -> dict[bytes, str]:
    with ExitStack() as stack:
        files = [_begun(staging, folders, one, stack) for one in batch]
        lacking = _copied(files)
    places = [(file, number) for file, numbers in zip(files, lacking, strict=True) for number in numbers]
    wanted = [file.entry.block_id(number) or b"" for file, number in places]
    for (file, number), block in zip(places, read(wanted), strict=True):
        write_all_at(file.fd, block, number * BLOCK_BYTES)
    for file in files:
        staging.finish(file.name, file.entry)
    return {file.entry.path: file.name for file in files}


def _begun(staging: Staging, folders: Folders, one: PathChange, stack: ExitStack) -> _File:
    """Create a file, and open the old one if that has something of it."""
    assert one.after is not None
    name, fd = staging.create()
    others = unlike(one.before, one.after)
    old = None
    if len(others) < block_count(one.after):
        old = _opened(folders, one.path)
        if old is None:
            others = list(range(block_count(one.after)))
        else:
            stack.callback(os.close, old)
    return _File(one.after, name, fd, old, others)


def _opened(folders: Folders, path: bytes) -> int | None:
    try:
        return folders.open_file(path)
    except OSError:  # it may be written, and not read
        return None


def _copied(files: Sequence[_File]) -> list[list[int]]:
    """Copy what old files have, on several threads if it is much; return what each file lacks."""
    if sum(file.entry.size for file in files if file.old is not None) < LARGE_BYTES or len(files) == 1:
        return [file.copied() for file in files]
    with closing(ordered_map(_File.copied, files, ahead=_FILES_AHEAD)) as found:
        return list(found)
