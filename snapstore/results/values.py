"""Values of rows, and the one way in which JSON holds those that it has no word for.

    bytes                            {"blob": "<base64>", "bytes": 3}
    an integer beyond 2^53           {"int": "9007199254740993"}
    an infinity, or not a number     {"float": "inf"}, "-inf" or "nan"
    text that is not Unicode         {"text": "<base64>", "encoding": "utf-8"}

The base64 of such a text holds the bytes that the database holds. Python has them as lone surrogates (PEP 383).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from snapstore.results.long_value import LongValue

Value = int | float | str | bytes | LongValue | None
"""A value; a LongValue only where a command shows no more than its beginning."""
Row = Mapping[str, Value]
"""The values of a row, by column."""

EXACT = 1 << 53  # a reader of JSON that knows only floats rounds larger integers
_HANDLERS = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass"}  # as database/record.py decodes text


def encode_value(value: Value) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, str):
        odd = text_that_is_not_unicode(value)
        return {"text": base64.b64encode(odd[0]).decode(), "encoding": odd[1]} if odd else value
    if isinstance(value, bytes):
        return {"blob": base64.b64encode(value).decode(), "bytes": len(value)}
    if isinstance(value, int):
        return value if -EXACT <= value <= EXACT else {"int": str(value)}
    if isinstance(value, LongValue):
        raise TypeError("of a long value only the beginning was read")
    if isinstance(value, float) and value - value != 0:  # only for infinities and NaN
        return {"float": repr(value)}
    return value


def decode_value(document: Any) -> Value:
    """Return the value that `encode_value` was given. Raises ValueError for an object of another kind."""
    if not isinstance(document, dict):
        value: Value = document
        return value
    if "blob" in document:
        return base64.b64decode(document["blob"])
    if "int" in document:
        return int(document["int"])
    if "float" in document:
        return float(document["float"])
    if "text" in document:
        encoding = document["encoding"]
        return base64.b64decode(document["text"]).decode(encoding, _HANDLERS[encoding])
    raise ValueError(f"not a value of a row: {sorted(document)}")


def encode_row(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it."""
    found: dict[str, Any] = dict(row)
    for name, value in row.items():
        if type(value) is str:
            if not value.isascii():
                found[name] = encode_value(value)
        elif type(value) is int:
            if not -EXACT <= value <= EXACT:
                found[name] = encode_value(value)
        elif value is not None:
            found[name] = encode_value(value)
    return found


def decode_row(document: Mapping[str, Any]) -> Row:
    """Return the row that `encode_row` was given; where JSON has words for all of its values, that is the document."""
    if dict not in map(type, document.values()):
        return document
    return {name: decode_value(value) for name, value in document.items()}


def text_that_is_not_unicode(text: str) -> tuple[bytes, str] | None:
    """Return the bytes that the database holds, and their encoding; None for text that is Unicode."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return None
    for encoding, handler in _HANDLERS.items():
        try:
            data = text.encode(encoding, handler)
        except UnicodeEncodeError:  # a lone surrogate of UTF-16, which no byte of UTF-8 stands for
            continue
        if data.decode(encoding, handler) == text:
            return data, encoding
    raise ValueError(f"no database holds such a text: {text!a}")
