"""Object ids: the xxh3-128 of an object's bytes. They find accidents, not forgers (docs/design.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import xxhash

ID_BYTES = 16
_FAR, _NEAR = 256 * ID_BYTES, 16 * ID_BYTES  # compared at once: nearly all ids of two states are alike
SHORT_HEX = 10  # shown to people; a unique prefix of at least MIN_PREFIX_HEX is accepted
MIN_PREFIX_HEX = 4

object_id: Callable[[bytes | bytearray | memoryview], bytes] = xxhash.xxh3_128_digest
"""Return the 16-byte id of `data`; releases the interpreter lock for large inputs."""

entry_checksum: Callable[[bytes], int] = xxhash.xxh32_intdigest
"""Return the xxh32 of an entry in a pack."""

line_checksum: Callable[[bytes], str] = xxhash.xxh3_64_hexdigest
"""Return the xxh3-64 of a line of the reflog, in hex."""


def short(object_hex: str) -> str:
    """Return the leading hex digits of an id that messages show."""
    return object_hex[:SHORT_HEX]


def is_hex_id(text: object) -> bool:
    """Return whether something is an id in hex, as it is written in files."""
    return isinstance(text, str) and len(text) == 2 * ID_BYTES and not set(text) - set("0123456789abcdef")


def numbers_unlike(ids: bytes, others: bytes) -> Iterator[int]:
    """Yield the numbers, from 0, of those ids that `others` does not have at the same place."""
    for far in _unlike(range(0, len(ids), _FAR), _FAR, ids, others):
        for near in _unlike(range(far, min(far + _FAR, len(ids)), _NEAR), _NEAR, ids, others):
            for at in _unlike(range(near, min(near + _NEAR, len(ids)), ID_BYTES), ID_BYTES, ids, others):
                yield at // ID_BYTES


def _unlike(places: range, size: int, ids: bytes, others: bytes) -> Iterator[int]:
    return (at for at in places if ids[at : at + size] != others[at : at + size])
