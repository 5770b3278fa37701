"""What verification found, as lines: a verdict for each database, what was left behind, the tables and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from snapstore.results.file_text import files_lines
from snapstore.results.text import against_text, counted, counts_text, left_text, one_line, row_text, table_text

if TYPE_CHECKING:
    from snapstore.results.files import VerifiedFiles
    from snapstore.results.rows import Counts
    from snapstore.results.verdicts import VerifiedDatabase

_MOST_TABLES = 20
_MOST_ROWS = 10  # of each table


def left_lines(
    databases: Mapping[str, VerifiedDatabase], what: str = "", files: Mapping[str, VerifiedFiles] | None = None
) -> Iterator[str]:
    """Yield the lines; `what` says which state the verdicts are against, beside its name."""
    for name, one in databases.items():
        where = f"{one_line(name)}: " if len(databases) > 1 else ""
        against = f", against {against_text(one.compared_with)}" if one.compared_with else ""
        yield f"{where}{one.verdict}{against}{what}"
        yield from _details(one)
    yield from files_lines(files or {})


def left_behind_lines(databases: Mapping[str, VerifiedDatabase]) -> Iterator[str]:
    """Yield a line for each table in which rows were left behind or are gone, what caused others first.

    For example: `left behind: users 2-4: 7 rows in log`, `gone: projects 7 "Website": 5 rows in comments`.
    """
    for name, one in databases.items():
        where = f"{one_line(name)}: " if len(databases) > 1 else ""
        for what, found in (("gone", one.gone), ("left behind", one.left_behind)):
            yield from (f"{where}{what}: {left_text(left)}" for left in found[:_MOST_TABLES])
            if len(found) > _MOST_TABLES:
                yield f"{where}… {counted(len(found) - _MOST_TABLES, 'more table')}"


def table_lines(tables: Mapping[str, Mapping[str, Counts]]) -> Iterator[str]:
    """Yield a line for each table: `users: 2 added`, with the database where there are several."""
    several = len(tables) > 1
    for name, of in tables.items():
        for table, counts in of.items():
            yield f"{one_line(f'{name}.' * several + table)}: {counts_text(counts)}"


def tables_text(tables: Mapping[str, Mapping[str, Counts]]) -> str:
    """Return the tables on one line: `users: 2 added; log: 1 changed`."""
    return "; ".join(table_lines(tables))


def _details(one: VerifiedDatabase) -> Iterator[str]:
    if one.damage:
        yield f"  {one_line(one.damage)}"
    for change in one.schema:
        yield f"  {change.type} {one_line(change.name)} {change.change}"
    yield from (f"  {line}" for line in left_behind_lines({"": one}))
    for table, counts in one.tables.items():
        yield f"{table_text(table, one.derived.get(table))}: {counts_text(counts)}"
        yield from (f"  {row_text(row)}" for row in [row for row in one.rows if row.table == table][:_MOST_ROWS])
        if counts.total > _MOST_ROWS:
            yield f"  … {counted(counts.total - _MOST_ROWS, 'more row')}"
