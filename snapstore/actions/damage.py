"""Damage that SQLite itself finds in a live database."""

from __future__ import annotations

from snapstore.database.view import View
from snapstore.errors import SqlFailed

MOST_PROBLEMS = 3
_NOT_DAMAGE = ("no such module", "unable to validate")  # what the application's SQLite has, and ours lacks


def problems(view: View) -> list[str]:
    """Return what `PRAGMA quick_check` finds, each on one line; nothing where all is well. It reads the whole file.

    Nothing is found either where SQLite lacks a collation or function of the application, and so cannot check.
    """
    try:
        rows = view.connection.rows(f"PRAGMA quick_check({MOST_PROBLEMS})")
    except SqlFailed:
        return []
    found = [str(row[0]).replace("\n", " ") for row in rows]
    return [] if found == ["ok"] else found


def is_damage(found: list[str]) -> bool:
    """Tell whether what was found is damage, and not only a module that is missing here."""
    return not all(any(text in one for text in _NOT_DAMAGE) for one in found)
