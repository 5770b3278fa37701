"""`snap log`: the snapshots, the newest first."""

from __future__ import annotations

from snapstore.actions.listing import list_snapshots
from snapstore.cli.command import Context, snap_command
from snapstore.cli.listing import lines
from snapstore.cli.parameters import COUNT, option

EXAMPLES = """
snap log
snap log -n 5
snap log --all --json
"""


@snap_command("log", EXAMPLES)
@option("-n", "--number", type=COUNT, metavar="N", help="Show that many.")
@option("--all", "everything", is_flag=True, help="Show automatic safety snapshots and forgotten ones too.")
def command(context: Context, number: int | None, everything: bool) -> None:
    """List the snapshots, the newest first."""
    with context.places.open_store() as store:
        listed = list_snapshots(store, everything=everything, limit=number)
    context.output.result(listed, lines(listed), always=True)
