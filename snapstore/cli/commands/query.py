"""`snap query`: read a snapshot or the live database with SQL."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from snapstore.actions.documents import plain_value
from snapstore.actions.query import QueryOptions, query
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import one_line, table
from snapstore.cli.parameters import REVISION, argument, option, timeout_option
from snapstore.cli.styles import style
from snapstore.cli.values import shown
from snapstore.database.query_guard import Answer

EXAMPLES = """
snap query baseline 'SELECT count(*) FROM auth_user'
snap query live 'SELECT id, username FROM auth_user' --csv
snap query run-41 'SELECT * FROM orders WHERE id > 40' --json
"""
_CHUNK = 200  # rows aligned with each other


@snap_command("query", EXAMPLES)
@argument("rev", type=REVISION)
@argument("sql")
@option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, the names of the columns first.")
@option("--only-db", metavar="NAME", help="One of several databases.")
@timeout_option
def command(context: Context, rev: str, sql: str, as_csv: bool, only_db: str | None, timeout: float | None) -> None:
    """Run one SELECT on REV, which may be `live`.

    Nothing can be written. Of a snapshot only the pages that the statement needs are read.
    """
    wait = context.places.timeout if timeout is None else timeout
    with context.places.open_store() as store:
        options = QueryOptions(context.state(store, rev), sql, only_db, wait)
        with query(store, context.places.project, options) as answer:
            if context.output.as_json:
                context.output.whole(_json(answer))
            elif as_csv:
                context.output.whole(_csv(answer))
            else:
                context.output.lines(_grid(answer))


def _json(answer: Answer) -> Iterator[str]:
    """Yield one document: the columns, and a list of values for each row."""
    yield f'{{\n  "columns": {json.dumps(answer.columns)},\n  "rows": ['
    for number, row in enumerate(answer.rows):
        yield f"{',' if number else ''}\n    {json.dumps([plain_value(value) for value in row])}"
    yield "\n  ]\n}\n"


def _csv(answer: Answer) -> Iterator[str]:
    """Yield lines as RFC 4180 has them; NULL is empty, a blob is in hex."""
    yield _csv_line(answer.columns)
    for row in answer.rows:
        yield _csv_line("" if value is None else value.hex() if isinstance(value, bytes) else value for value in row)


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def _grid(answer: Answer) -> Iterator[str]:
    heading: list[tuple[str, ...]] = [tuple(style(one_line(column), dim=True) for column in answer.columns)]
    while chunk := list(islice(answer.rows, _CHUNK)):
        numbers = [at for at in range(len(answer.columns)) if all(isinstance(row[at], (int, float)) for row in chunk)]
        yield from table([*heading, *(tuple(shown(value) for value in row) for row in chunk)], right=numbers)
        heading = []
    if heading:
        yield from table(heading)
