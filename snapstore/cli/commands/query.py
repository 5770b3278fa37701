"""`snap query`: read a snapshot or the live database with SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.csv_text import csv_lines
from snapstore.cli.options import timeout_option
from snapstore.cli.output import table
from snapstore.cli.paint import style
from snapstore.cli.types import STATE
from snapstore.database.query_guard import Answer
from snapstore.results.text import one_line, value_text
from snapstore.results.values import encode_value

EXAMPLES = """
snap query baseline 'SELECT count(*) FROM auth_user'
snap query live 'SELECT id, username FROM auth_user' --csv
snap query run-41 'SELECT * FROM orders WHERE id > 40' --json
"""
_CHUNK = 200  # rows aligned with each other
_MOST_COLUMNS = 40  # of a grid; with more of them, a row takes a line for each column


@click.command("query", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", type=STATE)
@click.argument("sql")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, the column names first.")
@click.option("--only-db", metavar="NAME", help="One of several databases.")
@timeout_option
@click.pass_obj
def command(context: Context, rev: str, sql: str, as_csv: bool, only_db: str | None, timeout: float | None) -> None:
    """Run a SELECT on a snapshot.

    REV may be `live`. The statement cannot write. It reads only those pages of a snapshot that it needs.
    """
    with context.snapstore.query_rows(rev, sql, only_db=only_db, timeout=timeout) as answer:
        if context.output.json_output:
            context.output.pieces(_document(answer))
        elif as_csv:
            context.output.pieces(csv_lines(answer.columns, answer.rows))
        else:
            context.output.lines(_grid(answer))


def _document(answer: Answer) -> Iterator[str]:
    """Yield one document: the columns, and a list of values for each row."""
    yield f'{{\n  "columns": {json.dumps(answer.columns)},\n  "rows": ['
    for number, row in enumerate(answer.rows):
        yield f"{',' if number else ''}\n    {json.dumps([encode_value(value) for value in row])}"
    yield '\n  ],\n  "truncated": false\n}\n'


def _grid(answer: Answer) -> Iterator[str]:
    if len(answer.columns) > _MOST_COLUMNS:
        yield from _records(answer)
        return
    heading: list[tuple[str, ...]] = [tuple(style(one_line(column), dim=True) for column in answer.columns)]
    while chunk := list(islice(answer.rows, _CHUNK)):
        numbers = [at for at in range(len(answer.columns)) if all(isinstance(row[at], (int, float)) for row in chunk)]
        yield from table([*heading, *(tuple(value_text(value) for value in row) for row in chunk)], right=numbers)
        heading = []
    if heading:
        yield from table(heading)


def _records(answer: Answer) -> Iterator[str]:
    for number, row in enumerate(answer.rows, 1):
        yield style(f"row {number:,}", bold=True)
        for name, value in zip(answer.columns, row, strict=True):
            yield f"  {style(name, dim=True)}  {value_text(value)}"
