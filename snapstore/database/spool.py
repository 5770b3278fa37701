"""A spool: rows of two sides matched in a temporary database, so that memory stays bounded.

Rows of WITHOUT ROWID tables are matched by key: their order depends on collations that may be missing.
Rows of rowid tables that have no key of their own are matched by value, since SQLite may renumber them.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Generator, Iterable, Iterator

from snapstore.database.record import Value, is_valid_text
from snapstore.engine import Connection
from snapstore.errors import DiskFull, SnapError
from snapstore.patience import Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Side = Literal[0, 1]
else:
    Side = int

Row = tuple[Value, ...]
"""Values in the order of a table's columns."""

BEFORE: Side = 0
AFTER: Side = 1
_VERSION = 0  # of marshal, the one that does not write equal strings in several ways
_TEMPORARY = "file:?mode=rwc"  # in memory until it grows, then in SQLite's folder for temporary files
_UNMATCHED = """
    SELECT side, key, ifnull(row, value) FROM (
      SELECT side, key, value, row, row_number() OVER (PARTITION BY value, side ORDER BY key) AS place,
             count(*) FILTER (WHERE side = 0) OVER (PARTITION BY value) AS gone,
             count(*) FILTER (WHERE side = 1) OVER (PARTITION BY value) AS come
        FROM valued)
     WHERE place > min(gone, come) ORDER BY key, side
"""


class KeyTwice(Exception):
    """A side has two rows with one key."""

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self.side = side


class Spool:
    """Rows of two sides; use it in a `with` block."""

    def __init__(self) -> None:
        self._connection = Connection(_TEMPORARY, _translate, Patience(0))
        self._connection.rows("PRAGMA journal_mode = OFF")
        self._connection.rows("BEGIN")

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def match_keys(
        self, before: Iterable[tuple[Row, Row]], after: Iterable[tuple[Row, Row]]
    ) -> Generator[tuple[Row, Row | None, Row | None], None, None]:
        """Take keys with rows; yield each key whose rows differ, by the key's first column. Raises KeyTwice."""
        run_many, each = self._connection.run_many, self._connection.each
        self._connection.rows("CREATE TABLE keyed(key BLOB PRIMARY KEY, first, before BLOB, after BLOB) WITHOUT ROWID")
        counts = Counter[Side]()
        sides: tuple[tuple[Side, Iterable[tuple[Row, Row]]], ...] = ((BEFORE, before), (AFTER, after))
        for side, rows in sides:
            column = "after" if side else "before"
            sql = f"INSERT INTO keyed(key, first, {column}) VALUES (?, ?, ?)"
            run_many(
                f"{sql} ON CONFLICT DO UPDATE SET {column} = excluded.{column}",
                map(_keyed, _counted(rows, counts, side)),
            )
        found = next(each("SELECT count(before), count(after) FROM keyed"))
        for side, _ in sides:
            if found[side] != counts[side]:
                raise KeyTwice(side)
        for key, old, new in each("SELECT key, before, after FROM keyed WHERE before IS NOT after ORDER BY first, key"):
            yield _unpacked(key), _unpacked(old) if old else None, _unpacked(new) if new else None

    def match_values(self, rows: Iterable[tuple[Side, int, Row, Row]]) -> Generator[tuple[Side, int, Row], None, None]:
        """Take rowids with what to match by and rows, of either side; yield those without a match, by rowid."""
        self._connection.rows("CREATE TABLE valued(side INTEGER, key INTEGER, value BLOB, row BLOB)")
        self._connection.run_many(
            "INSERT INTO valued VALUES (?, ?, ?, ?)",
            ((side, key, _packed(value), None if row == value else _packed(row)) for side, key, value, row in rows),
        )
        for side, key, row in self._connection.each(_UNMATCHED):
            yield side, key, _unpacked(row)

    def matches(self) -> int:
        """Return how many rows `match_values` found on both sides."""
        counts = "SELECT sum(side = 0) AS gone, sum(side = 1) AS come FROM valued GROUP BY value"
        return self._connection.value(f"SELECT sum(min(gone, come)) FROM ({counts})") or 0


def _counted(rows: Iterable[tuple[Row, Row]], counts: Counter[Side], side: Side) -> Iterator[tuple[Row, Row]]:
    for row in rows:
        counts[side] += 1
        yield row


def _keyed(pair: tuple[Row, Row]) -> tuple[bytes, object, bytes]:
    key, row = pair
    first = key[0]
    sortable = first if not isinstance(first, str) or is_valid_text(first) else first.encode("utf-8", "replace")
    return _packed(key), sortable, _packed(row)


def _packed(row: Row) -> bytes:
    return marshal.dumps(row, _VERSION)


def _unpacked(data: bytes) -> Row:
    row: Row = marshal.loads(data)  # noqa: S302 - our own bytes
    return row


def _translate(_code: int, text: str) -> SnapError | None:
    return DiskFull("a temporary file") if "full" in text else None
