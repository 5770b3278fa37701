"""Long values, read part by part: what stands for them where rows are compared and only their beginnings are shown.

Two long values are equal if their types, their sizes and their BLAKE2b digests are. Text is hashed as the database
stores it, so both sides have to be of one encoding. Where a value itself is needed, its table is read whole (see
`TableDiff.read_whole`).
"""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.database.btree import LongPayload
from snapstore.database.record import (
    UTF8,
    RecordError,
    Value,
    decode_text,
    decode_values,
    serial_types,
    stored_bytes,
    varint,
)
from snapstore.results.long_value import BLOB, TEXT, LongValue

LONG_BYTES = 1 << 16  # no node of an R-tree is longer, and a thousand values of this size are not much
_HEAD_BYTES, _HEAD_CHARACTERS = 1024, 200  # no character has more than four bytes
_DIGEST_BYTES = 32


def decode_long(payload: LongPayload, encoding: str) -> list[Value]:
    """Return the values of a record, with a LongValue for each long one. Raises RecordError, DamagedPage."""
    source = _Source(payload.parts())
    end = varint(payload.here, 0)[0]
    if end > payload.size:
        raise RecordError("its header is longer than the record")
    try:
        types, _ = serial_types(source.take(end))
    except IndexError as error:
        raise RecordError("it ends too early") from error
    if end + sum(map(stored_bytes, types)) > payload.size:
        raise RecordError("its values are longer than the record")
    return [_value(source, kind, encoding) for kind in types]


class _Source:
    """Bytes that come in parts."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._part, self._at = b"", 0

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the next bytes, as they come."""
        while size > 0:
            if self._at == len(self._part):
                self._part, self._at = next(self._parts), 0
            piece = self._part[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        return b"".join(self.pieces(size))


def _value(source: _Source, kind: int, encoding: str) -> Value:
    size = stored_bytes(kind)
    if size > LONG_BYTES:
        return _long_value(source, size, TEXT if kind & 1 else BLOB, encoding)
    (value,) = decode_values(source.take(size), ([kind], 0), encoding)
    return value


def _long_value(source: _Source, size: int, kind: str, encoding: str) -> LongValue:
    from hashlib import blake2b  # few databases have long values

    counted = size - size % 2 if kind == TEXT and encoding != UTF8 else size  # as `decode_text` does
    state, head = blake2b(digest_size=_DIGEST_BYTES), b""
    for piece in source.pieces(counted):
        state.update(piece)
        head += piece[: _HEAD_BYTES - len(head)]
    source.take(size - counted)
    start = decode_text(head, encoding)[:_HEAD_CHARACTERS] if kind == TEXT else head
    return LongValue(kind, counted, state.digest(), start)
