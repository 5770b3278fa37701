"""A manifest: one state of one database, as the ids of its blocks.

    16 bytes: "SNAPMANI", page size (4), page count (4); then the block ids in order, 16 * n bytes

Integers are big-endian. The id of a manifest is the content id of the state: equal ids, equal states. The empty
database has page size 0 and page count 0, whatever its file says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from snapstore import blocks
from snapstore.ids import ID_BYTES, numbers_unlike, object_id

MAGIC = b"SNAPMANI"
_HEADER = struct.Struct(">8s I I")
_PAGE_SIZES = {1 << power for power in range(9, 17)}  # SQLite file format, 1.3.2


class Manifest(NamedTuple):
    """The block ids of a state, `16 * n bytes` in order; pages counted in `page_size` bytes."""

    page_size: int
    page_count: int
    block_ids: bytes

    @classmethod
    def of(cls, page_size: int, page_count: int, block_ids: bytes) -> Manifest:
        """Create the manifest of an image; the empty database has no page size."""
        return cls(page_size if page_count else 0, page_count, block_ids)

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        return _HEADER.pack(MAGIC, self.page_size, self.page_count) + self.block_ids

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read what `encode` wrote. Raises ValueError."""
        if len(data) < _HEADER.size:
            raise ValueError("manifest is too short")
        magic, page_size, page_count = _HEADER.unpack_from(data)
        if page_size not in _PAGE_SIZES and (page_size or page_count):
            raise ValueError(f"manifest of pages of {page_size} bytes")
        wanted = blocks.block_count(page_size, page_count)
        if magic != MAGIC or len(data) != _HEADER.size + wanted * ID_BYTES:
            raise ValueError(f"manifest of {page_count} pages does not have {wanted} blocks")
        return cls(page_size, page_count, data[_HEADER.size :])

    @property
    def id(self) -> bytes:
        """The content id."""
        return object_id(self.encode())

    @property
    def block_count(self) -> int:
        """How many blocks the image has."""
        return len(self.block_ids) // ID_BYTES

    @property
    def image_bytes(self) -> int:
        """The length of the image."""
        return self.page_size * self.page_count

    def block_id(self, number: int) -> bytes | None:
        """Return the id of a block, None past the end."""
        return self.block_ids[number * ID_BYTES : (number + 1) * ID_BYTES] or None

    def blocks_unlike(self, other: Manifest) -> Iterator[tuple[int, bytes]]:
        """Yield the number and id of each block that `other` does not have at the same place."""
        for number in numbers_unlike(self.block_ids, other.block_ids):
            yield number, self.block_ids[number * ID_BYTES : (number + 1) * ID_BYTES]
