"""Object ids: the xxh3-128 of an object's bytes. They find accidents, not forgers (docs/design.md)."""

from __future__ import annotations

import xxhash

ID_BYTES = 16
SHORT_HEX = 10  # shown to people; a unique prefix of at least MIN_PREFIX_HEX is accepted
MIN_PREFIX_HEX = 4

object_id = xxhash.xxh3_128_digest
"""Return the 16-byte id of `data`; releases the interpreter lock for large inputs."""


def short(object_hex: str) -> str:
    """Return the leading hex digits of an id that messages show."""
    return object_hex[:SHORT_HEX]
