"""The stat cache of a tree: the content of files that were not written since they were read, as in git's index.

A file is taken for unchanged if its device, inode, size, modification time and change time are what they were. The
change time cannot be set by a program. A file that was written right before it was read may be written again within the
same tick of the clock (git's "racy" entries): it is not kept, and read again the next time. One that a restore wrote is
kept at once: it has the snapshot's time, and who writes it gives it another one.

    header  8 bytes: length of the manifest; then the manifest, then for each of its entries 24 bytes:
            device (8), inode (8), change time in ns (8, signed), all zero if it is not known

Integers are big-endian. It can be lost at any time, and one that cannot be read is none.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from snapstore.trees.manifest import FILE, TreeEntry, TreeManifest
from snapstore.trees.walk import Stamp

_LENGTH = struct.Struct(">Q")
_STAMP = struct.Struct(">Q Q q")
_SECOND = 10**9
_RACY, _RACY_SECONDS = 100_000_000, 2 * _SECOND  # ns; the latter where times may have whole seconds only
_UNKNOWN = (0, 0, 0)
_WORD = (1 << 64) - 1


class CachedFile(NamedTuple):
    """A file's stamp, and its entry with the ids of its blocks."""

    stamp: Stamp
    entry: TreeEntry


StatCache = Mapping[bytes, CachedFile]
"""What is known of the files of a tree, by path."""


def is_settled(stamp: Stamp, read_at: int) -> bool:
    """Tell whether a file that was read at a time (ns) would have another stamp if it was written since."""
    newest = max(stamp.mtime, stamp.ctime)
    margin = _RACY if stamp.ctime % _SECOND else _RACY_SECONDS
    return newest + margin < read_at


def is_settled_as_written(stamp: Stamp, entry: TreeEntry) -> bool:
    """Tell whether a file that a restore wrote would have another stamp if anybody wrote it since it has its name."""
    is_it = (stamp.size, stamp.mtime) == (entry.size, entry.mtime)
    return is_it and stamp.mtime + _RACY_SECONDS < stamp.ctime


def encode(manifest: TreeManifest, known: StatCache) -> bytes:
    """Return the bytes that are kept of the files that are known."""
    data = manifest.encode()
    parts = [_LENGTH.pack(len(data)), data]
    for entry in manifest.entries:
        stamp = known[entry.path].stamp if entry.path in known else None
        fields = (stamp.device & _WORD, stamp.inode & _WORD, stamp.ctime) if stamp else _UNKNOWN
        parts.append(_STAMP.pack(*fields))
    return b"".join(parts)


def decode(data: bytes) -> dict[bytes, CachedFile]:
    """Read what `encode` wrote; nothing is known if it cannot be read."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        manifest = TreeManifest.decode(data[_LENGTH.size : _LENGTH.size + length])
        stamps = list(_STAMP.iter_unpack(data[_LENGTH.size + length :]))
        pairs = list(zip(manifest.entries, stamps, strict=True))
    except (struct.error, ValueError):
        return {}
    return {
        entry.path: CachedFile(Stamp(device, inode, entry.size, entry.mtime, ctime), entry)
        for entry, (device, inode, ctime) in pairs
        if entry.kind == FILE and (device, inode, ctime) != _UNKNOWN
    }
