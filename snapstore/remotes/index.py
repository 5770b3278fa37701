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
import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate
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


class PackHead(NamedTuple):
    """A pack in an index, and which of the entries are its own."""

    name: str
    size: int
    numbers: range


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
    columns = Columns(frame)
    return [columns.pack(head) for head in columns.packs]


class Columns:
    """An index as it is written, of which single entries can be read. Raises ValueError for a damaged one."""

    def __init__(self, frame: bytes) -> None:
        data = codec.decompress_bounded(frame, MOST_BYTES)
        if len(data) < _HEADER.size:
            raise ValueError("too short")
        magic, version, packs, count = _HEADER.unpack_from(data)
        if magic != MAGIC or version != VERSION:
            raise ValueError("not an index of version 1")
        if len(data) != _HEADER.size + packs * _PACK.size + count * _ENTRY_COLUMNS:
            raise ValueError(f"its length does not fit {packs} packs and {count} entries")
        self.bytes = len(data)
        self.count = count
        self._split(memoryview(data)[_HEADER.size + packs * _PACK.size :])
        self.packs = self._heads(data, packs)
        self._offsets: dict[str, Sequence[int]] = {}

    def _split(self, data: memoryview) -> None:
        count = self.count
        self._kinds, self._depths = data[:count], data[count : 2 * count]
        self._sizes = _read_numbers(data[2 * count : 6 * count])
        self._stored = _read_numbers(data[6 * count : 10 * count])
        ids, bases = 10 * count, (10 + ID_BYTES) * count
        self._bases, self._digests = data[bases : bases + ID_BYTES * count], data[bases + ID_BYTES * count :]
        self.ids = bytes(data[ids:bases])
        """The ids of all entries, one after the other."""

    def _heads(self, data: bytes, packs: int) -> list[PackHead]:
        heads, start = [], 0
        for at in range(packs):
            name, size, entries = _PACK.unpack_from(data, _HEADER.size + _PACK.size * at)
            heads.append(PackHead(name.hex(), size, range(start, start + entries)))
            start += entries
        if start != self.count:
            raise ValueError("its packs do not have its entries")
        for head in heads:
            frames = sum(self._stored[head.numbers.start : head.numbers.stop])
            if head.size != HEADER_BYTES + len(head.numbers) * ENTRY_BYTES + frames + TRAILER_BYTES:
                raise ValueError(f"pack {head.name} cannot have {head.size:,} bytes")
        return heads

    def pack(self, head: PackHead) -> IndexedPack:
        """Return a pack with all its entries. Raises ValueError."""
        entries = [self.entry(head, number) for number in head.numbers]
        return IndexedPack(head.name, head.size, entries, [self.digest(number) for number in head.numbers])

    def entry(self, head: PackHead, number: int) -> Entry:
        """Return an entry of a pack. Raises ValueError."""
        kind, size, stored = self._kinds[number], self._sizes[number], self._stored[number]
        if problem := bound_problem(kind, size, stored):
            raise ValueError(f"entry {number}: {problem}")
        base = _part(self._bases, number)
        return Entry(
            kind,
            _part(self.ids, number),
            None if base == NO_BASE else base,
            self._depths[number],
            size,
            stored,
            self._offset(head, number),
        )

    def digest(self, number: int) -> bytes:
        """Return the BLAKE2b-128 of an entry with its frame."""
        return _part(self._digests, number)

    def _offset(self, head: PackHead, number: int) -> int:
        """Return where the frame of an entry is in its pack."""
        start, stop = head.numbers.start, head.numbers.stop
        if head.name not in self._offsets:
            lengths = (ENTRY_BYTES + stored for stored in self._stored[start:stop])
            self._offsets[head.name] = array("Q", accumulate(lengths, initial=HEADER_BYTES))
        return self._offsets[head.name][number - start] + ENTRY_BYTES


def _part(column: bytes | memoryview, number: int) -> bytes:
    return bytes(column[number * ID_BYTES : (number + 1) * ID_BYTES])


def _numbers(values: list[int]) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _read_numbers(column: memoryview) -> array[int]:
    values = array("I" if array("I").itemsize == 4 else "L")  # noqa: PLR2004 - bytes, as in the column
    values.frombytes(column)
    if sys.byteorder == "little":
        values.byteswap()
    return values
