"""`snap pin`: protect a name."""

from __future__ import annotations

from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import REVISION, argument

EXAMPLES = """
snap pin baseline
"""


@snap_command("pin", EXAMPLES)
@argument("name", type=REVISION)
def command(context: Context, name: str) -> None:
    """Protect NAME: it will not be moved or removed unless forced. Its snapshot stays the same."""
    with context.places.open_store() as store:
        ref = store.refs.pin(name, pinned=True)
    context.output.result(ref, [f"{ref.name} is pinned"])
