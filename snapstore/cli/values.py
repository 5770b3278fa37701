"""Values of rows as people and JSON read them."""

from __future__ import annotations

import base64
from typing import Any

from snapstore.database.record import Value, is_valid_text

EXACT = 1 << 53  # past it, readers of JSON that know only floats would round
LONGEST = 40  # characters of a value in a line


def shown(value: Value, longest: int | None = LONGEST) -> str:
    """Return a value on one line, shortened to about `longest` characters."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return _shown_bytes(value, longest)
    if isinstance(value, str):
        return _shortened(escaped(value), longest)
    return repr(value)


def escaped(text: str) -> str:
    """Return text in quotes, with what would move the cursor or is no character escaped."""
    inner = "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )
    return f"'{inner}'"


def plain_value(value: Value) -> Any:
    """Return a value as JSON has it: blobs and inexact integers as objects."""
    if isinstance(value, bytes):
        return {"blob": base64.b64encode(value).decode(), "bytes": len(value)}
    if isinstance(value, int) and not -EXACT <= value <= EXACT:
        return {"int": str(value)}
    if isinstance(value, float) and value - value != 0:  # an infinity, which JSON has not
        return {"float": "inf" if value > 0 else "-inf"}
    if isinstance(value, str) and not is_valid_text(value):
        return {"text": value.encode("utf-8", "backslashreplace").decode()}
    return value


def _shown_bytes(value: bytes, longest: int | None) -> str:
    most = len(value) if longest is None else max(4, longest // 2 - 8)
    rest = f"… ({len(value):,} bytes)" if len(value) > most else ""
    return f"x'{value[:most].hex()}'{rest}"


def _shortened(text: str, longest: int | None) -> str:
    return text if longest is None or len(text) <= longest else text[: longest - 2] + "…'"
