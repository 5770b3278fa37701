"""`snap reflog`: where the databases, or a name, have been."""

from __future__ import annotations

from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import one_line, table, when
from snapstore.cli.parameters import REVISION, argument
from snapstore.cli.styles import style
from snapstore.errors import UnknownRevision
from snapstore.history.reflog import HEAD
from snapstore.history.refs import nearest
from snapstore.ids import short

EXAMPLES = """
snap reflog
snap reflog baseline
"""


@snap_command("reflog", EXAMPLES)
@argument("name", default=HEAD, type=REVISION)
def command(context: Context, name: str) -> None:
    """Show where the live databases were (@{n}), or where NAME pointed (NAME@{n}), the newest first."""
    with context.places.open_store() as store:
        positions = list(store.refs.positions(name, context.places.project.origin if name == HEAD else ""))
        if not positions and name != HEAD:
            raise UnknownRevision(name, nearest(name, [ref.name for ref in store.refs.all()]))
    rows = [
        (
            f"{'' if name == HEAD else name}@{{{number}}}",
            style(short(entry.snapshot), fg="yellow") if entry.snapshot else "gone",
            when(entry.at),
            entry.action,
            one_line(entry.message),
        )
        for number, entry in enumerate(positions)
    ]
    context.output.result(positions, table(rows), always=True)
