"""BLAKE2b-256: names of packs and indexes, and the chain of the log. Unlike object ids it holds against forgers."""

from __future__ import annotations

import hashlib

DIGEST_BYTES = 32
FRAME_BYTES = 16  # of the digest of one entry in a pack


def digest(data: bytes) -> str:
    """Return the BLAKE2b-256 in hex."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def checksum(data: bytes) -> str:
    """Return the MD5 in hex, which most servers of object storage have for an object. It holds against accidents."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def frame_digest(data: bytes) -> bytes:
    """Return the BLAKE2b-128 of an entry of a pack with its frame."""
    return hashlib.blake2b(data, digest_size=FRAME_BYTES).digest()
