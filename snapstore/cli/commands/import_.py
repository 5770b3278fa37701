"""`snap import`: a SQLite file as a snapshot."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.options import timeout_option
from snapstore.cli.output import size
from snapstore.cli.types import PATH
from snapstore.ids import short
from snapstore.project import DEFAULT

EXAMPLES = """
snap import db.sqlite3.e2e-backup --tag e2e-backup
snap import colleague.sqlite3 --tag bug-1234 -m 'from the report'
"""


@click.command("import", cls=SnapCommand, examples=EXAMPLES)
@click.argument("file", type=PATH)
@click.option("--tag", "name", metavar="NAME", help="Name the snapshot.")
@click.option("--only-db", default=DEFAULT, metavar="NAME", help="The database it is a state of [default: default].")
@click.option("-m", "--message", default="", metavar="TEXT", help="Describe the state.")
@click.option("--with-files", is_flag=True, help="Take the files in the folder FILE.files too.")
@click.option("--force", is_flag=True, help="Move a pinned name.")
@timeout_option
@click.pass_obj
def command(
    context: Context,
    file: str,
    name: str | None,
    only_db: str,
    message: str,
    with_files: bool,
    force: bool,
    timeout: float | None,
) -> None:
    """Import a SQLite file as a snapshot.

    FILE is a database from elsewhere; the live database is left alone. A write-ahead log beside FILE is read too, and
    checkpointed into FILE unless another process has it open.
    """
    result = context.snapstore.import_(
        file, name=name, only_db=only_db, message=message, force=force, with_files=with_files, timeout=timeout
    )
    stored = size(sum(one.stored_bytes for one in result.databases.values()))
    named = f"{name} is " if name else ""
    context.output.result(result, [f"{named}{short(result.snapshot)}, imported from {file} ({stored} stored)"])
