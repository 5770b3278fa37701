"""`snap export`: a snapshot as a plain SQLite file."""

from __future__ import annotations

from snapstore.actions.export import ExportOptions, export
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import size
from snapstore.cli.parameters import REVISION, argument, option

EXAMPLES = """
snap export baseline baseline.sqlite3
snap export latest queue.sqlite3 --only-db queue
"""


@snap_command("export", EXAMPLES)
@argument("rev", type=REVISION)
@argument("file")
@option("--only-db", metavar="NAME", help="One of several databases.")
@option("--force", is_flag=True, help="Overwrite FILE.")
def command(context: Context, rev: str, file: str, only_db: str | None, force: bool) -> None:
    """Write REV to FILE as a SQLite database of its own."""
    with context.places.open_store() as store:
        options = ExportOptions(context.resolve(store, rev), file, only_db, force)
        result = export(store, context.places.project, options, context.progress)
    context.output.result(result, [f"wrote {result.path} ({size(result.bytes)}, {result.seconds:.2f} s)"])
