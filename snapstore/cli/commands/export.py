"""`snap export`: a snapshot as a plain SQLite file."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.output import size
from snapstore.cli.types import PATH, REVISION

EXAMPLES = """
snap export baseline baseline.sqlite3
snap export latest queue.sqlite3 --only-db queue
"""


@click.command("export", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", type=REVISION)
@click.argument("file", type=PATH)
@click.option("--only-db", metavar="NAME", help="One of several databases.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.pass_obj
def command(context: Context, rev: str, file: str, only_db: str | None, force: bool) -> None:
    """Write a snapshot to a SQLite file.

    FILE becomes a database of its own, with the state of REV.
    """
    result = context.snapstore.export(rev, file, only_db=only_db, force=force)
    context.output.result(result, [f"wrote {result.path} ({size(result.bytes)}, {result.seconds:.2f} s)"])
