"""`snap rename`: another name for the same snapshot."""

from __future__ import annotations

from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import REVISION, argument
from snapstore.ids import short

EXAMPLES = """
snap rename run-41 good
"""


@snap_command("rename", EXAMPLES)
@argument("old", type=REVISION)
@argument("new")
def command(context: Context, old: str, new: str) -> None:
    """Rename the tag OLD to NEW, which must not exist."""
    with context.places.open_store() as store:
        ref = store.refs.rename(old, new)
    context.output.result(ref, [f"{old} is now {new} ({short(ref.snapshot)})"])
