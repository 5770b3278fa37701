"""`snap unpin`: let a name move again."""

from __future__ import annotations

from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import REVISION, argument

EXAMPLES = """
snap unpin baseline
"""


@snap_command("unpin", EXAMPLES)
@argument("name", type=REVISION)
def command(context: Context, name: str) -> None:
    """Let NAME be moved and removed again."""
    with context.places.open_store() as store:
        ref = store.refs.pin(name, pinned=False)
    context.output.result(ref, [f"{ref.name} is not pinned"])
