"""`snap undo`: take back the last restore."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.restore import lines
from snapstore.cli.context import Context
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import timeout_option
from snapstore.cli.output import when
from snapstore.results.restores import Restored

EXAMPLES = """
snap undo
snap undo --timeout 30
"""


@click.command("undo", cls=SnapCommand, examples=EXAMPLES)
@timeout_option
@click.pass_obj
def command(context: Context, timeout: float | None) -> int:
    """Take back the last restore, clean or undo.

    A second undo takes back the first.
    """
    result = context.snapstore.undo(timeout=timeout)
    context.output.result(result, lines(result, _what(result)))
    return report_hooks(context, result.hooks, result.warnings)


def _what(result: Restored) -> str:
    return f"the state before the {result.undone.action} of {when(result.undone.at)}" if result.undone else ""
