"""Colours, as marks in a text that only the writer (streams.py) turns into escape sequences.

Whatever else a line holds may come from a database, a file's name or a store, and is escaped when it is printed. A mark
carries a random key of this process, so no data can forge one.
"""

from __future__ import annotations

import os
import re

from snapstore.results.text import one_line

_CODES = {"red": "31", "green": "32", "yellow": "33"}  # SGR parameters (ECMA-48, 8.3.117)
_BOLD, _DIM, _RESET = "1", "2", "0"
_KEY = os.urandom(8).hex()
_MARK = re.compile(rf"\x1b{_KEY}\[(\d+)m")


def style(text: str, fg: str | None = None, *, bold: bool = False, dim: bool = False) -> str:
    """Return text between marks for a colour and a weight."""
    codes = ([_CODES[fg]] if fg else []) + [_BOLD] * bold + [_DIM] * dim
    return f"{''.join(map(_mark, codes))}{text}{_mark(_RESET)}"


def plain(text: str) -> str:
    """Return text without its marks."""
    return _MARK.sub("", text)


def escaped(text: str, keep: str = "") -> str:
    """Return text with escapes for what could move the cursor; marks, and the characters to keep, stay."""
    if text.isprintable():
        return text
    pieces = _MARK.split(text)
    return "".join(_mark(piece) if at % 2 else _escaped(piece, keep) for at, piece in enumerate(pieces))


def rendered(text: str, *, color: bool, keep: str = "") -> str:
    """Return text as a stream takes it: escaped, its marks as escape sequences, or left out without colours."""
    return _MARK.sub("\x1b[\\1m" if color else "", escaped(text, keep))


def _mark(codes: str) -> str:
    return f"\x1b{_KEY}[{codes}m"


def _escaped(text: str, keep: str) -> str:
    if not keep:
        return one_line(text)
    return "".join(piece if piece in keep else one_line(piece) for piece in re.split(f"([{re.escape(keep)}])", text))
