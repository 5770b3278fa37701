"""`snap reset`: the emergency."""

from __future__ import annotations

from snapstore.actions.reset import reset
from snapstore.cli.command import Context, snap_command
from snapstore.cli.commands.restore import describe
from snapstore.cli.parameters import timeout_option, yes_option

EXAMPLES = """
snap reset
snap reset -y
"""


@snap_command("reset", EXAMPLES)
@timeout_option
@yes_option
def command(context: Context, timeout: float | None, yes: bool) -> None:
    """Bring back the backup or the newest intact snapshot, whatever state the file is in.

    A damaged file is kept beside the new one. A state that can still be read is kept as a snapshot.
    """
    places = context.places
    with places.open_store() as store:
        context.confirm("Reset the live databases?", yes=yes)
        wait = places.timeout if timeout is None else timeout
        result = reset(store, places.project, places.backup_name, wait, context.progress)
        names = [ref.name for ref in store.refs.naming(result.snapshot)]
    context.output.result(result, describe(result, names[0] if names else "the newest snapshot"))
