"""Records: the values of a row as SQLite stores them.

    header bytes (varint, counts itself), a serial type (varint) a value; then the values

    serial type   0     1-6               7      8  9  12, 14, ...   13, 15, ...
    value         NULL  integer of 1, 2,  float  0  1  blob of       text of
                        3, 4, 6, 8 bytes               (n-12)/2      (n-13)/2 bytes

Integers and floats are big-endian. Source: SQLite file format, 2.1.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

from snapstore.results.long_value import LongValue

Value: TypeAlias = int | float | str | bytes | LongValue | None
"""A value of a column. Text that is invalid in the database's encoding keeps its bytes (see `text_bytes`).

A LongValue comes only from where it was asked for (see long_values.py).
"""

UTF8, UTF16LE, UTF16BE = "utf-8", "utf-16-le", "utf-16-be"
ENCODINGS = {0: UTF8, 1: UTF8, 2: UTF16LE, 3: UTF16BE}  # by the number in the header, 0 before any text is written
_KEPT = {UTF8: "surrogateescape", UTF16LE: "surrogatepass", UTF16BE: "surrogatepass"}
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_FLOAT, _ZERO, _ONE, _RESERVED, _FIRST_SIZED = 7, 8, 9, (10, 11), 12
_UNPACK_FLOAT = struct.Struct(">d").unpack_from
_SMALL_VARINT = 0x80
_VARINT_BYTES = 9


class RecordError(ValueError):
    """Bytes that are not a valid record."""


def varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Read a varint at an offset; return its unsigned value and the offset after it. Raises IndexError."""
    value = data[at]
    if value < _SMALL_VARINT:
        return value, at + 1
    if (second := data[at + 1]) < _SMALL_VARINT:
        return (value & 0x7F) << 7 | second, at + 2
    value = 0
    for place in range(_VARINT_BYTES):
        byte = data[at + place]
        if place == _VARINT_BYTES - 1:
            return (value << 8) | byte, at + _VARINT_BYTES
        value = (value << 7) | (byte & 0x7F)
        if byte < _SMALL_VARINT:
            return value, at + place + 1
    raise AssertionError("a varint has at most nine bytes")


def signed(value: int) -> int:
    """Return a 64-bit varint as the signed integer it stands for."""
    return value - (1 << 64) if value >> 63 else value


def decode(payload: bytes | bytearray, encoding: str) -> list[Value]:
    """Return the values of a record. Raises RecordError."""
    try:
        return decode_values(payload, serial_types(payload), encoding)
    except (IndexError, OverflowError, struct.error) as error:
        raise RecordError("it ends too early") from error


def serial_types(payload: bytes | bytearray) -> tuple[list[int], int]:
    """Return the serial types, and the offset of the first value. Raises RecordError, IndexError."""
    end, at = varint(payload, 0)
    if end > len(payload):
        raise RecordError("its header is longer than the record")
    types = []
    while at < end:
        kind = payload[at]
        if kind < _SMALL_VARINT:
            at += 1
        else:
            kind, at = varint(payload, at)
        types.append(kind)
    if at != end:
        raise RecordError("its header does not end where it says")
    return types, end


def stored_bytes(kind: int) -> int:
    """Return how many bytes a value of a serial type has."""
    if kind >= _FIRST_SIZED:
        return (kind - _FIRST_SIZED) >> 1
    return 8 if kind == _FLOAT else _INTEGER_BYTES[kind] if kind < _FLOAT else 0


def decode_values(payload: bytes | bytearray, header: tuple[list[int], int], encoding: str) -> list[Value]:
    """Return the values of some serial types that begin at an offset. Raises RecordError."""
    types, at = header
    values: list[Value] = []
    # A slice of a view is no copy: a long value is in memory twice, and not three times.
    source = payload if isinstance(payload, bytes) else memoryview(payload)
    for kind in types:
        if kind >= _FIRST_SIZED:
            size = (kind - _FIRST_SIZED) >> 1
            data = source[at : at + size]
            values.append(decode_text(data, encoding) if kind & 1 else bytes(data))
        elif kind < _FLOAT:
            size = _INTEGER_BYTES[kind]
            data = source[at : at + size]
            values.append(int.from_bytes(data, "big", signed=True) if kind else None)
        elif kind == _FLOAT:
            size = 8
            value = _UNPACK_FLOAT(payload, at)[0]
            # SQLite reads NaN as NULL. -0.0 becomes 0.0, which no comparison can tell from it.
            values.append(value + 0.0 if value == value else None)  # noqa: PLR0124 - a NaN does not equal itself
        elif kind in _RESERVED:
            raise RecordError(f"it has serial type {kind}, which SQLite reserves")
        else:
            size = 0
            values.append(kind - _ZERO)
        at += size
    if at > len(payload):
        raise RecordError("its values are longer than the record")
    return values


def decode_text(data: bytes | memoryview, encoding: str) -> str:
    """Return text; invalid bytes become lone surrogates, which `text_bytes` turns into the bytes again."""
    if encoding != UTF8 and len(data) % 2:
        data = data[:-1]  # as SQLite does
    return str(data, encoding, _KEPT[encoding])


def text_bytes(text: str, encoding: str) -> bytes:
    """Return the bytes that `decode_text` made text of."""
    return text.encode(encoding, _KEPT[encoding])


def is_valid_text(text: str) -> bool:
    """Tell whether text can be passed to SQLite as it is."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
