"""An index: what some packs of a remote hold, so that nobody has to read a pack to know it.

It is one zstd frame over columns, all integers big-endian:

    20 bytes: "SNAPINDX", version 1 (4), number of packs p (4), number of entries n (4)
    44 * p    of each pack its name (BLAKE2b-256), length (8), number of entries (4)
    n, n      kinds, depths
    4n, 4n    lengths of objects, lengths of frames
    16n, 16n  ids, ids of bases (zero without)
    16n       BLAKE2b-128 of each entry with its frame

The entries are in the order of the packs, and in each in the order of the pack, so their places follow from the
lengths. Its name is the BLAKE2b-256 of the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snapstore.ids import ID_BYTES
from snapstore.objects import codec
from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, NO_BASE, TRAILER_BYTES, Entry, bound_problem
from snapstore.remotes.digest import DIGEST_BYTES, FRAME_BYTES

MAGIC = b"SNAPINDX"
VERSION = 1
MOST_BYTES = 1 << 26  # of an index, compressed or not: a million entries
_HEADER = struct.Struct(">8s I I I")
_PACK = struct.Struct(f">{DIGEST_BYTES}s Q I")
_ENTRY_COLUMNS = 2 + 4 + 4 + 2 * ID_BYTES + FRAME_BYTES  # bytes an entry


class IndexedPack(NamedTuple):
    """A pack in an index: its name in hex, its `size` in bytes, its entries, the digest of each with its frame."""

    name: str
    size: int
    entries: Sequence[Entry]
    digests: Sequence[bytes]


def encode(packs: Sequence[IndexedPack]) -> bytes:
    """Return the bytes of an index of packs."""
    entries = [entry for pack in packs for entry in pack.entries]
    parts = [_HEADER.pack(MAGIC, VERSION, len(packs), len(entries))]
    parts += [_PACK.pack(bytes.fromhex(one.name), one.size, len(one.entries)) for one in packs]
    parts.append(bytes(one.kind for one in entries))
    parts.append(bytes(one.depth for one in entries))
    parts.append(_numbers([one.object_bytes for one in entries]))
    parts.append(_numbers([one.stored_bytes for one in entries]))
    parts += [one.id for one in entries]
    parts += [one.base or NO_BASE for one in entries]
    parts += [one for pack in packs for one in pack.digests]
    return codec.compress(b"".join(parts))


def decode(frame: bytes) -> list[IndexedPack]:
    """Read what `encode` wrote. Raises ValueError."""
    data = codec.decompress_bounded(frame, MOST_BYTES)
    if len(data) < _HEADER.size:
        raise ValueError("too short")
    magic, version, packs, count = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise ValueError("not an index of version 1")
    if len(data) != _HEADER.size + packs * _PACK.size + count * _ENTRY_COLUMNS:
        raise ValueError(f"its length does not fit {packs} packs and {count} entries")
    heads = [_PACK.unpack_from(data, _HEADER.size + _PACK.size * at) for at in range(packs)]
    if sum(head[2] for head in heads) != count:
        raise ValueError("its packs do not have its entries")
    columns = _Columns(data, _HEADER.size + packs * _PACK.size, count)
    found, start = [], 0
    for name, size, entries in heads:
        found.append(columns.pack(name.hex(), size, range(start, start + entries)))
        start += entries
    return found


class _Columns:
    """The columns of the entries."""

    def __init__(self, data: bytes, start: int, count: int) -> None:
        self._kinds = data[start : start + count]
        self._depths = data[start + count : start + 2 * count]
        at = start + 2 * count
        self._sizes = struct.unpack_from(f">{count}I", data, at)
        self._stored = struct.unpack_from(f">{count}I", data, at + 4 * count)
        at += 8 * count
        self._ids = data[at : at + ID_BYTES * count]
        self._bases = data[at + ID_BYTES * count : at + 2 * ID_BYTES * count]
        self._digests = data[at + 2 * ID_BYTES * count :]

    def pack(self, name: str, size: int, numbers: range) -> IndexedPack:
        """Return one pack, of the entries with these numbers. Raises ValueError."""
        entries = list(self._entries(numbers))
        end = entries[-1].offset + entries[-1].stored_bytes if entries else HEADER_BYTES
        if size != end + TRAILER_BYTES:
            raise ValueError(f"pack {name} cannot have {size:,} bytes")
        return IndexedPack(name, size, entries, [_part(self._digests, number) for number in numbers])

    def _entries(self, numbers: range) -> Iterator[Entry]:
        offset = HEADER_BYTES
        for number in numbers:
            kind, size, stored = self._kinds[number], self._sizes[number], self._stored[number]
            if problem := bound_problem(kind, size, stored):
                raise ValueError(f"entry {number}: {problem}")
            base = _part(self._bases, number)
            yield Entry(
                kind,
                _part(self._ids, number),
                None if base == NO_BASE else base,
                self._depths[number],
                size,
                stored,
                offset + ENTRY_BYTES,
            )
            offset += ENTRY_BYTES + stored


def _part(column: bytes, number: int) -> bytes:
    return column[number * ID_BYTES : (number + 1) * ID_BYTES]


def _numbers(values: list[int]) -> bytes:
    return struct.pack(f">{len(values)}I", *values)
