"""`snap status`: the live databases against HEAD."""

from __future__ import annotations

from snapstore.actions.status import DatabaseStatus, status
from snapstore.actions.verify import DRIFTED
from snapstore.cli.command import Context, snap_command
from snapstore.cli.grid import counts_line
from snapstore.cli.output import counted, one_line
from snapstore.cli.parameters import timeout_option
from snapstore.cli.styles import style
from snapstore.ids import short

EXAMPLES = """
snap status
snap status --json
"""
_MOST_TABLES = 5


@snap_command("status", EXAMPLES)
@timeout_option
def command(context: Context, timeout: float | None) -> None:
    """Say whether the live databases are as HEAD has them, a line a database.

    HEAD is the snapshot that they were last taken from or restored to. `snap diff` shows the rows.
    """
    with context.places.open_store() as store:
        wait = context.places.timeout if timeout is None else timeout
        result = status(store, context.places.project, context.places.policy, wait, context.progress)
    context.say_settled(result.settled)
    context.output.result(result, [_line(name, one) for name, one in result.databases.items()], always=True)


def _line(name: str, one: DatabaseStatus) -> str:
    base = f"{', '.join(one.names)} ({short(one.head)})" if one.names else short(one.head)
    if one.clean:
        return f"{name}: {style('clean', fg='green')}, as {base}, {counted(one.pages, 'page')}"
    verdict = style(one.verdict, fg="green" if one.verdict == DRIFTED else "yellow")
    pages = f"{one.pages_changed:,} of {counted(max(one.pages, one.head_pages), 'page')}"
    if one.verdict == DRIFTED:
        return f"{name}: {verdict} since {base}: rows equal, {pages} differ"
    return f"{name}: {verdict} since {base}: {_rows(one)} ({pages})"


def _rows(one: DatabaseStatus) -> str:
    said = [f"{one_line(table)} {counts_line(counts)}" for table, counts in list(one.tables.items())[:_MOST_TABLES]]
    if len(one.tables) > _MOST_TABLES:
        said.append(f"{counted(len(one.tables) - _MOST_TABLES, 'more table')}")
    if one.schema:
        said.insert(0, "schema changed (" + ", ".join(one_line(name) for name in one.schema[:_MOST_TABLES]) + ")")
    return "; ".join(said)
