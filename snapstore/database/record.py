"""Records: the values of a row as SQLite stores them.

    header bytes (varint, counts itself), a serial type (varint) a value; then the values

    serial type   0     1-6               7      8  9  12, 14, ...   13, 15, ...
    value         NULL  integer of 1, 2,  float  0  1  blob of       text of
                        3, 4, 6, 8 bytes               (n-12)/2      (n-13)/2 bytes

Integers and floats are big-endian. Source: SQLite file format, 2.1.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

Value: TypeAlias = int | float | str | bytes | None
"""A value of a column; text that is not valid in the database's encoding keeps its bytes (see `text_bytes`)."""

UTF8, UTF16LE, UTF16BE = "utf-8", "utf-16-le", "utf-16-be"
ENCODINGS = {0: UTF8, 1: UTF8, 2: UTF16LE, 3: UTF16BE}  # by the header's number; 0 is a file without any text yet
_KEPT = {UTF8: "surrogateescape", UTF16LE: "surrogatepass", UTF16BE: "surrogatepass"}
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_FLOAT, _ZERO, _ONE, _RESERVED, _FIRST_SIZED = 7, 8, 9, (10, 11), 12
_UNPACK_FLOAT = struct.Struct(">d").unpack_from
_SMALL_VARINT = 0x80
_VARINT_BYTES = 9


class BadRecord(ValueError):
    """Bytes that are no record."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a varint at an offset; return its value, unsigned, and the offset after it. Raises IndexError."""
    value = data[at]
    if value < _SMALL_VARINT:
        return value, at + 1
    value = 0
    for place in range(_VARINT_BYTES):
        byte = data[at + place]
        if place == _VARINT_BYTES - 1:
            return (value << 8) | byte, at + _VARINT_BYTES
        value = (value << 7) | (byte & 0x7F)
        if byte < _SMALL_VARINT:
            return value, at + place + 1
    raise AssertionError("a varint ends at its ninth byte")


def signed(value: int) -> int:
    """Return a 64-bit varint as the signed integer it stands for."""
    return value - (1 << 64) if value >> 63 else value


def decode(payload: bytes, encoding: str) -> list[Value]:
    """Return the values of a record. Raises BadRecord."""
    try:
        return _values(payload, _serial_types(payload), encoding)
    except (IndexError, OverflowError, struct.error) as error:
        raise BadRecord("a record ends too early") from error


def _serial_types(payload: bytes) -> tuple[list[int], int]:
    """Return the serial types, and where the values begin."""
    end, at = varint(payload, 0)
    if end > len(payload):
        raise BadRecord("a record's header is longer than the record")
    types = []
    while at < end:
        kind = payload[at]
        if kind < _SMALL_VARINT:
            at += 1
        else:
            kind, at = varint(payload, at)
        types.append(kind)
    if at != end:
        raise BadRecord("a record's header does not end where it says")
    return types, end


def _values(payload: bytes, header: tuple[list[int], int], encoding: str) -> list[Value]:
    types, at = header
    values: list[Value] = []
    for kind in types:
        if kind >= _FIRST_SIZED:
            size = (kind - _FIRST_SIZED) >> 1
            data = payload[at : at + size]
            values.append(decode_text(data, encoding) if kind & 1 else data)
        elif kind < _FLOAT:
            size = _INTEGER_BYTES[kind]
            data = payload[at : at + size]
            values.append(int.from_bytes(data, "big", signed=True) if kind else None)
        elif kind == _FLOAT:
            size = 8
            value = _UNPACK_FLOAT(payload, at)[0]
            # SQLite reads NaN as NULL; -0.0, which no comparison tells from 0.0, becomes that here.
            values.append(value + 0.0 if value == value else None)  # noqa: PLR0124 - a NaN is unlike itself
        elif kind in _RESERVED:
            raise BadRecord(f"a record has the serial type {kind}, which SQLite reserves")
        else:
            size = 0
            values.append(kind - _ZERO)
        at += size
    if at > len(payload):
        raise BadRecord("a record's values are longer than the record")
    return values


def decode_text(data: bytes, encoding: str) -> str:
    """Return text; what is not valid becomes lone surrogates, from which `text_bytes` makes the bytes again."""
    if encoding != UTF8 and len(data) % 2:
        data = data[:-1]  # as SQLite does
    return data.decode(encoding, _KEPT[encoding])


def text_bytes(text: str, encoding: str) -> bytes:
    """Return the bytes of text that `decode_text` made of them."""
    return text.encode(encoding, _KEPT[encoding])


def is_valid_text(text: str) -> bool:
    """Tell whether text can be handed to SQLite as it is."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
