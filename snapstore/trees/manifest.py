"""A tree manifest: one state of a folder, or of a single file, as a list of entries.

    header  16 bytes: "SNAPTREE", zero (4), number of entries (4)
    entry   32 bytes: kind (1), zero (1), mode (2), owner (4), group (4), length of the path (2), zero (2),
            modification time in ns (8, signed), size (8); then the path; then the ids of the blocks, 16 * n bytes, or
            a link's target

Integers are big-endian. Entries are in the order of their paths, which are bytes relative to the root, whose own path
is empty. A single file is a root of kind file and nothing else. The id of a manifest is the content id of the state.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES
from snapstore.ids import ID_BYTES, object_id

MAGIC = b"SNAPTREE"
FILE, FOLDER, LINK = KINDS = (1, 2, 3)
KIND_NAMES = {FILE: "file", FOLDER: "folder", LINK: "link"}
_HEADER = struct.Struct(">8s I I")
_ENTRY = struct.Struct(">B x H I I H 2x q Q")
_MOST_MODE = 0o7777
_LONGEST_TARGET = 1 << 16
ROOT = b""
_NO_NAMES = (b"", b".", b"..", b".git")  # no walk finds one of them, and what a repository runs is nobody's to give


class TreeEntry(NamedTuple):
    """One entry; `content` has a file's block ids, `16 * n` bytes, or a link's target. A folder's time is 0.

    A folder's time changes whenever a name in it comes or goes, ignored ones included, so it is no part of the state.
    """

    path: bytes
    kind: int
    mode: int
    owner: int
    group: int
    mtime: int
    size: int
    content: bytes

    @property
    def content_id(self) -> str | None:
        """The id of a file's content in hex: that of its only block, or of the ids of all; None for other kinds."""
        if self.kind != FILE:
            return None
        return (self.content if len(self.content) == ID_BYTES else object_id(self.content)).hex()

    def block_id(self, number: int) -> bytes | None:
        """Return the id of a file's block, None past the end."""
        return self.content[number * ID_BYTES : (number + 1) * ID_BYTES] or None

    def blocks(self) -> Iterator[bytes]:
        """Yield the ids of a file's blocks in order."""
        if self.kind == FILE:
            for at in range(0, len(self.content), ID_BYTES):
                yield self.content[at : at + ID_BYTES]


@dataclass(frozen=True)
class TreeManifest:
    """The entries of a state, in the order of their paths."""

    entries: tuple[TreeEntry, ...]

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        return _joined(map(encode_entry, self.entries), len(self.entries))

    @classmethod
    def of_pieces(cls, entries: Sequence[TreeEntry], pieces: Sequence[bytes]) -> TreeManifest:
        """Create a manifest whose entries are encoded already."""
        found = cls(tuple(entries))
        vars(found)["_encoded"] = _joined(pieces, len(pieces))
        return found

    @classmethod
    def decode(cls, data: bytes) -> TreeManifest:
        """Read what `encode` wrote. Raises ValueError, also for paths that could lead out of the tree."""
        return _decoded(data)

    @cached_property
    def id(self) -> bytes:
        """The content id."""
        return object_id(self._encoded)

    @cached_property
    def by_path(self) -> Mapping[bytes, TreeEntry]:
        """The entries by path."""
        return {one.path: one for one in self.entries}

    @property
    def count(self) -> int:
        """How many entries there are, without the folder that is the root."""
        return sum(1 for one in self.entries if one.path or one.kind != FOLDER)

    @property
    def file_bytes(self) -> int:
        """The length of all files."""
        return sum(one.size for one in self.entries if one.kind == FILE)

    def block_ids(self) -> set[bytes]:
        """Return the ids of the blocks of all files."""
        return {id_ for one in self.entries for id_ in one.blocks()}


NOTHING = TreeManifest(())


def encode_entry(one: TreeEntry) -> bytes:
    """Return the bytes of an entry."""
    path, kind, mode, owner, group, mtime, size, content = one
    return _ENTRY.pack(kind, mode, owner, group, len(path), mtime, size) + path + content


def _joined(pieces: Iterable[bytes], count: int) -> bytes:
    return _HEADER.pack(MAGIC, 0, count) + b"".join(pieces)


@lru_cache(maxsize=2)  # what the stat cache knows is mostly what a snapshot has
def _decoded(data: bytes) -> TreeManifest:
    found = TreeManifest(tuple(_entries(data)))
    vars(found)["_encoded"] = data
    return found


def _entries(data: bytes) -> Iterator[TreeEntry]:
    """Yield the entries, each checked; a tree may have 100,000 of them, so that every step counts."""
    at, count = _HEADER.size, _entry_count(data)
    unpack, head, new = _ENTRY.unpack_from, _ENTRY.size, tuple.__new__
    folders: set[bytes] = set()
    last: bytes | None = None
    for _ in range(count):
        if len(data) < at + head:
            raise ValueError("tree manifest is cut short")
        kind, mode, owner, group, length, mtime, size = unpack(data, at)
        at += head
        middle = at + length
        end = middle + (ID_BYTES if kind == FILE and 0 < size <= BLOCK_BYTES else _content_bytes(kind, size))
        if kind not in KINDS or mode > _MOST_MODE or len(data) < end:
            raise ValueError("tree manifest with an invalid entry")
        path = data[at:middle]
        if last is not None and path <= last:
            raise ValueError("tree manifest whose entries are out of order")
        _check_path(path, kind, folders)
        yield new(TreeEntry, (path, kind, mode, owner, group, mtime, size, data[middle:end]))
        last, at = path, end
    if at != len(data):
        raise ValueError("tree manifest with bytes after its entries")


def _entry_count(data: bytes) -> int:
    if len(data) < _HEADER.size:
        raise ValueError("tree manifest is too short")
    magic, zero, count = _HEADER.unpack_from(data)
    if magic != MAGIC or zero:
        raise ValueError("not a tree manifest")
    return int(count)


def _content_bytes(kind: int, size: int) -> int:
    """Return how long the ids of a file's blocks, or a link's target, are."""
    if kind == FILE:
        return -(-size // BLOCK_BYTES) * ID_BYTES
    if kind == LINK and size <= _LONGEST_TARGET:
        return size
    if kind == FOLDER and size == 0:
        return 0
    raise ValueError("tree manifest with an invalid size")


def _check_path(path: bytes, kind: int, folders: set[bytes]) -> None:
    """Check that a path lies in a folder before it, and add it to the folders. Raises ValueError."""
    if path != ROOT:
        parent, _, name = path.rpartition(b"/")
        if name in _NO_NAMES or b"\0" in name or parent not in folders:
            raise ValueError(f"tree manifest with the invalid path {path!r}")
    elif kind == LINK:
        raise ValueError("tree manifest whose root is a link")
    if kind == FOLDER:
        folders.add(path)
