"""A spool: match the rows of two sides in a temporary database, so that memory stays bounded.

Rows are matched by key where they have one that occurs once on each side. The others are matched by value: rows with
equal values cancel out, and of those that are left the ones with one rowid are the same row.
"""

from __future__ import annotations

import marshal
from collections.abc import Generator, Iterable
from itertools import groupby
from typing import Any, Literal, NamedTuple

from snapstore.database.record import Value, is_valid_text
from snapstore.engine import Connection
from snapstore.errors import DiskFull, SnapError
from snapstore.locks import Deadline
from snapstore.results.long_value import LongValue

Side = Literal[0, 1]
Row = tuple[Value, ...]
"""Values in the order of a table's columns."""

BEFORE: Side = 0
AFTER: Side = 1
_VERSION = 0  # of marshal: the only one that writes equal strings in one way
_TEMPORARY = "file:?mode=rwc"  # in memory while it is small, then in SQLite's folder for temporary files
_TABLES = (
    "CREATE TABLE spooled(id INTEGER PRIMARY KEY, side INTEGER, place INTEGER, key BLOB, first, value BLOB, row BLOB)",
    "CREATE TABLE repeated(key BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE matched(id INTEGER PRIMARY KEY, old INTEGER, new INTEGER)",
    "CREATE TABLE valued(id INTEGER PRIMARY KEY, old INTEGER, new INTEGER)",
)
_INDEX = "CREATE INDEX keyed ON spooled(key, side, first) WHERE key IS NOT NULL"
_REPEATED = """
    INSERT OR IGNORE INTO repeated
    SELECT key FROM spooled WHERE key IS NOT NULL GROUP BY key, side HAVING count(*) > 1
"""
_MATCHED = """
    INSERT INTO matched(old, new) SELECT old, new FROM (
      SELECT max(id) FILTER (WHERE side = 0) AS old, max(id) FILTER (WHERE side = 1) AS new, min(first) AS first, key
        FROM spooled WHERE key IS NOT NULL AND key NOT IN (SELECT key FROM repeated) GROUP BY key)
     ORDER BY first, key
"""
_PAIRS = """
    SELECT one.place, ifnull(one.row, one.value), other.place, ifnull(other.row, other.value),
           one.value IS NOT other.value
      FROM matched LEFT JOIN spooled AS one ON one.id = old LEFT JOIN spooled AS other ON other.id = new
     WHERE one.value IS NOT other.value OR one.place IS NOT other.place ORDER BY matched.id
"""
_VALUED = """
    INSERT INTO valued(old, new)
    SELECT max(id) FILTER (WHERE side = 0), max(id) FILTER (WHERE side = 1) FROM (
      SELECT id, side, value, row_number() OVER (PARTITION BY value, side ORDER BY place, id) AS number
        FROM spooled WHERE key IS NULL OR key IN (SELECT key FROM repeated))
     GROUP BY value, number
"""
_UNMATCHED = """
    SELECT side, place, ifnull(row, value)
      FROM valued JOIN spooled ON spooled.id = ifnull(old, new) WHERE old IS NULL OR new IS NULL ORDER BY place, side
"""
_MOVED = """
    SELECT one.place, ifnull(one.row, one.value), other.place, ifnull(other.row, other.value)
      FROM valued JOIN spooled AS one ON one.id = old JOIN spooled AS other ON other.id = new
     WHERE one.place IS NOT other.place ORDER BY one.place, one.id
"""


class Entry(NamedTuple):
    """A row of one side: its rowid (None without one), its key (None for none), its values as compared, and itself.

    Keys and values are compared as they are. Both sides have to give the same for what is equal.
    """

    side: Side
    rowid: int | None
    key: Row | None
    value: Row
    row: Row


class Match(NamedTuple):
    """A row on both sides, or on one; `rowids` and `rows` before and after, None where there is none.

    If it does not differ, it has another rowid.
    """

    rowids: tuple[int | None, int | None]
    rows: tuple[Row | None, Row | None]
    differs: bool


class Spool:
    """Rows of two sides; use it in a `with` block. First `fill` it, once."""

    def __init__(self) -> None:
        self._connection = Connection(_TEMPORARY, _translate, Deadline(0))
        self._connection.rows("PRAGMA journal_mode = OFF")
        self._connection.rows("BEGIN")

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def fill(self, entries: Iterable[Entry]) -> None:
        """Take in the rows of both sides."""
        for statement in _TABLES:
            self._connection.rows(statement)
        self._connection.run_many(
            "INSERT INTO spooled(side, place, key, first, value, row) VALUES (?, ?, ?, ?, ?, ?)",
            map(_packed_entry, entries),
        )
        for statement in (_INDEX, _REPEATED):
            self._connection.rows(statement)

    def repeated(self) -> Generator[tuple[Side, Row], None, None]:
        """Yield the rows whose key occurs more than once on a side, which are matched by value."""
        sql = "SELECT side, ifnull(row, value) FROM spooled WHERE key IN (SELECT key FROM repeated)"
        for side, row in self._connection.each(sql):
            yield side, _unpacked(row)

    def match_keys(self) -> Generator[Match, None, None]:
        """Match rows by key; yield those that differ or have another rowid, ordered by the key's first column."""
        self._connection.rows(_MATCHED)
        for old_rowid, old, new_rowid, new, differs in self._connection.each(_PAIRS):
            rows = _unpacked(old) if old else None, _unpacked(new) if new else None
            yield Match((old_rowid, new_rowid), rows, bool(differs))

    def match_values(self) -> Generator[Match, None, None]:
        """Match the other rows by value, and then by rowid; yield those that differ or have another rowid, by rowid."""
        self._connection.rows(_VALUED)
        for old_rowid, old, new_rowid, new in self._connection.each(_MOVED):
            yield Match((old_rowid, new_rowid), (_unpacked(old), _unpacked(new)), differs=False)
        for rowid, found in groupby(self._connection.each(_UNMATCHED), key=lambda one: one[1]):
            if rowid is None:
                yield from (_match({side: (None, row)}) for side, _, row in found)
            else:
                yield _match({side: (rowid, row) for side, _, row in found})


def _match(sides: dict[Side, tuple[int | None, bytes]]) -> Match:
    (old_rowid, old), (new_rowid, new) = (sides.get(side, (None, None)) for side in (BEFORE, AFTER))
    rows = _unpacked(old) if old else None, _unpacked(new) if new else None
    return Match((old_rowid, new_rowid), rows, differs=True)


def _packed_entry(entry: Entry) -> tuple[object, ...]:
    side, rowid, key, value, row = entry
    first = _sortable(key[0]) if key else None
    return side, rowid, _packed(key) if key else None, first, _packed(value), None if row == value else _packed(row)


def _sortable(first: Value) -> Value:
    first = first.head if isinstance(first, LongValue) else first
    return first if not isinstance(first, str) or is_valid_text(first) else first.encode("utf-8", "replace")


def _packed(row: Row) -> bytes:
    try:
        return marshal.dumps(row, _VERSION)
    except ValueError:  # marshal knows no LongValue; a list tells that there are some
        return marshal.dumps([tuple(one) if isinstance(one, LongValue) else one for one in row], _VERSION)


def _unpacked(data: bytes) -> Row:
    row: Row | list[Any] = marshal.loads(data)  # noqa: S302 - only what `_packed` wrote
    if isinstance(row, list):
        return tuple(LongValue(*one) if isinstance(one, tuple) else one for one in row)
    return row


def _translate(_code: int, text: str) -> SnapError | None:
    return DiskFull("a temporary file") if "full" in text else None
