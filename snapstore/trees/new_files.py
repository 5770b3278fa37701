"""Write the new files of a tree into a staging folder, from blocks of the old files and blocks of the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
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

_BATCH_FILES = 32  # open at once
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

    def copied(self) -> _File:
        """Copy what the old file has; return this with the blocks that are lacking now as `others`."""
        if self.old is None:
            return self
        return self._replace(others=copy_alike(self.old, self.fd, self.entry, self.others))


def write_new(staging: Staging, folders: Folders, changes: Sequence[PathChange], read: Read) -> dict[bytes, str]:
    """Write all files and links that the changes lead to; return their names in the staging folder by path.

    Raises OSError, and what `read` does.
    """
    links = [one.after for one in changes if one.after and one.after.kind == LINK]
    names = {entry.path: staging.add_link(entry) for entry in links}
    files = [one for one in changes if one.after and one.after.kind != LINK]
    for start in range(0, len(files), _BATCH_FILES):
        names.update(_write(staging, folders, files[start : start + _BATCH_FILES], read))
    return names


def _write(staging: Staging, folders: Folders, batch: Sequence[PathChange], read: Read) -> dict[bytes, str]:
    """Write some files: those that are large one by one as they are copied, and the others together."""
    waiting: list[_File] = []
    with ExitStack() as stack:
        files = [_begun(staging, folders, one, stack) for one in batch]
        for file in stack.enter_context(closing(_copied(files))):
            waiting.append(file)
            if file.entry.size >= LARGE_BYTES:
                _complete(staging, waiting, read)
                waiting = []
    _complete(staging, waiting, read)
    return {file.entry.path: file.name for file in files}


def _complete(staging: Staging, files: Sequence[_File], read: Read) -> None:
    """Write the blocks that files lack still, and finish them."""
    places = [(file, number) for file in files for number in file.others]
    wanted = [file.entry.block_id(number) or b"" for file, number in places]
    for (file, number), block in zip(places, read(wanted), strict=True):
        write_all_at(file.fd, block, number * BLOCK_BYTES)
    for file in files:
        staging.finish(file.name, file.entry)


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


def _copied(files: Sequence[_File]) -> Generator[_File, None, None]:
    """Copy what old files have, on several threads if it is much; yield the files with the blocks that they lack."""
    if sum(file.entry.size for file in files if file.old is not None) < LARGE_BYTES or len(files) == 1:
        yield from map(_File.copied, files)
    else:
        yield from ordered_map(_File.copied, files, ahead=_FILES_AHEAD)
