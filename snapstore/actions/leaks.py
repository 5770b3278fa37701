"""Leaks: rows that were left behind, each under the row it hangs on by foreign keys.

"users 41: 3 sessions, 7 log lines" says more than eleven rows: one call that deletes user 41 was forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from snapstore.actions.differences import RowDifference
from snapstore.database.record import Value
from snapstore.database.tables import Column, ForeignKey, Schema, folded
from snapstore.records import Record


class Leak(Record):
    """A row left behind that hangs on no other such row; `under` counts, by table, those that hang on it.

    `of` is the row of the baseline that it refers to, as table and key.
    """

    table: str
    key: dict[str, Value]
    under: dict[str, int]
    of: tuple[str, dict[str, Value]] | None


def grouped(rows: list[RowDifference], schema: Schema) -> list[Leak]:
    """Return the roots of added rows, those with the most below them first."""
    return _Grouping(rows, schema).leaks()


class _Grouping:
    def __init__(self, rows: list[RowDifference], schema: Schema) -> None:
        self._rows = rows
        self._tables = schema.tables
        self._keys = {name: table.foreign_keys for name, table in schema.tables.items()}
        self._referred = self._index()

    def leaks(self) -> list[Leak]:
        roots = [self._root(number) for number in range(len(self._rows))]
        under: dict[int, Counter[str]] = {root: Counter() for root in roots}
        for number, root in enumerate(roots):
            if number != root:
                under[root][self._rows[number].table] += 1
        leaks = [
            Leak(self._rows[root].table, self._rows[root].key, dict(found.most_common()), self._of(self._rows[root]))
            for root, found in under.items()
        ]
        return sorted(leaks, key=lambda leak: (-sum(leak.under.values()), leak.table))

    def _index(self) -> dict[tuple[str, tuple[str, ...]], dict[tuple[Value, ...], int]]:
        """Return the numbers of the added rows by the columns that other tables refer to."""
        wanted = {(folded(key.parent), _lower(key.parent_columns)) for keys in self._keys.values() for key in keys}
        found: dict[tuple[str, tuple[str, ...]], dict[tuple[Value, ...], int]] = {place: {} for place in wanted}
        by_table: dict[str, list[tuple[str, ...]]] = {}
        for table, columns in wanted:
            by_table.setdefault(table, []).append(columns)
        for number, row in enumerate(self._rows):
            for columns in by_table.get(folded(row.table), ()):
                values = self._as_parent(row.table, columns, _values(row, columns))
                found[folded(row.table), columns][values] = number
        return found

    def _root(self, number: int) -> int:
        """Return the row that others hang on; of rows that refer to each other, the first."""
        path = [number]
        while (parent := self._parent(self._rows[path[-1]])) is not None:
            if parent in path:
                return min(path[path.index(parent) :])
            path.append(parent)
        return path[-1]

    def _parent(self, row: RowDifference) -> int | None:
        for key in self._keys.get(folded(row.table), ()):
            parent = self._added(key, _values(row, key.columns))
            if parent is not None and self._rows[parent] is not row:
                return parent
        return None

    def _added(self, key: ForeignKey, values: tuple[Value, ...]) -> int | None:
        """Return the number of the added row that a foreign key with some values refers to."""
        parents = self._referred.get((folded(key.parent), _lower(key.parent_columns)), {})
        return parents.get(self._as_parent(key.parent, _lower(key.parent_columns), values))

    def _as_parent(self, table: str, columns: tuple[str, ...], values: tuple[Value, ...]) -> tuple[Value, ...]:
        """Return values as SQLite compares them with columns of a table that is referred to."""
        parent = self._tables.get(folded(table))
        known = {folded(column.name): column for column in parent.columns} if parent else {}
        return tuple(
            _comparable(value, known[column]) if column in known else value
            for column, value in zip(columns, values, strict=False)
        )

    def _of(self, row: RowDifference) -> tuple[str, dict[str, Value]] | None:
        for key in self._keys.get(folded(row.table), ()):
            values = _values(row, key.columns)
            if None not in values and self._added(key, values) is None:
                return key.parent, dict(zip(_names(key), values, strict=False))
        return None


def _names(key: ForeignKey) -> Iterable[str]:
    return key.parent_columns or key.columns


def _lower(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(folded(name) for name in names)


def _values(row: RowDifference, columns: Iterable[str]) -> tuple[Value, ...]:
    values = {folded(name): value for name, value in (row.after or {}).items()}
    return tuple(values.get(folded(column)) for column in columns)


def _comparable(value: Value, column: Column) -> Value:
    """Return a value with the affinity and the collation of a column. Source: sqlite.org/foreignkeys.html, 2."""
    if isinstance(value, str) and column.affinity in ("INTEGER", "REAL", "NUMERIC"):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, (int, float)) and column.affinity == "TEXT":
        value = str(value)
    if isinstance(value, str) and column.collation == "NOCASE":
        value = folded(value)
    if isinstance(value, str) and column.collation == "RTRIM":
        value = value.rstrip(" ")
    return value
