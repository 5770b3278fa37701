"""Columns of one table on two sides: which are the same, and when two rows are equal.

Columns are the same by name; of the rest, those at the same place of the record are the same under another
name. A column that only the later side has counts with its default on the earlier one: that is what SQLite reads
from rows that were written before the column was added. One that only the earlier side has does not count.
"""

from __future__ import annotations

from snapstore.database.record import Value
from snapstore.database.spool import Row
from snapstore.database.tables import REAL, Column, Table, folded


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
        common = len(pairs)  # what one side has more has to come last in the record
        lone = [column.place for column in (*before.columns, *after.columns) if column not in _flat(pairs)]
        return all(place is not None and place >= common for place in lone)

    def pairs(self) -> list[tuple[Column, Column]]:
        """Return the columns that are the same, as before and after."""
        if self.is_plain:
            return list(zip(self.before.columns, self.after.columns, strict=True))
        return [(self.before.columns[old], self.after.columns[new]) for new, old in self.same.items()]

    def as_after(self, row: Row) -> Row:
        """Return a row from before with the columns of after, which is how it is compared."""
        if self.is_plain:
            return row
        columns = enumerate(self.after.columns)
        return tuple(row[self.same[new]] if new in self.same else column.default_value for new, column in columns)

    def equal(self, old: Row, new: Row) -> bool:
        """Tell whether a row has the same values on both sides, of the same types."""
        old = self.as_after(old)
        return old == new and all(map(_is_same_type, old, new))


def _is_same_type(one: Value, other: Value) -> bool:
    return type(one) is type(other)  # 1 and 1.0 are equal in Python and differ in SQLite


def _flat(pairs: list[tuple[Column, Column]]) -> list[Column]:
    return [column for pair in pairs for column in pair]


def _same_columns(before: Table, after: Table) -> dict[int, int]:
    """Return for each column of after that has one, its column of before, both by number."""
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
