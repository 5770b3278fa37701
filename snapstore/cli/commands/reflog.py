"""`snap reflog`: where the databases, or a tag, have been."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.output import table, when
from snapstore.cli.paint import style
from snapstore.cli.types import REVISION
from snapstore.history.reflog import HEAD
from snapstore.ids import short
from snapstore.results.text import one_line

EXAMPLES = """
snap reflog
snap reflog baseline
"""


@click.command("reflog", cls=SnapCommand, examples=EXAMPLES)
@click.argument("name", default=HEAD, type=REVISION)
@click.pass_obj
def command(context: Context, name: str) -> None:
    """Show where HEAD or a tag pointed before.

    The newest position comes first. A line begins with the revision that names it: @{n} for HEAD, NAME@{n} for a tag.
    """
    moves = context.snapstore.reflog(name)
    rows = [
        (
            f"{'' if name == HEAD else name}@{{{number}}}",
            style(short(entry.snapshot), fg="yellow") if entry.snapshot else "gone",
            when(entry.at),
            entry.action,
            one_line(entry.message),
        )
        for number, entry in enumerate(moves)
    ]
    context.output.result(moves, table(rows), always=True)
