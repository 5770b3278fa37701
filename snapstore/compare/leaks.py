"""Leaks: rows that were left behind, grouped under the row that they refer to, and by table; removed rows likewise.

"users 41: 3 sessions, 7 log lines" says more than eleven rows: one call that deletes user 41 was forgotten. What a row
refers to is in references.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from snapstore.compare.references import References
from snapstore.database.collation import as_compared
from snapstore.database.identifiers import folded
from snapstore.database.tables import Column, ForeignKey, Schema
from snapstore.results.leaks import KeyRange, Leak, LeakOf, LeftBehind
from snapstore.results.rows import RowChange
from snapstore.results.values import Row, Value

_MOST_LABELS = 3  # of the rows of one table


class Grouped(NamedTuple):
    """What was left behind: each root, and the same by table, what tells most first."""

    leaks: tuple[Leak, ...]
    tables: tuple[LeftBehind, ...]


def grouped(rows: list[RowChange], schema: Schema, keys: References, derived: Collection[str] = ()) -> Grouped:
    """Return the roots of added rows, or of removed ones, those with the most below them first.

    `schema` is that of the side that has the rows, `keys` what its tables refer to; those of `derived`
    tables come last.
    """
    if not rows:
        return Grouped((), ())
    grouping = _Grouping(rows, schema, keys)
    leaks = grouping.leaks()
    return Grouped(tuple(leaks), tuple(grouping.by_table(leaks, derived)))


class _Link(NamedTuple):
    """A key by which the rows of a table refer to others: its columns as the rows spell them, and the added parents.

    `parents` has the number of each added row of the other table by the values that the key refers to.
    """

    key: ForeignKey
    is_guess: bool
    columns: tuple[str, ...]
    parents: dict[tuple[Value, ...], int]

    def values(self, row: RowChange) -> tuple[Value, ...]:
        """Return the values of a row in the columns of the key; None for one that it lacks."""
        return tuple(map((row.after or row.before or {}).get, self.columns))


class _Grouping:
    def __init__(self, rows: list[RowChange], schema: Schema, keys: References) -> None:
        self._rows = rows
        self._tables = schema.tables
        self._keys = keys
        self._columns: dict[str, dict[str, Column]] = {}
        self._spelled: dict[str, dict[str, str]] = {}
        self._referred = self._index()
        self._links = {row.table: self._links_of(row) for row in {row.table: row for row in rows}.values()}

    def _links_of(self, row: RowChange) -> list[_Link]:
        """Return the keys of the table of a row."""
        return [
            _Link(key, is_guess, self._as_spelled(row, key.columns), self._referred[_place(key)])
            for key, is_guess in self._keys.get(folded(row.table), ())
        ]

    def leaks(self) -> list[Leak]:
        roots = self._roots()
        under: dict[int, Counter[str]] = {}  # most have none
        for number, root in enumerate(roots):
            if number != root:
                under.setdefault(root, Counter())[self._rows[number].table] += 1
        leaks = [
            Leak(row.table, row.key, dict(under[root].most_common()) if root in under else {}, self._of(row), row.label)
            for root, row in ((root, self._rows[root]) for root in dict.fromkeys(roots))
        ]
        return sorted(leaks, key=lambda leak: (-sum(leak.under.values()), leak.table))

    def by_table(self, leaks: list[Leak], derived: Collection[str]) -> list[LeftBehind]:
        """Return the roots of each table together.

        First come the tables whose rows have others below them, then those that others refer to, then those that refer
        to nothing: what has no name of its own, such as the rows of a join table, comes last.
        """
        by_table: dict[str, list[Leak]] = {}
        for leak in leaks:
            by_table.setdefault(leak.table, []).append(leak)
        found = [_together(table, of_table) for table, of_table in by_table.items()]
        parents = Counter(folded(one.key.parent) for keys in self._keys.values() for one in keys)

        def order(one: LeftBehind) -> tuple[object, ...]:
            refers = len(self._keys.get(folded(one.table), ()))
            last = one.table in derived
            return (last, -sum(one.under.values()), -parents[folded(one.table)], refers, one.table)

        return sorted(found, key=order)

    def _index(self) -> dict[tuple[str, tuple[str, ...]], dict[tuple[Value, ...], int]]:
        """Return the numbers of the added rows by the columns that other tables refer to."""
        wanted = {_place(one.key) for of_table in self._keys.values() for one in of_table}
        found: dict[tuple[str, tuple[str, ...]], dict[tuple[Value, ...], int]] = {place: {} for place in wanted}
        by_table: dict[str, list[tuple[str, ...]]] = {}
        for table, columns in wanted:
            by_table.setdefault(table, []).append(columns)
        for number, row in enumerate(self._rows):
            for columns in by_table.get(folded(row.table), ()):
                values = self._as_parent(row.table, columns, self._values(row, columns))
                found[folded(row.table), columns][values] = number
        return found

    def _roots(self) -> list[int]:
        """Return the row that each row refers to, directly or not; of rows that refer to each other, the first."""
        if not any(link.parents for links in self._links.values() for link in links):
            return [*range(len(self._rows))]
        roots: dict[int, int] = {}
        for number in range(len(self._rows)):
            path: dict[int, int] = {}
            at: int | None = number
            while at is not None and at not in roots and at not in path:
                path[at] = len(path)
                at = self._parent(self._rows[at])
            circle = list(path)[path[at] :] if at in path else []
            root = min(circle) if circle else next(reversed(path)) if at is None else roots[at]
            roots.update(dict.fromkeys(path, root))
        return [roots[number] for number in range(len(self._rows))]

    def _parent(self, row: RowChange) -> int | None:
        for link in self._links[row.table]:
            parent = self._added(link, link.values(row))
            if parent is not None and self._rows[parent] is not row:
                return parent
        return None

    def _added(self, link: _Link, values: tuple[Value, ...]) -> int | None:
        """Return the number of the added row that a key with some values refers to."""
        if not link.parents:
            return None
        return link.parents.get(self._as_parent(link.key.parent, _lower(link.key.parent_columns), values))

    def _as_parent(self, table: str, columns: tuple[str, ...], values: tuple[Value, ...]) -> tuple[Value, ...]:
        """Return values as SQLite compares them with columns of a table that is referred to."""
        if (known := self._columns.get(table)) is None:
            parent = self._tables.get(folded(table))
            known = self._columns[table] = {folded(one.name): one for one in parent.columns} if parent else {}
        return tuple(
            _comparable(value, known[column]) if column in known else value
            for column, value in zip(columns, values, strict=False)
        )

    def _values(self, row: RowChange, columns: tuple[str, ...]) -> tuple[Value, ...]:
        """Return the values of a row in some columns, named in any spelling; None for one that it lacks."""
        return tuple(map((row.after or row.before or {}).get, self._as_spelled(row, columns)))

    def _as_spelled(self, row: RowChange, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of columns as the rows of the table of a row spell them."""
        if not (spelled := self._spelled.get(row.table)):
            spelled = self._spelled[row.table] = {folded(name): name for name in row.after or row.before or {}}
        return tuple(spelled.get(folded(column), column) for column in columns)

    def _of(self, row: RowChange) -> LeakOf | None:
        for link in self._links[row.table]:
            values = link.values(row)
            if link.is_guess and not all(values):  # without a foreign key, 0 and '' often stand for nothing
                continue
            if None not in values and self._added(link, values) is None:
                return LeakOf(link.key.parent, dict(zip(_names(link.key), values, strict=False)))
        return None


def _place(key: ForeignKey) -> tuple[str, tuple[str, ...]]:
    """Return what a key refers to, in lower case."""
    return folded(key.parent), _lower(key.parent_columns)


def _together(table: str, leaks: list[Leak]) -> LeftBehind:
    under: Counter[str] = Counter()
    of: dict[str, list[Row]] = {}
    for leak in leaks:
        under.update(leak.under)
        if leak.of:
            of.setdefault(leak.of.table, []).append(leak.of.key)
    ranges = {parent: ranges_of(keys) for parent, keys in of.items()}
    keys = ranges_of([leak.key for leak in leaks])
    labels = tuple(leak.label for leak in leaks if leak.label is not None)[:_MOST_LABELS]
    return LeftBehind(table, len(leaks), keys, dict(under.most_common()), ranges, labels)


def ranges_of(keys: list[Row]) -> tuple[KeyRange, ...]:
    """Return keys as ranges: integers that follow each other are one, any other key is one of its own."""
    distinct = {tuple(key.items()): key for key in keys}
    numbers: dict[tuple[str, int], Row] = {}
    others: list[KeyRange] = []
    for items, key in distinct.items():
        ((name, value),) = items if len(items) == 1 else (("", None),)
        if isinstance(value, int):
            numbers[name, value] = key
        else:
            others.append(KeyRange(key, key, 1))
    runs = [KeyRange(numbers[run[0]], numbers[run[-1]], len(run)) for run in _runs(sorted(numbers))]
    return (*runs, *others)


def _runs(numbers: list[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """Cut numbers, each with a name, where another name begins or one is left out."""
    start = 0
    for at, ((before, one), (name, other)) in enumerate(pairwise(numbers), 1):
        if name != before or other != one + 1:
            yield numbers[start:at]
            start = at
    if numbers:
        yield numbers[start:]


def _names(key: ForeignKey) -> Iterable[str]:
    return key.parent_columns or key.columns


def _lower(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(folded(name) for name in names)


def _comparable(value: Value, column: Column) -> Value:
    """Return a value with the affinity and the collation of a column. Source: sqlite.org/foreignkeys.html, 2."""
    if isinstance(value, str) and column.affinity in ("INTEGER", "REAL", "NUMERIC"):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, (int, float)) and column.affinity == "TEXT":
        value = str(value)
    return as_compared(value, column.collation)
