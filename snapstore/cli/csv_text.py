"""Rows as CSV (RFC 4180), from which each value can be read back with its type.

    NULL                        nothing between the commas
    number                      12, 1.5, inf
    text                        as it is; in quotes if it is empty, has a comma, a quote or a line break in it, or
                                looks like one of the others
    bytes                       x'00ff'
    text that is not Unicode    CAST(x'61ff' AS TEXT), with the bytes that the database holds

So a field in quotes is text. Only the third kind is ever in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from snapstore.results.values import Value, text_that_is_not_unicode

_NEEDS_QUOTES = re.compile(r"[\",\r\n]")
_LIKE_ANOTHER = re.compile(
    r"\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf(inity)?|nan|x'.*|cast\(.*|)\s*", re.IGNORECASE | re.DOTALL
)
_LINE_END = "\r\n"


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Value]]) -> Iterator[str]:
    """Yield the line of the column names, then a line for each row."""
    yield ",".join(_quoted(name) if _NEEDS_QUOTES.search(name) else name for name in columns) + _LINE_END
    for row in rows:
        yield ",".join(map(_field, row)) + _LINE_END


def _field(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if not isinstance(value, str):
        return repr(value)
    if odd := text_that_is_not_unicode(value):
        return f"CAST(x'{odd[0].hex()}' AS TEXT)"
    return _quoted(value) if _NEEDS_QUOTES.search(value) or _LIKE_ANOTHER.fullmatch(value) else value


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
