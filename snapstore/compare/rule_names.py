"""Names in rules: as SQL writes them, or globs.

    users                    a table, or a column of every table
    cache_*                  a glob; letter case does not matter
    users.last_login         a column; both parts may be globs
    "people"."last.seen"     a name in quotes is meant as it is: no glob, and a dot in it divides nothing

A name is also understood as it is printed, whatever characters it has.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache

from snapstore.database.identifiers import folded
from snapstore.results.text import one_line

_QUOTED = r'"(?:[^"]|"")*"'
_ENDS_QUOTED = re.compile(rf"(?s)(?:(.+)\.)?({_QUOTED})")
_BEGINS_QUOTED = re.compile(rf"(?s)({_QUOTED})\.(.+)")
_NEEDS_QUOTES = re.compile(r'[*?\[\]".]|^\s|\s$|^$')


def fits(name: str, rule: str) -> bool:
    """Tell whether a rule means a name."""
    name, glob, exact = folded(name), *_read(rule)
    if name in (glob, exact):
        return True
    if not name.isprintable() and one_line(name) == glob:
        return True
    return exact is None and fnmatchcase(name, glob)


def fits_column(table: str, name: str, rule: str) -> bool:
    """Tell whether a rule means a column of a table."""
    if fits(name, rule) or folded(f"{table}.{name}") == folded(rule):
        return True
    of_table, of_column = divided(rule)
    return of_table is not None and fits(table, of_table) and fits(name, of_column)


@lru_cache(maxsize=1024)
def divided(rule: str) -> tuple[str | None, str]:
    """Return the table's part of a rule, None if it has none, and the column's."""
    if found := _ENDS_QUOTED.fullmatch(rule):
        return found[1], found[2]
    if found := _BEGINS_QUOTED.fullmatch(rule):
        return found[1], found[2]
    of_table, dot, of_column = rule.rpartition(".")
    return (of_table, of_column) if dot and of_table else (None, rule)


def rule_for(*names: str) -> str:
    """Return the rule that means a table, or a table and a column, and nothing else that has another name."""
    return ".".join(_written(name) for name in names)


@lru_cache(maxsize=1024)
def _read(rule: str) -> tuple[str, str | None]:
    """Return a rule in lower case, and the name that it has in quotes, None if it has none."""
    lower = folded(rule)
    is_quoted = re.fullmatch(rf"(?s){_QUOTED}", lower) is not None
    return lower, lower[1:-1].replace('""', '"') if is_quoted else None


def _written(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'"{quoted}"' if _NEEDS_QUOTES.search(name) or not name.isprintable() else name
