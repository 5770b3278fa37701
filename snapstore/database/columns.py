"""Columns of one table on two sides: which correspond, what matches their rows, and when two rows are equal.

Columns correspond by name; of the others, those at the same place of the record do, as renamed columns. A column that
only the later side has counts with its default on the earlier side: SQLite reads that from rows that were written
before the column was added. A column that only the earlier side has does not count.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property

from snapstore.database.collation import as_compared
from snapstore.database.identifiers import folded
from snapstore.database.record import Value
from snapstore.database.spool import Row
from snapstore.database.tables import BINARY, REAL, Column, Table


class Matching(Enum):
    """What tells which row of before is which row of after."""

    KEY = "the declared primary key"
    ROWID = "the rowid"
    CONTENT = "all values, and then the rowid"
    NOTHING = "nothing: all rows were removed and added"


class Comparison:
    """Compares rows of a table as it was before with rows as it is after."""

    def __init__(self, before: Table, after: Table) -> None:
        self.is_plain = before.layout == after.layout
        self.before, self.after = before, after
        self.same = {} if self.is_plain else _same_columns(before, after)

    @property
    def shares_pages(self) -> bool:
        """Whether equal pages hold equal rows, so that they need not be read."""
        before, after = self.before, self.after
        if self.is_plain:
            return True
        if before.without_rowid != after.without_rowid or (before.alias is None) != (after.alias is None):
            return False
        pairs = self.pairs()
        if any(not _is_stored_alike(old, new, before, after) for old, new in pairs):
            return False
        if len(pairs) < min(len(before.columns), len(after.columns)):
            return False
        common = len(pairs)  # what only one side has must come last in the record
        lone = [column.place for column in (*before.columns, *after.columns) if column not in _flat(pairs)]
        return all(place is not None and place >= common for place in lone)

    @cached_property
    def matching(self) -> Matching:
        """How rows are matched."""
        before, after = self.before, self.after
        if before.alias and after.alias:
            return Matching.ROWID
        if self._key is not None:
            return Matching.KEY
        if before.without_rowid or after.without_rowid:
            return Matching.CONTENT if self.pairs() else Matching.NOTHING
        return Matching.ROWID if before.alias or after.alias else Matching.CONTENT

    def key(self, row: Row) -> Row | None:
        """Return the declared key of a row that has the columns of after, the same for keys that SQLite calls equal.

        Return None if the two tables declare different keys or none, or if a part of it is NULL.
        """
        found = tuple(as_compared(row[number], collation) for number, collation in self._key or ())
        return found if found and None not in found else None

    @cached_property
    def _key(self) -> list[tuple[int, str]] | None:
        """The columns of the key that both tables declare, each with its collation, None if they declare no such."""
        old, new = (_numbered_key(table) for table in (self.before, self.after))
        same = {number: number for number in new} if self.is_plain else self.same
        if not new or {same.get(number) for number in new} != old.keys() or len(old) != len(new):
            return None
        both = ((number, collation, old[same[number]]) for number, collation in new.items())
        return [(number, one if folded(one) == folded(other) else BINARY) for number, one, other in both]

    def pairs(self) -> list[tuple[Column, Column]]:
        """Return the columns that correspond, as before and after."""
        if self.is_plain:
            return list(zip(self.before.columns, self.after.columns, strict=True))
        return [(self.before.columns[old], self.after.columns[new]) for new, old in self.same.items()]

    def as_after(self, row: Row) -> Row:
        """Return a row from before with the columns of after, to be compared."""
        if self.is_plain:
            return row
        columns = enumerate(self.after.columns)
        return tuple(row[self.same[new]] if new in self.same else column.default_value for new, column in columns)

    def equal(self, old: Row, new: Row) -> bool:
        """Tell whether a row has the same values on both sides, of the same types."""
        old = self.as_after(old)
        return old == new and all(map(_is_same_type, old, new))


def _is_same_type(one: Value, other: Value) -> bool:
    return type(one) is type(other)  # 1 and 1.0 are equal in Python, but not in SQLite


def _numbered_key(table: Table) -> dict[int, str]:
    """Return the collations of the columns of a declared key, by their numbers."""
    names = zip(table.declared_key, table.key_collations, strict=True)
    return {table.names.index(name): collation for name, collation in names}


def _flat(pairs: list[tuple[Column, Column]]) -> list[Column]:
    return [column for pair in pairs for column in pair]


def _same_columns(before: Table, after: Table) -> dict[int, int]:
    """Return the column of before that corresponds to each column of after, both by number."""
    old_names = {folded(column.name): number for number, column in enumerate(before.columns)}
    same = {
        new: old_names[folded(column.name)]
        for new, column in enumerate(after.columns)
        if folded(column.name) in old_names
    }
    lone = {column.place: number for number, column in enumerate(before.columns) if number not in same.values()}
    for new, column in enumerate(after.columns):
        if new not in same and column.place in lone and before.columns[lone[column.place]].affinity == column.affinity:
            same[new] = lone[column.place]
    return same


def _is_stored_alike(old: Column, new: Column, before: Table, after: Table) -> bool:
    return (
        old.place == new.place
        and (old.affinity == REAL) == (new.affinity == REAL)
        and old.default == new.default
        and (old.name == before.alias) == (new.name == after.alias)
    )
