"""Read a tree into a manifest: the names by a walk, the contents of the files that the stat cache does not know.

A file that changes while it is read is read again until the deadline has passed. One that goes meanwhile is left out,
as if it had gone before.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES
from snapstore.errors import FilesChanging
from snapstore.files import os_error
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.trees.folders import Folders
from snapstore.trees.hashing import hashed_blocks
from snapstore.trees.manifest import FILE, LINK, TreeEntry, TreeManifest, encode_entry
from snapstore.trees.settings import TreeSettings
from snapstore.trees.stat_cache import CachedFile, StatCache, is_settled
from snapstore.trees.walk import Forbidden, Seen, Stamp, Walked, walk
from snapstore.trees.watch import Watch


class FileBlock(NamedTuple):
    """A block of a file that was read, counted from 0; `data` holds until the next one is asked for."""

    path: bytes
    number: int
    id: bytes
    data: memoryview


Choose = Callable[[bytes, bytes], bool]
"""Tells whether the known content (block ids) of the file at a path may be taken without reading the file."""


class ReadTree(NamedTuple):
    """A state of a tree: its manifest, what the walk saw, the stamp of each file as it was read, and the stat cache.

    `pieces` are the entries as they are encoded, if they are known.
    """

    manifest: TreeManifest
    walked: Walked
    stamps: dict[bytes, Stamp]
    cache: dict[bytes, CachedFile]
    pieces: list[bytes] | None = None


class TreeReader:
    """Reads one tree: `blocks` yields what had to be read, and `result` has all of it after that.

    Blocks of a file that changed while it was read are yielded too; no manifest refers to them.
    Raises FilesChanging, TreeRefused, TreeTooLarge, FileError.
    """

    def __init__(
        self,
        settings: TreeSettings,
        forbidden: Forbidden,
        cache: StatCache,
        deadline: Deadline,
        may_take: Choose = lambda _path, _content: True,
    ) -> None:
        self._settings = settings
        self._forbidden = forbidden
        self._cache = cache
        self._deadline = deadline
        self._may_take = may_take
        self._read_at = time.time_ns()
        self._entries: list[TreeEntry] = []
        self._stamps: dict[bytes, Stamp] = {}
        self._known: dict[bytes, CachedFile] = {}
        self._result: ReadTree | None = None

    @property
    def result(self) -> ReadTree:
        """What was read, once `blocks` is exhausted."""
        assert self._result is not None
        return self._result

    @property
    def has_result(self) -> bool:
        """Whether something was read as a whole."""
        return self._result is not None

    def take(self, last: ReadTree) -> None:
        """Take a state that was read before."""
        self._result = last

    def update(self, last: ReadTree, dirty: Collection[bytes], watch: Watch) -> Iterator[FileBlock]:
        """Read the entries at some paths, with all below them, and take the others as they were read last.

        There is no result if something at the paths is ignored or special, or too much is there by now.
        """
        changes = Changes(last)
        try:
            with Folders(self._settings.path) as folders:
                for path in changes.tops(dirty):
                    if self._settings.ignored.matches_any(path):
                        return
                    changes.drop(path)
                    folders.forget()
                    walked = walk(folders, self._settings, self._forbidden, watch, path)
                    if walked.holding or walked.left_out or walked.linked:
                        return
                    for seen in walked.seen:
                        yield from self._entry(folders, seen, SILENT)
        except OSError as error:
            raise os_error(self._settings.path, error) from error
        found = changes.with_new(self._entries, self._stamps, self._known)
        if len(found.manifest.entries) <= self._settings.most_entries and self._fits(found.manifest):
            self._result = found

    def _fits(self, manifest: TreeManifest) -> bool:
        return manifest.file_bytes <= self._settings.most_bytes

    def blocks(self, progress: Progress = SILENT, watch: Watch | None = None) -> Iterator[FileBlock]:
        """Read the tree; yield the blocks of the files that were read."""
        self._entries, self._stamps, self._known = [], {}, {}
        if not os.path.isdir(os.path.dirname(self._settings.path)):
            self._result = ReadTree(TreeManifest(()), Walked(), {}, {})
            return
        try:
            with Folders(self._settings.path) as folders:
                walked = walk(folders, self._settings, self._forbidden, watch)
                folders.forget()
                total = sum(one.stamp.size for one in walked.seen if one.kind == FILE)
                progress.start(f"reading {os.path.basename(self._settings.path)}", total)
                for seen in walked.seen:
                    yield from self._entry(folders, seen, progress)
        except OSError as error:
            raise os_error(error.filename if isinstance(error.filename, str) else self._settings.path, error) from error
        self._result = ReadTree(TreeManifest(tuple(self._entries)), walked, self._stamps, self._known)

    def read(self) -> ReadTree:
        """Read the tree and drop the blocks."""
        for _ in self.blocks():
            pass
        return self.result

    def _entry(self, folders: Folders, seen: Seen, progress: Progress) -> Iterator[FileBlock]:
        if seen.kind != FILE:
            mtime, size = (seen.stamp.mtime, len(seen.target)) if seen.kind == LINK else (0, 0)
            self._add(seen, mtime, size, seen.target)
            return
        known = self._cache.get(seen.path)
        if known and known.stamp == seen.stamp and self._may_take(seen.path, known.entry.content):
            self._take(seen, known)
            progress.advance(seen.stamp.size)
            return
        yield from self._read(folders, seen, progress)

    def _take(self, seen: Seen, known: CachedFile) -> None:
        """Take a file as it is known: mostly the very same entry, which is quick to compare with itself."""
        entry = known.entry
        if entry[2:5] != seen[2:5]:
            entry = entry._replace(mode=seen.mode, owner=seen.owner, group=seen.group)
            known = CachedFile(known.stamp, entry)
        self._entries.append(entry)
        self._stamps[seen.path] = known.stamp
        self._known[seen.path] = known

    def _add(self, seen: Seen, mtime: int, size: int, content: bytes) -> TreeEntry:
        entry = TreeEntry(seen.path, seen.kind, seen.mode, seen.owner, seen.group, mtime, size, content)
        self._entries.append(entry)
        self._stamps[seen.path] = seen.stamp
        return entry

    def _read(self, folders: Folders, seen: Seen, progress: Progress) -> Iterator[FileBlock]:
        """Read a file, again and again as long as it changes meanwhile. Raises FilesChanging, OSError."""
        for attempt in count():
            fd = _opened(folders, seen.path)
            if fd is None:
                return
            try:
                before = os.fstat(fd)
                started = time.time_ns()
                ids = bytearray()
                for number, (id_, data) in enumerate(hashed_blocks(fd, before.st_size)):
                    ids += id_
                    yield FileBlock(seen.path, number, id_, data)
                    progress.advance(len(data))
                stamp, has_ended = Stamp.of(os.fstat(fd)), not os.pread(fd, 1, before.st_size)
            finally:
                os.close(fd)
            if stamp == Stamp.of(before) and has_ended and _is_whole(ids, stamp.size):
                found = seen._replace(
                    mode=before.st_mode & 0o777, owner=before.st_uid, group=before.st_gid, stamp=stamp
                )
                entry = self._add(found, stamp.mtime, stamp.size, bytes(ids))
                if is_settled(stamp, started):
                    self._known[seen.path] = CachedFile(stamp, entry)
                return
            if not self._deadline.wait(attempt):
                raise FilesChanging(folders.text(seen.path))


class Changes:
    """A state that was read, while some of its entries are dropped and others take their places."""

    def __init__(self, last: ReadTree) -> None:
        self._last = last
        self._entries = list(last.manifest.entries)
        self._pieces = list(last.pieces) if last.pieces else list(map(encode_entry, self._entries))
        self._stamps, self._known = dict(last.stamps), dict(last.cache)

    def tops(self, paths: Collection[bytes]) -> Iterator[bytes]:
        """Yield the paths that are not below others."""
        above: bytes | None = None
        for path in sorted(paths, key=lambda one: one + b"/"):
            if above is None or not path.startswith(above + b"/"):
                above = path
                yield path

    def drop(self, path: bytes) -> None:
        """Drop what was at a path, and below it: names there begin with it and a slash, which `0` comes after."""
        self._drop(path, path + b"\0")
        self._drop(path + b"/", path + b"0")

    def _drop(self, first: bytes, end: bytes) -> None:
        low, high = (bisect_left(self._entries, one, key=_path_of) for one in (first, end))
        for entry in self._entries[low:high]:
            self._stamps.pop(entry.path, None)
            self._known.pop(entry.path, None)
        del self._entries[low:high], self._pieces[low:high]

    def with_new(
        self, entries: Iterable[TreeEntry], stamps: Mapping[bytes, Stamp], known: Mapping[bytes, CachedFile]
    ) -> ReadTree:
        """Return the state with new entries."""
        for entry in entries:
            at = bisect_left(self._entries, entry.path, key=_path_of)
            self._entries.insert(at, entry)
            self._pieces.insert(at, encode_entry(entry))
        manifest = TreeManifest.of_pieces(self._entries, self._pieces)
        return ReadTree(manifest, self._last.walked, {**self._stamps, **stamps}, {**self._known, **known}, self._pieces)


def _path_of(entry: TreeEntry) -> bytes:
    return entry.path


def _opened(folders: Folders, path: bytes) -> int | None:
    """Open a file. Raises FileError with its whole path."""
    try:
        return folders.open_file(path)
    except OSError as error:
        raise os_error(folders.text(path), error) from error


def _is_whole(ids: bytes | bytearray, size: int) -> bool:
    return len(ids) // 16 == -(-size // BLOCK_BYTES)
