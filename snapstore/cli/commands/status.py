"""`snap status`: the live databases against HEAD."""

from __future__ import annotations

import click

from snapstore.actions.status import DatabaseStatus, status
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import counted
from snapstore.cli.parameters import timeout_option
from snapstore.ids import short

EXAMPLES = """
snap status
snap status --json
"""


@snap_command("status", EXAMPLES)
@timeout_option
def command(context: Context, timeout: float | None) -> None:
    """Say whether the live databases are as HEAD has them, a line a database.

    HEAD is the snapshot that they were last taken from or restored to.
    """
    with context.places.open_store() as store:
        wait = context.places.timeout if timeout is None else timeout
        result = status(store, context.places.project, wait, context.progress)
    if result.settled:
        context.output.note(f"an interrupted {result.settled.action} was found and settled")
    context.output.result(result, [_line(name, one) for name, one in result.databases.items()], always=True)


def _line(name: str, one: DatabaseStatus) -> str:
    base = f"{', '.join(one.names)} ({short(one.head)})" if one.names else short(one.head)
    if one.clean:
        return f"{name}: {click.style('clean', fg='green')}, as {base}, {counted(one.pages, 'page')}"
    changed = click.style("changed", fg="yellow")
    return f"{name}: {changed} since {base}, {one.pages_changed:,} of {counted(max(one.pages, one.head_pages), 'page')}"
