"""Keys as SQLite compares them: which values count as one, under the collations that SQLite has itself.

A collation that only the application has cannot be asked. There, equal values are equal, and no others: every collation
agrees to that. Source: sqlite.org/datatype3.html, 4.2 and 7.
"""

from __future__ import annotations

from snapstore.database.identifiers import folded
from snapstore.database.record import Value

NOCASE, RTRIM = "NOCASE", "RTRIM"
_INTEGERS = range(-(1 << 63), 1 << 63)


def as_compared(value: Value, collation: str) -> Value:
    """Return the same value for all values that are equal under a collation."""
    if isinstance(value, float) and value.is_integer() and int(value) in _INTEGERS:
        return int(value)
    if not isinstance(value, str):
        return value
    name = collation.upper()
    if name == RTRIM:
        return value.rstrip(" ")
    return _folded(value) if name == NOCASE else value


def without_case(text: bytes) -> tuple[bytes, int]:
    """Return UTF-8 as NOCASE compares it: ASCII letters folded up to the first zero byte, and then the length."""
    head, zero, _ = text.partition(b"\0")
    return head.lower() + zero, len(text)


def _folded(text: str) -> str:
    if "\0" not in text:
        return folded(text)
    head, length = without_case(_utf8(text))
    return f"{head.decode('utf-8', 'surrogateescape')}{length}"


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, from a database in UTF-16
        return text.encode("utf-8", "surrogatepass")
