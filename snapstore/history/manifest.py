"""A manifest: one state of one database, as the ids of its blocks.

    16 bytes: "SNAPMANI", page size (4), page count (4); then the block ids in order, 16 * n bytes

Integers are big-endian. Its own id is the content id of the state: equal ids, equal states. The empty
database has page size 0 and page count 0, whatever its file says.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from snapstore import blocks
from snapstore.ids import ID_BYTES, object_id

MAGIC = b"SNAPMANI"
_HEADER = struct.Struct(">8s I I")


class Manifest(NamedTuple):
    """The block ids of a state, pages counted in `page_size` bytes."""

    page_size: int
    page_count: int
    block_ids: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        page_size = self.page_size if self.page_count else 0
        return _HEADER.pack(MAGIC, page_size, self.page_count) + b"".join(self.block_ids)

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read what `encode` wrote. Raises ValueError."""
        if len(data) < _HEADER.size:
            raise ValueError("manifest is too short")
        magic, page_size, page_count = _HEADER.unpack_from(data)
        ids = tuple(data[at : at + ID_BYTES] for at in range(_HEADER.size, len(data), ID_BYTES))
        wanted = blocks.block_count(page_size, page_count)
        if magic != MAGIC or len(data) != _HEADER.size + wanted * ID_BYTES:
            raise ValueError(f"manifest of {page_count} pages has {len(ids)} blocks, not {wanted}")
        return cls(page_size, page_count, ids)

    @property
    def id(self) -> bytes:
        """The content id."""
        return object_id(self.encode())

    @property
    def image_bytes(self) -> int:
        """The length of the image."""
        return self.page_size * self.page_count

    def block_bytes(self, index: int) -> int:
        """Return the length of block `index`."""
        return blocks.block_bytes(index, self.page_size, self.page_count)
