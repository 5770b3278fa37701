"""A diff as one HTML page: what templates/diff.html shows, as plain values.

Rows are drawn twice, once for the summary at the top of the page and once while they are written, so that they never
fill the memory. How values look is in cells.py, what every page has in page.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from snapstore.actions.diff import Differences
from snapstore.cli.cells import Shown, Words, compare_words, show, show_change
from snapstore.cli.diff_files import FilePages
from snapstore.cli.page import SIGNS, render
from snapstore.compare.differences import DatabaseDifference, TableDifference
from snapstore.compare.leaks import grouped
from snapstore.ids import is_hex_id, short
from snapstore.results.rows import ADDED, REMOVED, Counts, RowChange, SchemaChange
from snapstore.results.text import counted, left_text
from snapstore.results.values import Row, Value

_GROUPED = 1000  # added rows, and removed ones, that the summary groups
_LONGEST_KEY = 200  # characters or bytes
_MOST_LINES = 20  # of them
_PEEKED = 100  # rows that tell which columns hold numbers
_SHEET = 1000  # rows in one table: browsers take minutes to lay out one of 100,000
_UNFOLDED = 5  # with more changes than this, the schema's text is folded away

Moved = tuple[str, Shown, Shown]
"""The name of a table and its AUTOINCREMENT sequence on both sides."""


class HtmlDiff:
    """Writes a diff; `limit` rows of each table, None for all."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit

    def pieces(self, diff: Differences, *, stat: bool, schema: bool) -> Iterator[str]:
        """Yield the page in pieces: with `stat` the summary alone, with `schema` no rows."""
        databases = _databases(diff, self._limit, schema=schema)
        yield from render(
            "diff.html",
            subject=diff.subject,
            before=diff.before,
            after=diff.after,
            names=[short(label) if is_hex_id(label) else label for label in (diff.before.label, diff.after.label)],
            databases=databases,
            files=[] if schema else FilePages(diff, 0 if stat else self._limit).folders(),
            amounts=_sum(database.amounts for database in databases),
            longest=max((table.amounts.total() for one in databases for table in one.tables), default=0),
            is_same=all(one.is_same for one in diff.databases) and not any(diff.files.values()),
            unfolded=None if schema else _UNFOLDED,
            stat=stat,
            schema=schema,
        )


class _Cell(NamedTuple):
    """A cell: of kind `key`, `changed` from an `old` value, `new` in a column that was added, or neither."""

    kind: str
    is_number: bool
    value: Shown
    old: Shown | None = None


_EMPTY = _Cell("", is_number=False, value=Shown(""))


class _Row(NamedTuple):
    """A row that differs."""

    change: str
    cells: list[_Cell]


class _Sheet(NamedTuple):
    """Rows of a table from the `first` to the `last`, counted from 1.

    `columns` are names with whether they hold numbers.
    """

    first: int
    last: int
    columns: list[tuple[str, bool]]
    rows: Iterator[_Row]


class _Table(NamedTuple):
    """A table with rows that differ; `number` counts the tables of the page."""

    number: int
    difference: TableDifference
    counts: Counts
    keys: tuple[str, ...]
    changed: frozenset[str]
    limit: int | None

    @property
    def name(self) -> str:
        """The name a user knows."""
        return self.difference.name

    @property
    def derived_from(self) -> str | None:
        """The virtual table whose module alone writes to it, if there is one."""
        return self.difference.part.derived_from

    @property
    def amounts(self) -> Counter[str]:
        """The counts by kind of change."""
        return Counter({kind: getattr(self.counts, kind) for kind in SIGNS})

    @property
    def left_out(self) -> int:
        """How many rows the page does not show."""
        return self.amounts.total() - self._shown

    @property
    def _shown(self) -> int:
        total = self.amounts.total()
        return total if self.limit is None else min(self.limit, total)

    @property
    def _columns(self) -> list[str]:
        """The columns to show: the key, what changed, and the rest."""
        columns = self.difference.columns
        changed = (name for name in columns if name in self.changed)
        return list(dict.fromkeys([*self.keys, *changed, *columns]))

    def sheets(self) -> Iterator[_Sheet]:
        """Draw the rows again; each sheet is to be used up before the next one."""
        rows, shown = self.difference.rows(), self._shown
        for first in range(1, shown + 1, _SHEET):
            last = min(first + _SHEET - 1, shown)
            yield _sheet(first, last, self._columns, islice(rows, last - first + 1))


class _Change(NamedTuple):
    """A part of the schema that differs, with the pieces of its statement on both sides."""

    anchor: str
    type: str
    name: str
    change: str
    before: Words
    after: Words


class _Database(NamedTuple):
    """A database whose rows were drawn once; `number` counts the databases of the page.

    `moved` counts rows with another rowid by table, `hidden` rows that differ in ignored columns by table and column,
    `hidden_rows` those that a condition leaves out by table. `roots` are lines that say which rows were removed or
    added, under what they refer to, each with the change.
    """

    number: int
    name: str
    schema: list[_Change]
    tables: list[_Table]
    sequences: list[Moved]
    moved: dict[str, int]
    hidden: Counter[tuple[str, str]]
    hidden_rows: dict[str, int]
    ignored: list[str]
    roots: list[tuple[str, str]]

    @property
    def amounts(self) -> Counter[str]:
        """The counts of all its tables."""
        return _sum(table.amounts for table in self.tables)

    @property
    def differs(self) -> bool:
        """Whether rows or parts of the schema differ."""
        return bool(self.tables or self.schema)

    @property
    def has_notes(self) -> bool:
        """Whether the summary has notes besides the counts."""
        hidden = self.moved or self.hidden or self.hidden_rows or self.ignored
        return bool(self.schema or self.sequences or hidden)


def _databases(diff: Differences, limit: int | None, *, schema: bool) -> list[_Database]:
    """Draw all rows once, or none if only the schema is asked for."""
    databases: list[_Database] = []
    for number, difference in enumerate(diff.databases, 1):
        if schema:
            databases.append(
                _Database(number, difference.name, _changes(number, difference), [], [], {}, Counter(), {}, [], [])
            )
        else:
            before = sum(len(database.tables) for database in databases)
            databases.append(_database(number, difference, limit, before))
    return databases


def _database(number: int, difference: DatabaseDifference, limit: int | None, tables_before: int) -> _Database:
    tables: list[_Table] = []
    hidden: Counter[tuple[str, str]] = Counter()
    drawn: dict[str, list[RowChange]] = {ADDED: [], REMOVED: []}
    for table in difference.tables:
        keys, changed = dict.fromkeys(table.key_names), set[str]()
        for row in table.rows():
            keys.update(dict.fromkeys(row.key))
            changed.update(row.columns)
            if row.change in drawn and len(drawn[row.change]) < _GROUPED:
                drawn[row.change].append(row._replace(before=_short(row.before or {}), after=_short(row.after or {})))
        hidden.update({(table.name, column): rows for column, rows in table.hidden.items()})
        if table.counts:
            number_ = tables_before + len(tables) + 1
            tables.append(_Table(number_, table, table.counts, tuple(keys), frozenset(changed), limit))
    return _Database(
        number,
        difference.name,
        _changes(number, difference),
        tables,
        [(name, show(old), show(new)) for name, (old, new) in difference.sequences.items()],
        difference.moved(),
        hidden,
        {table.name: table.hidden_rows for table in difference.tables if table.hidden_rows},
        list(dict.fromkeys(table.name for table in difference.ignored_tables)),
        [
            line
            for side, change in enumerate((REMOVED, ADDED))
            for line in _roots(drawn[change], change, side, difference)
        ],
    )


def _short(values: Row) -> Row:
    """Return the values that may be keys: long ones would fill the memory."""
    return {name: one for name, one in values.items() if not isinstance(one, str | bytes) or len(one) < _LONGEST_KEY}


def _roots(rows: list[RowChange], change: str, side: int, difference: DatabaseDifference) -> Iterator[tuple[str, str]]:
    """Yield lines that say which rows were removed or added, under what they refer to, each with the change."""
    found = grouped(rows, difference.diff.schemas[side], difference.referred(side), difference.derived).tables
    yield from ((change, left_text(one)) for one in found[:_MOST_LINES])
    if len(found) > _MOST_LINES:
        yield change, f"and {counted(len(found) - _MOST_LINES, 'more table')}"


def _changes(number: int, difference: DatabaseDifference) -> list[_Change]:
    return [_change(f"s{number}-{at}", one) for at, one in enumerate(difference.schema, 1)]


def _change(anchor: str, one: SchemaChange) -> _Change:
    before, after = one.before or "", one.after or ""
    if before and after and one.type != "setting":
        return _Change(anchor, one.type, one.name, one.change, *compare_words(before, after))
    return _Change(
        anchor, one.type, one.name, one.change, [(before, False)] * bool(before), [(after, False)] * bool(after)
    )


def _sheet(first: int, last: int, columns: list[str], rows: Iterator[RowChange]) -> _Sheet:
    peeked = list(islice(rows, _PEEKED))
    heads = [(name, _holds_numbers(name, peeked)) for name in columns]
    drawn = (_Row(row.change, [_cell(row, name) for name in columns]) for row in chain(peeked, rows))
    return _Sheet(first, last, heads, drawn)


def _holds_numbers(name: str, rows: list[RowChange]) -> bool:
    sides = (side for row in rows for side in (row.after, row.before) if side)
    values = [side[name] for side in sides if side.get(name) is not None]
    return bool(values) and all(map(_is_number, values))


def _cell(row: RowChange, name: str) -> _Cell:
    values = row.after or row.before or {}
    if name in row.columns:
        is_number = _is_number(values[name])
        if row.before and name in row.before:
            old, new = show_change(row.before[name], values[name])
            return _Cell("changed", is_number, new, old)
        return _Cell("new", is_number, show(values[name]))
    if name in row.key:
        return _Cell("key", _is_number(row.key[name]), show(row.key[name]))
    return _Cell("", _is_number(values[name]), show(values[name])) if name in values else _EMPTY


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float)


def _sum(amounts: Iterator[Counter[str]]) -> Counter[str]:
    found = Counter(dict.fromkeys(SIGNS, 0))
    for one in amounts:
        found.update(one)  # a sum of counters leaves out what is zero
    return found
