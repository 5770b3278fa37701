"""How an object's bytes are compressed: one zstd frame, with the base object as prefix where one is given.

A prefix makes the difference between two versions of a block cost what changed (docs/design.md). A reader says how
long the object is, and never gets more.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 1  # of an object alone: higher ones cost a first take more time than they save room
DELTA_LEVEL = 2  # quicker than 3 for a block of which a page changed, for a few bytes more
_LONG_BYTES = 1 << 20  # past it matches in the prefix are only found by long-distance matching
_MAX_WINDOW_LOG = 31
_MIN_WINDOW_LOG = 10


def compress(data: bytes | bytearray, prefix: bytes | None = None) -> bytes:
    """Return `data` as one zstd frame."""
    if prefix is None:
        return zstd.compress(data, level=LEVEL)
    dictionary = zstd.ZstdDict(prefix, is_raw=True).as_prefix
    if len(data) + len(prefix) <= _LONG_BYTES:
        return zstd.compress(data, level=DELTA_LEVEL, zstd_dict=dictionary)
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: DELTA_LEVEL,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
        zstd.CompressionParameter.window_log: _window_log(len(data) + len(prefix)),
    }
    return zstd.compress(data, options=options, zstd_dict=dictionary)


def decompress(frame: bytes, size: int, prefix: bytes | None = None) -> bytes:
    """Return the `size` bytes of a frame. Raises ValueError for a damaged frame."""
    dictionary = zstd.ZstdDict(prefix, is_raw=True).as_prefix if prefix is not None else None
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _window_log(size + len(prefix or b""))}
    try:
        unpack = zstd.ZstdDecompressor(zstd_dict=dictionary, options=options)
        data = unpack.decompress(frame, size)
    except zstd.ZstdError as error:
        raise ValueError(str(error).lower()) from error
    if len(data) != size or not unpack.eof or unpack.unused_data:
        raise ValueError("the frame's size is not the entry's")
    return data


def decompress_bounded(frame: bytes, most: int) -> bytes:
    """Return what is in a frame that says its own size, at most `most` bytes. Raises ValueError."""
    try:
        size: int | None = zstd.get_frame_info(frame).decompressed_size
    except zstd.ZstdError as error:
        raise ValueError(str(error).lower()) from error
    if size is None or size > most:
        raise ValueError(f"a frame of {'unknown' if size is None else f'{size:,}'} bytes")
    return decompress(frame, size)


def _window_log(size: int) -> int:
    return max(_MIN_WINDOW_LOG, min(_MAX_WINDOW_LOG, size.bit_length()))
