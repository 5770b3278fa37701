"""`snap log`: the snapshots, the newest first."""

from __future__ import annotations

import click

from snapstore.actions.listing import list_snapshots
from snapstore.cli.command import Context, snap_command
from snapstore.cli.listing import lines

EXAMPLES = """
snap log
snap log -n 5
snap log --all --json
"""


@snap_command("log", EXAMPLES)
@click.option("-n", "--number", type=click.IntRange(min=0), metavar="N", help="Show that many.")
@click.option("--all", "everything", is_flag=True, help="Show automatic safety snapshots and forgotten ones too.")
def command(context: Context, number: int | None, everything: bool) -> None:
    """List the snapshots, the newest first."""
    with context.places.open_store() as store:
        listed = list_snapshots(store, everything=everything, limit=number)
    context.output.result(listed, lines(listed), always=True)
