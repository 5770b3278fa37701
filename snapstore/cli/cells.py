"""Values of rows as the cells of a page show them: short, on one line, and quoted where text looks like a number."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

from snapstore.results.text import value_text
from snapstore.results.values import Value

Words = list[tuple[str, bool]]
"""A statement in pieces, each with whether only this side has it."""

_LONGEST = 90  # characters of a text in a cell, and twice the bytes of a blob
_WHOLE = 20_000  # characters of a text that a cell unfolds to
_LEAD = 24  # characters shown before the place where two long texts begin to differ
_MOST_WORDS = 4000  # past it, comparing two statements word by word takes long
_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
_LIKE_ANOTHER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf|null|x?'.*|", re.IGNORECASE | re.DOTALL)


class Shown(NamedTuple):
    """A value as text; of kind `null`, `blob`, or `long` for a text that unfolds to `whole`."""

    text: str
    kind: str = ""
    whole: str = ""
    characters: int = 0
    left_out: int = 0


_NULL = Shown("NULL", "null")


def show(value: Value, start: int = 0) -> Shown:
    """Return a value as a cell shows it; a long one from about `start`."""
    if value is None:
        return _NULL
    if isinstance(value, bytes):
        return Shown(_blob(value, start), "blob")
    if not isinstance(value, str):
        return Shown(repr(value))
    if len(value) > _LONGEST:
        return _long(value, start)
    needs_quotes = _LIKE_ANOTHER.fullmatch(value) or value != value.strip()
    return Shown(f"'{value}'" if needs_quotes else value)


def show_change(old: Value, new: Value) -> tuple[Shown, Shown]:
    """Return both values; long ones from the place where they begin to differ."""
    start = 0
    if (isinstance(old, str) and isinstance(new, str)) or (isinstance(old, bytes) and isinstance(new, bytes)):
        start = _first_difference(old, new)
    return show(old, start), show(new, start)


def compare_words(old: str, new: str) -> tuple[Words, Words]:
    """Return two statements in pieces, the words that only one of them has marked."""
    sides = _WORDS.findall(old), _WORDS.findall(new)
    if sum(map(len, sides)) > _MOST_WORDS:
        return [(old, False)], [(new, False)]
    found: tuple[Words, Words] = ([], [])
    for kind, *places in SequenceMatcher(None, *sides, autojunk=False).get_opcodes():
        for pieces, words, start, end in zip(found, sides, places[::2], places[1::2], strict=True):
            if start < end:
                pieces.append(("".join(words[start:end]), kind != "equal"))
    return found


def _long(text: str, start: int) -> Shown:
    begin = start - _LEAD if start > _LONGEST - _LEAD else 0
    end = begin + _LONGEST
    piece = f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"
    return Shown(piece, "long", text[:_WHOLE], len(text), max(0, len(text) - _WHOLE))


def _blob(data: bytes, start: int) -> str:
    """Return the first bytes of a blob and its size, or the bytes at `start` if that is further on."""
    if start < _LONGEST // 4:
        return value_text(data, _LONGEST // 2)
    piece = data[start : start + _LONGEST // 8].hex()
    return f"x'…{piece}…' (from byte {start:,} of {len(data):,})"


def _first_difference(old: str | bytes, new: str | bytes) -> int:
    """Return how many characters or bytes two values begin with alike."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
