"""A diff as one HTML page, written as the rows are drawn.

Rows are drawn twice: once for the summary that the page begins with, and once to be written. What pages are
made of, and how values look, is in page.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from typing import NamedTuple

from snapstore.actions.diff import Diff
from snapstore.actions.differences import Counts, DatabaseDifference, RowDifference, TableDifference
from snapstore.actions.state import State
from snapstore.cli.output import counted
from snapstore.cli.page import (
    BECAME,
    SIGNS,
    bar,
    change,
    chips,
    code,
    document,
    filters,
    heading,
    marked,
    scrolled,
    sign,
    text,
    unseen,
    value,
)
from snapstore.database.diff import SchemaChange
from snapstore.database.record import Value

_PEEKED = 100  # rows that tell which columns hold numbers
_SHEET = 1000  # rows in one piece: browsers take minutes to lay out a table of 100,000
_UNFOLDED = 5  # with more changes than this, the schema's text is folded away


class _Table(NamedTuple):
    """A table with rows that differ; `number` counts the tables of the page."""

    number: int
    difference: TableDifference
    counts: Counts
    changed: frozenset[str]

    @property
    def amounts(self) -> Counter[str]:
        """The counts by kind of change."""
        return Counter({kind: getattr(self.counts, kind) for kind in SIGNS})

    @property
    def columns(self) -> list[str]:
        """The columns to show: the key, what changed, and the rest."""
        columns = self.difference.columns
        changed = (name for name in columns if name in self.changed)
        return list(dict.fromkeys([*self.difference.key_names, *changed, *columns]))


class _Database(NamedTuple):
    """A database whose rows were drawn once; `number` counts the databases of the page."""

    number: int
    difference: DatabaseDifference
    tables: list[_Table]
    hidden: Counter[tuple[str, str]]

    @property
    def name(self) -> str:
        """The name as HTML."""
        return text(self.difference.name)

    @property
    def amounts(self) -> Counter[str]:
        """The counts of all its tables."""
        return sum((table.amounts for table in self.tables), Counter(dict.fromkeys(SIGNS, 0)))

    @property
    def differs(self) -> bool:
        """Whether there are rows or parts of the schema that differ."""
        return bool(self.tables or self.difference.schema)


class HtmlDiff:
    """Writes a diff; `limit` rows of each table, None for all."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit

    def pieces(self, diff: Diff, *, stat: bool, schema: bool) -> Iterator[str]:
        """Yield the page in pieces."""
        yield from document(f"{diff.before.label} → {diff.after.label}", self._body(diff, stat=stat, schema=schema))

    def _body(self, diff: Diff, *, stat: bool, schema: bool) -> Iterator[str]:
        databases = _drawn(diff, schema=schema)
        yield from _header(diff, databases, stat=stat)
        yield from _summary(databases, stat=stat, schema=schema)
        if stat:
            return
        several = len(databases) > 1
        for database in filter(lambda one: one.differs, databases):
            if several:
                yield f"<section>\n<h2>{database.name}</h2>\n"
            yield from self._database(database, 3 if several else 2, schema=schema)
            if several:
                yield "</section>\n"

    def _database(self, database: _Database, level: int, *, schema: bool) -> Iterator[str]:
        if changes := database.difference.schema:
            yield from _schema(database, level, is_open=schema or len(changes) <= _UNFOLDED)
        for table in database.tables:
            yield from self._table(table, level)

    def _table(self, table: _Table, level: int) -> Iterator[str]:
        anchor = f"t{table.number}-name"
        yield f'<section id="t{table.number}" aria-labelledby="{anchor}">\n'
        yield heading(level, anchor, text(table.difference.name), chips(table.amounts))
        rows = table.difference.rows()
        yield from _sheets(table, islice(rows, self._limit), anchor)
        if left_out := sum(1 for _ in rows):
            yield f'<p class="cut">{counted(left_out, "more row")}; {code("--limit 0")} shows all</p>\n'
        yield "</section>\n"


def _drawn(diff: Diff, *, schema: bool) -> list[_Database]:
    """Draw all rows once, but none where the schema alone is asked for."""
    databases: list[_Database] = []
    drawn = 0
    for number, difference in enumerate(diff.databases, 1):
        database = _Database(number, difference, [], Counter())
        for table in () if schema else difference.tables:
            changed = frozenset(chain.from_iterable(row.columns for row in table.rows()))
            database.hidden.update({(table.name, column): rows for column, rows in table.hidden.items()})
            if table.counts:
                drawn += 1
                database.tables.append(_Table(drawn, table, table.counts, changed))
        databases.append(database)
    return databases


def _header(diff: Diff, databases: Sequence[_Database], *, stat: bool) -> Iterator[str]:
    before, after = diff.before, diff.after
    yield '<header>\n<p class="eyebrow">What differs between two states</p>\n'
    yield f'<h1>{text(before.label)} <span class="to" role="img" aria-label="to">→</span> {text(after.label)}</h1>\n'
    yield f'<dl class="ids"><dt>from</dt><dd>{_state(before)}</dd><dt>to</dt><dd>{_state(after)}</dd></dl>\n'
    amounts = sum((database.amounts for database in databases), Counter[str]())
    if len(amounts) > 1 and not stat:
        yield filters(amounts)
    elif amounts:
        yield f'<p class="chips">{chips(amounts)}</p>\n'
    yield "</header>\n"


def _state(state: State) -> str:
    return "the live databases" if state.snapshots is None else code(state.id.replace(",", ", "))


def _summary(databases: Sequence[_Database], *, stat: bool, schema: bool) -> Iterator[str]:
    yield '<section aria-labelledby="summary">\n<h2 id="summary" class="unseen">Summary</h2>\n'
    if not any(database.differs for database in databases):
        yield _nothing(databases, schema=schema)
    longest = max((table.amounts.total() for one in databases for table in one.tables), default=0)
    for database in databases:
        lines = list(_lines(database, stat=stat, schema=schema))
        if len(databases) > 1 and (database.tables or lines):
            yield f"<h3>{database.name}</h3>\n"
        if database.tables:
            yield from scrolled(_counts(database, longest, stat=stat), "summary", "summary")
        if lines:
            items = "\n".join(f"<li>{line}</li>" for line in lines)
            yield f'<ul class="card">\n{items}\n</ul>\n'
    yield "</section>\n"


def _nothing(databases: Sequence[_Database], *, schema: bool) -> str:
    said, more = "The two states are identical", "Every row and the whole schema are the same on both sides."
    if schema:
        said, more = "The schema is the same", "The rows were not compared."
    elif not all(database.difference.is_same for database in databases):
        said, more = (
            "No row and no schema differs",
            "The files are not the same byte for byte, but nothing that counts is.",
        )
    tick = '<p class="tick" aria-hidden="true">✓</p>'
    return f'<div class="card same">\n{tick}\n<p><strong>{said}</strong></p>\n<p class="soft">{more}</p>\n</div>\n'


def _counts(database: _Database, longest: int, *, stat: bool) -> Iterator[str]:
    """Yield the table of how many rows of each table differ."""
    kinds = "".join(f'<th scope="col" class="n">{kind.capitalize()}</th>' for kind in SIGNS)
    yield '<caption>Rows that differ</caption>\n<thead><tr><th scope="col">Table</th>'
    yield f'{kinds}<td class="share"></td></tr></thead>\n<tbody>\n'
    for table in database.tables:
        name = text(table.difference.name)
        link = name if stat else f'<a href="#t{table.number}">{name}</a>'
        share = f'<td class="share">{bar(table.amounts, longest)}</td>'
        yield f'<tr><th scope="row">{link}</th>{_numbers(table.amounts)}{share}</tr>\n'
    yield "</tbody>\n"
    if len(database.tables) > 1:
        title = f'<th scope="row">{len(database.tables):,} tables</th>'
        yield f'<tfoot><tr>{title}{_numbers(database.amounts)}<td class="share"></td></tr></tfoot>\n'


def _numbers(amounts: Counter[str]) -> str:
    return "".join(
        f'<td class="n"><span class="number {kind}">{SIGNS[kind]}{amounts[kind]:,}</span></td>'
        if amounts[kind]
        else '<td class="n soft">0</td>'
        for kind in SIGNS
    )


def _lines(database: _Database, *, stat: bool, schema: bool) -> Iterator[str]:
    """Yield what the summary says beside the counts."""
    difference = database.difference
    for number, one in enumerate(difference.schema, 1):
        yield _title(one, "" if stat else f"#s{database.number}-{number}")
    if schema:
        return
    for name, (old, new) in difference.sequences.items():
        yield f"sequence of {code(name)}: {value(old)} {BECAME} {value(new)}"
    for name, rows in difference.moved().items():
        yield f"{code(name)}: {counted(rows, 'row')} with another rowid, otherwise equal"
    for (name, column), rows in database.hidden.items():
        yield f"{code(name)}: {counted(rows, 'row')} differing in ignored columns only, among them {code(column)}"
    if ignored := dict.fromkeys(table.name for table in difference.ignored_tables):
        yield f"left out by the configuration: {', '.join(map(code, ignored))}"


def _title(one: SchemaChange, link: str = "") -> str:
    """Return what happened to a part of the schema on one line."""
    title = f'<span class="number {one.change}">{sign(one.change)}</span> {one.type} '
    if one.type == "setting":
        return f"{title}<strong>{text(one.name)}</strong>: {text(one.before or '')} {BECAME} {text(one.after or '')}"
    name = f'<a href="{link}">{text(one.name)}</a>' if link else text(one.name)
    return f"{title}<strong>{name}</strong> {one.change}"


def _schema(database: _Database, level: int, *, is_open: bool) -> Iterator[str]:
    anchor = f"schema{database.number}"
    yield f'<section aria-labelledby="{anchor}">\n{heading(level, anchor, "Schema")}'
    for number, one in enumerate(database.difference.schema, 1):
        inner = _title(one)
        if one.type != "setting":
            inner = f"<details{' open' * is_open}><summary>{inner}</summary>\n{_statements(one)}</details>"
        yield f'<div class="card statement" id="s{database.number}-{number}">{inner}</div>\n'
    yield "</section>\n"


def _statements(one: SchemaChange) -> str:
    """Return the SQL of both sides, each where there is one."""
    before, after = (
        marked(one.before, one.after)
        if one.before and one.after
        else (
            text(one.before or "", "\n\t"),
            text(one.after or "", "\n\t"),
        )
    )
    sides = (("removed", "before", before), ("added", "after", after))
    figures = (
        f'<figure><figcaption class="{kind}">{SIGNS[kind]} {side}</figcaption><pre>\n{sql}</pre></figure>'
        for kind, side, sql in sides
        if sql
    )
    return f'<div class="sides">{"".join(figures)}</div>'


def _sheets(table: _Table, rows: Iterator[RowDifference], heading_id: str) -> Iterator[str]:
    """Yield the rows of a table, those after the first sheet folded away."""
    for start in count(1, _SHEET):
        first = next(rows, None)
        if first is None:
            return
        sheet = scrolled(_rows(table, chain([first], islice(rows, _SHEET - 1))), heading_id, "rows")
        if start == 1:
            yield from sheet
        else:
            yield f'<details class="more"><summary>rows from {start:,} on</summary>\n'
            yield from sheet
            yield "</details>\n"


def _rows(table: _Table, rows: Iterator[RowDifference]) -> Iterator[str]:
    """Yield the caption, the head and the rows of a table."""
    first = list(islice(rows, _PEEKED))
    columns = table.columns
    yield unseen(f"Rows of {text(table.difference.name)} that differ", "caption")
    yield f'\n<thead><tr><th scope="col" class="sign">{unseen("Change")}</th>'
    for name in columns:
        values = (side[name] for row in first for side in (row.after, row.before) if side and name in side)
        yield f'<th scope="col"{_alignment(*values)}>{text(name)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    signs = {kind: f'<tr class="{kind}"><td class="sign">{sign(kind)}</td>' for kind in SIGNS}
    for row in chain(first, rows):
        yield f"{signs[row.change]}{''.join(_cell(row, name) for name in columns)}</tr>\n"
    yield "</tbody>\n"


def _cell(row: RowDifference, name: str) -> str:
    values = row.after or row.before or {}
    if name in row.columns and row.before and name in row.before:
        old, new = row.before[name], values[name]
        return f'<td class="differs{" n" * _is_number(new)}">{change(old, new)}</td>'
    if name in row.columns:
        return f'<td class="differs{" n" * _is_number(values[name])}"><ins>{value(values[name])}</ins></td>'
    if name in row.key:
        return f'<th scope="row"{_alignment(row.key[name])}>{value(row.key[name])}</th>'
    return f"<td{_alignment(values[name])}>{value(values[name])}</td>" if name in values else "<td></td>"


def _alignment(*values: Value) -> str:
    return (
        ' class="n"' if any(map(_is_number, values)) and all(one is None or _is_number(one) for one in values) else ""
    )


def _is_number(of: Value) -> bool:
    return isinstance(of, int | float)
