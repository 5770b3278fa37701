"""`snap rm`: remove tags and forget snapshots."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.options import yes_option
from snapstore.cli.types import REVISION
from snapstore.ids import short

EXAMPLES = """
snap rm run-41
snap rm run-40 run-41 -y
snap rm 3f9a2c
"""


@click.command("rm", cls=SnapCommand, examples=EXAMPLES)
@click.argument("revs", nargs=-1, required=True, metavar="NAME-OR-REV...", type=REVISION)
@click.option("--force", is_flag=True, help="Remove pinned tags too, and snapshots together with their tags.")
@yes_option
@click.pass_obj
def command(context: Context, revs: tuple[str, ...], force: bool, yes: bool) -> None:
    """Remove tags, or forget snapshots.

    All or none are removed. The snapshot of a removed tag stays in the store and in the tag's reflog. An id forgets a
    snapshot.
    """
    context.confirm(f"Remove {', '.join(revs)}?", yes=yes)
    removal = context.snapstore.rm(*revs, force=force)
    lines = [
        f"removed {one.name}, was {short(one.snapshot)}" if one.name else f"forgot {short(one.snapshot)}"
        for one in removal.removed
    ]
    context.output.result(removal, lines)
