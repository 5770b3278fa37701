"""`snap log`: the snapshots, newest first; and how lists of snapshots look."""

from __future__ import annotations

from collections.abc import Sequence

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.output import size, table, when
from snapstore.cli.paint import style
from snapstore.cli.types import COUNT, SPAN
from snapstore.ids import short
from snapstore.results.snapshots import Listed
from snapstore.results.text import one_line

EXAMPLES = """
snap log
snap log -n 5
snap log baseline..
snap log --all --json
"""


@click.command("log", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", required=False, type=SPAN, metavar="[A..B]")
@click.option("-n", "--number", type=COUNT, metavar="N", help="Show only the newest N.")
@click.option("--all", "everything", is_flag=True, help="Show automatic ones without a name and forgotten ones too.")
@click.pass_obj
def command(context: Context, rev: str | None, number: int | None, everything: bool) -> None:
    """List the snapshots, newest first.

    A..B lists those taken after A, up to B; A.. all after A; a single revision those up to it.
    """
    listed = context.snapstore.log(number, everything=everything, rev=rev)
    context.output.result(listed, lines(listed), always=True)


def lines(listed: Sequence[Listed]) -> list[str]:
    """Return a line for each snapshot: id, time, size, what it added, tags, message."""
    return table(
        [
            (
                style(short(one.snapshot), fg="yellow"),
                when(one.created),
                size(one.bytes),
                f"+{size(one.stored_bytes)}",
                _names(one),
                one_line(one.message),
            )
            for one in listed
        ],
        right=(2, 3),
    )


def _names(one: Listed) -> str:
    if one.forgotten:
        return style("(forgotten)", fg="red")
    return style(", ".join(one.names) + (" (pinned)" if one.pinned else ""), fg="green")
