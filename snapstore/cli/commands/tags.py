"""`snap tags`: the names."""

from __future__ import annotations

from snapstore.actions.listing import list_tags
from snapstore.cli.command import Context, snap_command
from snapstore.cli.listing import lines

EXAMPLES = """
snap tags
snap tags --json
"""


@snap_command("tags", EXAMPLES)
def command(context: Context) -> None:
    """List the tags by name."""
    with context.places.open_store() as store:
        listed = list_tags(store)
    context.output.result(listed, lines(listed), always=True)
