"""Values of rows as people read them."""

from __future__ import annotations

from snapstore.database.record import Value

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
    if text.isprintable():
        return f"'{text}'"
    inner = "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )
    return f"'{inner}'"


def _shown_bytes(value: bytes, longest: int | None) -> str:
    most = len(value) if longest is None else max(4, longest // 2 - 8)
    rest = f"… ({len(value):,} bytes)" if len(value) > most else ""
    return f"x'{value[:most].hex()}'{rest}"


def _shortened(text: str, longest: int | None) -> str:
    return text if longest is None or len(text) <= longest else text[: longest - 2] + "…'"
