"""`snap import`: a SQLite file as a snapshot."""

from __future__ import annotations

from snapstore.actions.importing import ImportOptions, import_file
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import size
from snapstore.cli.parameters import argument, option, timeout_option
from snapstore.ids import short
from snapstore.project import DEFAULT

EXAMPLES = """
snap import db.sqlite3.e2e-backup --tag e2e-backup
snap import colleague.sqlite3 --tag bug-1234 -m 'from the report'
"""


@snap_command("import", EXAMPLES)
@argument("file")
@option("--tag", "name", metavar="NAME", help="Name the snapshot.")
@option("--only-db", default=DEFAULT, metavar="NAME", help="The database it is a state of [default: default].")
@option("-m", "--message", default="", metavar="TEXT", help="Say what the state is.")
@option("--force", is_flag=True, help="Move a pinned name.")
@timeout_option
def command(
    context: Context, file: str, name: str | None, only_db: str, message: str, force: bool, timeout: float | None
) -> None:
    """Take FILE, a SQLite database from elsewhere, into the store; the live database is left alone.

    A write-ahead log beside FILE is read too, and folded into FILE where no process has it open.
    """
    project = context.places.project
    wait = context.places.timeout if timeout is None else timeout
    options = ImportOptions(file, name, only_db, message, force, wait)
    with context.places.create_store() as store:
        result = import_file(store, project, options, context.progress)
    stored = size(sum(one.stored_bytes for one in result.databases.values()))
    called = f"{name} is " if name else ""
    context.output.result(result, [f"{called}{short(result.snapshot)}, imported from {file} ({stored} stored)"])
