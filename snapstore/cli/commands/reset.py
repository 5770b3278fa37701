"""`snap reset`: restore a good state, whatever has become of the database."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.restore import lines
from snapstore.cli.context import Context
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import timeout_option, yes_option

EXAMPLES = """
snap reset
snap reset -y
"""


@click.command("reset", cls=SnapCommand, examples=EXAMPLES)
@timeout_option
@yes_option
@click.pass_obj
def command(context: Context, timeout: float | None, yes: bool) -> int:
    """Recover the databases in an emergency.

    Restores the backup, or the newest intact snapshot, whatever state the database file is in. A damaged file is kept
    beside the new one. A state that can still be read is kept as a snapshot.
    """
    context.confirm("Reset the live databases?", yes=yes)
    result = context.snapstore.reset(timeout=timeout)
    context.output.result(result, lines(result, result.names[0] if result.names else "the newest snapshot"))
    return report_hooks(context, result.hooks, result.warnings)
