"""Identifiers as SQLite compares them."""

from __future__ import annotations

_LOWER = {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}


def folded(name: str) -> str:
    """Return a name as SQLite compares it: in lower case, but only ASCII letters are folded."""
    return name.translate(_LOWER)
