"""A zstd frame of the bytes in which an object differs from its base, and copies of the base between them.

Where the places that differ are known, the frame need not be searched for, which takes most of the time of a
compressor. Any decoder reads it, with the base as prefix. Source: RFC 8878, 3.1.

    frame      magic (4), descriptor (1), window descriptor (1), content size - 256 (2) or content size (4); then blocks
    block      last (bit 0), type (bits 1-2), size (bits 3-23), 3 bytes in all; then its content
    raw        type 0: the bytes that differ
    copy       type 2: no literals (1 byte 0), one sequence (1), a code of one symbol for literal lengths, offsets and
               match lengths (0x54), the three symbols; then the extra bits of the offset and of the match length

All integers are little-endian. The extra bits are read from the end, which a bit that is set marks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from snapstore.spans import Span

_MAGIC = b"\x28\xb5\x2f\xfd"
_SIZE_2, _SIZE_4 = 0x40, 0x80  # descriptors: how many bytes the content size has
_LEAST_SIZE_2, _MOST_SIZE_2 = 256, 65791
_RAW, _COPY = 0, 2
_ONE_SEQUENCE = b"\x00\x01\x54\x00"
_OFFSET_BASE, _LENGTH_BASE = -3, 3  # added to a power of two, that is the least offset or match length of a code
_FIRST_LENGTH_CODE = 36  # of a power of two as match length; up to 2^6 the codes are others
_LEAST_COPY = 128 + _LENGTH_BASE
_MOST_BYTES = 1 << 16  # of one block of the frame, which may have 128 KiB


def copy_frame(data: bytes | bytearray, base_bytes: int, spans: Iterable[Span]) -> bytes:
    """Return the frame of an object that has the bytes of its base but in some spans, which are in order.

    What the object has beyond the length of the base is in a span.
    """
    parts: list[bytes | bytearray] = [_header(len(data), base_bytes)]
    at = 0
    for start, end in _joined(spans, len(data)):
        parts += _copies(base_bytes, start - at)
        for first in range(start, end, _MOST_BYTES):
            raw = data[first : min(first + _MOST_BYTES, end)]
            parts += (_block(_RAW, len(raw)), raw)
        at = end
    parts += _copies(base_bytes, len(data) - at)
    parts.append(_LAST)
    return b"".join(parts)


def _joined(spans: Iterable[Span], size: int) -> Iterator[Span]:
    """Join spans that are close to each other, or to the beginning or the end of the object."""
    start = end = 0
    for first, last in spans:
        if first - end >= _LEAST_COPY:
            if end > start:
                yield start, end
            start = first
        end = last
    if size - end < _LEAST_COPY:
        end = size
    if end > start:
        yield start, end


def _header(size: int, base_bytes: int) -> bytes:
    window = max(10, (size + base_bytes - 1).bit_length())
    if _LEAST_SIZE_2 <= size <= _MOST_SIZE_2:
        return _MAGIC + struct.pack("<BBH", _SIZE_2, window - 10 << 3, size - _LEAST_SIZE_2)
    return _MAGIC + struct.pack("<BBI", _SIZE_4, window - 10 << 3, size)


def _block(kind: int, size: int, *, is_last: bool = False) -> bytes:
    return (size << 3 | kind << 1 | is_last).to_bytes(3, "little")


_LAST = _block(_RAW, 0, is_last=True)


def _copies(offset: int, size: int) -> Iterator[bytes]:
    """Yield the blocks that repeat `size` bytes from `offset` bytes before; nothing or at least `_LEAST_COPY`."""
    while size > _MOST_BYTES:
        yield _copy(offset, _MOST_BYTES - _LEAST_COPY)  # so that enough is left for the last one
        size -= _MOST_BYTES - _LEAST_COPY
    if size:
        yield _copy(offset, size)


def _copy(offset: int, size: int) -> bytes:
    """Return a block that repeats `size` bytes, at least `_LEAST_COPY`, from `offset` bytes before."""
    far, long = offset - _OFFSET_BASE, size - _LENGTH_BASE
    far_bits, long_bits = far.bit_length() - 1, long.bit_length() - 1
    extra = far << long_bits | long - (1 << long_bits)  # the highest bit of the offset is the mark of the end
    content = (
        _ONE_SEQUENCE
        + bytes((far_bits, _FIRST_LENGTH_CODE + long_bits))
        + extra.to_bytes((far_bits + long_bits) // 8 + 1, "little")
    )
    return _block(_COPY, len(content)) + content
