"""The order of values in an index: storage classes, and the collations that SQLite brings with it.

Source: sqlite.org/datatype3.html, 4.1 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any, NamedTuple

from snapstore.database.collation import without_case
from snapstore.database.identifiers import folded
from snapstore.database.record import UTF8, Value, text_bytes


class KeyColumn(NamedTuple):
    """A column of an index: the name of its collation, and whether it is in descending order."""

    collation: str
    is_descending: bool


def sort_key(columns: Sequence[KeyColumn], encoding: str) -> Callable[[Sequence[Value]], Any] | None:
    """Return what sorts the entries of an index, None if a collation is not one of SQLite's own."""
    if any(folded(column.collation) not in ("binary", "nocase", "rtrim") for column in columns):
        return None

    def compare(one: Sequence[Value], other: Sequence[Value]) -> int:
        for column, left, right in zip(columns, one, other, strict=False):
            keys = _rank(left, column, encoding), _rank(right, column, encoding)
            if keys[0] != keys[1]:
                return (-1 if keys[0] < keys[1] else 1) * (-1 if column.is_descending else 1)
        return 0

    return cmp_to_key(compare)


def _rank(value: Value, column: KeyColumn, encoding: str) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, (int, float)):
        return 1, value
    if isinstance(value, bytes):
        return 3, value
    assert isinstance(value, str), "the entries of an index are read whole"
    collation = folded(column.collation)
    if collation == "binary":
        return 2, text_bytes(value, encoding)
    text = text_bytes(value, UTF8) if encoding == UTF8 else value.encode("utf-8", "surrogatepass")
    return 2, without_case(text) if collation == "nocase" else text.rstrip(b" ")
