"""Patterns of `ignore:` in a tree: what belongs to no snapshot, and is never touched.

A pattern without a slash is for names at any depth, one with a slash for paths from the root. `*` and `?` stay within a
name, `**` goes across folders. If a folder matches, all that is in it is ignored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

_SEPARATOR = "/"
_TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_WILD = {"**/": "(?:.*/)?", "/**": "/.+", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Patterns:
    """Tells which paths, relative to the root, are ignored."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.texts = tuple(patterns)
        joined = "|".join(_expression(one) for one in patterns)
        self._compiled = re.compile(os.fsencode(joined), re.DOTALL) if joined else None

    def match(self, path: bytes) -> bool:
        """Tell whether a path is ignored; the folders above it were not."""
        return self._compiled is not None and self._compiled.fullmatch(path) is not None

    def matches_any(self, path: bytes) -> bool:
        """Tell whether a path, or a folder above it, is ignored."""
        if self._compiled is None:
            return False
        names = path.split(b"/")
        return any(self.match(b"/".join(names[:depth])) for depth in range(1, len(names) + 1))


def _expression(pattern: str) -> str:
    """Return a regular expression for whole paths. Raises re.error."""
    text = pattern.rstrip(_SEPARATOR)
    anywhere = "(?:.*/)?" if _SEPARATOR not in text else ""
    found = anywhere + "".join(_parts(text.removeprefix(_SEPARATOR)))
    re.compile(found)
    return f"(?:{found})"


def _parts(text: str) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        if token in _WILD:
            yield _WILD[token]
        elif token.startswith("[") and len(token) > 1:
            inside = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            yield f"[^/{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
        else:
            yield re.escape(token)
