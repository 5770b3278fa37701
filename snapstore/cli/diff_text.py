"""A diff as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from snapstore.actions.diff import Diff
from snapstore.actions.differences import DatabaseDifference, TableDifference
from snapstore.cli.grid import counts_line, grid
from snapstore.cli.output import counted, one_line
from snapstore.cli.styles import style
from snapstore.cli.values import shown
from snapstore.database.diff import SchemaChange

_CHUNK = 200  # rows aligned with each other where all are shown
_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


class TextDiff:
    """Writes a diff; `limit` rows of each table, None for all, cut to `width` characters where there is one."""

    def __init__(self, limit: int | None, width: int | None) -> None:
        self._limit = limit
        self._width = width
        self.left_out = 0

    def lines(self, diff: Diff, *, stat: bool, schema: bool) -> Iterator[str]:
        """Yield the lines; the rows are drawn on the way."""
        for database in diff.databases:
            heading = len(diff.databases) > 1
            for line in self._database(database, stat=stat, schema=schema):
                if heading:
                    yield style(f"{database.name}:", bold=True)
                    heading = False
                yield line
        if self.left_out:
            yield style(f"{counted(self.left_out, 'more row')} not shown; --limit 0 shows all", dim=True)

    def _database(self, database: DatabaseDifference, *, stat: bool, schema: bool) -> Iterator[str]:
        for change in database.schema:
            yield from _schema_lines(change, full=schema)
        if schema:
            return
        for table in database.tables:
            yield from self._stat(table) if stat else self._rows(table)
        if database.sequences:
            yield sequences_line(database)

    def _stat(self, table: TableDifference) -> Iterator[str]:
        if counts := table.counted():
            yield f"{one_line(table.name)}: {counts_line(counts)}"

    def _rows(self, table: TableDifference) -> Iterator[str]:
        rows = table.rows()
        if self._limit is None:
            yield from self._all_rows(table)
            return
        first = list(islice(rows, self._limit))
        left_out = sum(1 for _ in rows)
        self.left_out += left_out
        if not table.counts:
            return
        yield f"{style(one_line(table.name), bold=True)}: {counts_line(table.counts)}"
        if first:
            yield from grid(first, self._width)
        if left_out:
            yield style(f"  … {counted(left_out, 'more row')}", dim=True)

    def _all_rows(self, table: TableDifference) -> Iterator[str]:
        rows = table.rows()
        is_first = True
        while chunk := list(islice(rows, _CHUNK)):
            if is_first:
                yield style(one_line(table.name), bold=True)
                is_first = False
            yield from grid(chunk, self._width)
        if table.counts:
            yield f"  {counts_line(table.counts)}"


def sequences_line(database: DatabaseDifference) -> str:
    """Return the sequences that moved on one line."""
    moved = (f"{one_line(name)} {shown(old)} → {shown(new)}" for name, (old, new) in database.sequences.items())
    return f"sequences: {', '.join(moved)}"


def _schema_lines(change: SchemaChange, *, full: bool) -> Iterator[str]:
    sign, color = _SIGNS[change.change]
    title = f"{sign} {change.type} {one_line(change.name)}"
    if change.type == "setting":
        title += f": {change.before} → {change.after}"
    yield style(title, fg=color, bold=True)
    if full and change.type != "setting":
        for text, mark, paint in ((change.before, "-", "red"), (change.after, "+", "green")):
            for line in (text or "").splitlines():
                yield style(f"    {mark} {one_line(line)}", fg=paint)
