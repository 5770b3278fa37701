"""JSON as the standard library has it, by its C code alone, which `json` loads `re` around.

A start should pay for neither. Whatever is not plain JSON from the first character to
the last is left to `json`, which says what is wrong with it.
"""

from __future__ import annotations

from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["dumps", "loads"]


class _Reading:
    """How `json.loads` reads, unless it is told otherwise."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not of JSON")


_scan: Any = None
_make_encoder: Any = None
with suppress(ImportError, TypeError):  # another Python has no such module, and a later one may ask for more
    from _json import encode_basestring_ascii, make_encoder, make_scanner

    _scan = make_scanner(_Reading)  # type: ignore[arg-type]  # it only looks at it
    make_encoder({}, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, True)
    _make_encoder = make_encoder


def loads(data: str | bytes) -> Any:
    """Read a document; bytes are UTF-8. Raises ValueError."""
    text = data if isinstance(data, str) else data.decode()
    if _scan:
        with suppress(StopIteration):
            value, end = _scan(text, 0)
            if end == len(text):
                return value
    import json

    return json.loads(text)


def dumps(value: object, *, sort_keys: bool = False, separators: tuple[str, str] = (", ", ": ")) -> str:
    """Write a document, in ASCII. Raises TypeError and ValueError for what JSON has not."""
    if not _make_encoder:
        import json

        return json.dumps(value, sort_keys=sort_keys, separators=separators)
    between, behind_key = separators
    encode = _make_encoder({}, _refuse, encode_basestring_ascii, None, behind_key, between, sort_keys, False, True)
    return "".join(encode(value, 0))
