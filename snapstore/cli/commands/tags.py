"""`snap tags`: the tags by name."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.log import lines
from snapstore.cli.context import Context

EXAMPLES = """
snap tags
snap tags --json
"""


@click.command("tags", cls=SnapCommand, examples=EXAMPLES)
@click.pass_obj
def command(context: Context) -> None:
    """List the tags by name."""
    listed = context.snapstore.tags()
    context.output.result(listed, lines(listed), always=True)
