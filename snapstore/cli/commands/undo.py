"""`snap undo`: take back the last restore."""

from __future__ import annotations

from snapstore.actions.undo import undo
from snapstore.cli.command import Context, snap_command
from snapstore.cli.commands.restore import describe
from snapstore.cli.parameters import timeout_option

EXAMPLES = """
snap undo
snap undo --timeout 30
"""


@snap_command("undo", EXAMPLES)
@timeout_option
def command(context: Context, timeout: float | None) -> None:
    """Take back the last restore, clean or undo.

    A second undo takes back the first: the two states change places.
    """
    with context.places.open_store() as store:
        wait = context.places.timeout if timeout is None else timeout
        result = undo(store, context.places.project, wait, context.progress)
    context.output.result(result, describe(result, "the state before"))
