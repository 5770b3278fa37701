"""A diff as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from snapstore.actions.diff import Differences, drawn_all
from snapstore.cli.grid import counts_line, grid, paint
from snapstore.cli.paint import style
from snapstore.cli.schema_text import schema_lines
from snapstore.compare.differences import DatabaseDifference, TableDifference
from snapstore.results.file_text import file_counts_text, path_lines
from snapstore.results.files import FilesDiff
from snapstore.results.text import counted, one_line, table_text, value_text

_CHUNK = 200  # rows aligned with each other where all are shown


class TextDiff:
    """Writes a diff; `limit` rows of each table, None for all, cut to `width` characters where there is one."""

    def __init__(self, limit: int | None, width: int | None) -> None:
        self._limit = limit
        self._width = width
        self.left_out = 0

    def lines(self, diff: Differences, *, stat: bool, schema: bool) -> Iterator[str]:
        """Yield the lines; the rows are drawn on the way."""
        if diff.subject:
            yield style(f"{one_line(diff.subject)}: {one_line(diff.before.label)} to {diff.after.label}", bold=True)
        for database in diff.databases:
            heading = len(diff.databases) > 1
            for line in self._database(database, stat=stat, schema=schema):
                if heading:
                    yield style(f"{database.name}:", bold=True)
                    heading = False
                yield line
        if not schema:
            for name, found in drawn_all(diff.files, 0 if stat else self._limit).items():
                yield from self._files(name, found, stat=stat)
        if self.left_out:
            yield style(f"{counted(self.left_out, 'more row')} not shown; --limit 0 shows all", dim=True)

    def _database(self, database: DatabaseDifference, *, stat: bool, schema: bool) -> Iterator[str]:
        for change in database.schema:
            yield from schema_lines(change, full=schema)
        if schema:
            return
        for table in database.tables:
            yield from self._stat(table) if stat else self._rows(table)
        if database.sequences:
            yield sequences_line(database)

    def _files(self, name: str, found: FilesDiff, *, stat: bool) -> Iterator[str]:
        yield f"{style(f'files {one_line(name)}', bold=not stat)}: {file_counts_text(found, paint)}"
        if not stat:
            yield from path_lines(found.paths, found.paths_left_out, None, paint)

    def _stat(self, table: TableDifference) -> Iterator[str]:
        if counts := table.counted():
            yield f"{_title(table)}: {counts_line(counts)}"

    def _rows(self, table: TableDifference) -> Iterator[str]:
        if self._limit is None:
            yield from self._all_rows(table)
            return
        first = table.first(self._limit)
        left_out = table.counts.total - len(first)
        self.left_out += left_out
        if not table.counts:
            return
        yield f"{style(_title(table), bold=True)}: {counts_line(table.counts)}"
        if first:
            yield from grid(first, self._width)
        if left_out:
            yield style(f"  … {counted(left_out, 'more row')}", dim=True)

    def _all_rows(self, table: TableDifference) -> Iterator[str]:
        rows = table.rows()
        is_first = True
        while chunk := list(islice(rows, _CHUNK)):
            if is_first:
                yield style(_title(table), bold=True)
                is_first = False
            yield from grid(chunk, self._width, whole=True)
        if table.counts:
            yield f"  {counts_line(table.counts)}"


def _title(table: TableDifference) -> str:
    return table_text(table.name, table.part.derived_from)


def sequences_line(database: DatabaseDifference) -> str:
    """Return the sequences that moved on one line."""
    moved = (
        f"{one_line(name)} {value_text(old)} → {value_text(new)}" for name, (old, new) in database.sequences.items()
    )
    return f"sequences: {', '.join(moved)}"
