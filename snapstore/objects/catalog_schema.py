"""What the schema of a catalog may hold: plain tables and plain indexes, as every release makes them.

A catalog may come from somebody else. A view under the name of a table, a trigger, a virtual table, a generated column
or an index on an expression would run the author's SQL whenever the catalog is read or written. So each statement of
the schema has to be one of the few forms below, whatever its table is called. Tables that a later release adds pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache

_NAME = r"""(?:\w+|"\w+")"""
_NAMES = rf"{_NAME}(?:, {_NAME})*"
_CHECK = rf"CHECK \((?:length\({_NAME}\) = \d+|{_NAME} IN \([\d, ]+\))\)"
_REFERENCE = rf"REFERENCES {_NAME}(?: ?\({_NAMES}\))?(?: ON DELETE CASCADE)?"
_VALUE = r"DEFAULT (?:-?\d+|NULL|'[^']*')"
_CONSTRAINT = rf"(?:PRIMARY KEY|AUTOINCREMENT|NOT NULL|UNIQUE|{_REFERENCE}|{_VALUE}|{_CHECK})"
_COLUMN = rf"{_NAME}(?: (?:TEXT|INTEGER|REAL|BLOB|ANY))?(?: {_CONSTRAINT})*"
_KEY = rf"(?:PRIMARY KEY|UNIQUE) ?\({_NAMES}\)"
_PARTS = rf"(?:{_COLUMN}|{_KEY})(?: ?, ?(?:{_COLUMN}|{_KEY}))*"
_TABLE = rf"CREATE TABLE {_NAME} ?\( ?{_PARTS} ?\)(?: ?STRICT)?(?:, WITHOUT ROWID)?"
_INDEX = rf"CREATE (?:UNIQUE )?INDEX {_NAME} ON {_NAME} ?\( ?{_NAMES} ?\)"
_LONGEST = 20_000  # characters of a statement
_FILES = ("schema.sql", "ledger.sql", "stat_cache.sql")


def schema_problem(rows: Iterable[tuple[object, object, object]]) -> str | None:
    """Return what is wrong with the rows (type, name, SQL) of a catalog's schema, None if nothing is."""
    for kind, name, sql in rows:
        if sql is None and kind == "index":  # of a primary key or a unique column
            continue
        if not isinstance(sql, str) or not (sql in _own_statements() or _is_plain(sql)):
            return f"its schema has {kind} '{name}', which is not one that snapstore makes"
    return None


@cache
def _own_statements() -> str:
    """Return the statements of this release: nearly every catalog has them, and to look is quicker than to match."""
    folder = os.path.dirname(__file__)
    texts = []
    for name in _FILES:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(file.read().replace(" IF NOT EXISTS", ""))
    return "\n".join(texts)


def _is_plain(sql: str) -> bool:
    return len(sql) <= _LONGEST and _plain().fullmatch(re.sub(r"\s+", " ", sql)) is not None


@cache
def _plain() -> re.Pattern[str]:
    return re.compile(f"(?:{_TABLE}|{_INDEX})", re.ASCII)
