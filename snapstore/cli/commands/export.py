"""`snap export`: a snapshot as a plain SQLite file."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.output import size
from snapstore.cli.types import PATH, REVISION
from snapstore.results.text import one_line

EXAMPLES = """
snap export baseline baseline.sqlite3
snap export latest queue.sqlite3 --only-db queue
snap export baseline baseline.sqlite3 --with-files
"""


@click.command("export", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", type=REVISION)
@click.argument("file", type=PATH)
@click.option("--only-db", metavar="NAME", help="One of several databases.")
@click.option("--with-files", is_flag=True, help="Write the files too, into a folder FILE.files.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.pass_obj
def command(context: Context, rev: str, file: str, only_db: str | None, with_files: bool, force: bool) -> None:
    """Write a snapshot to a SQLite file.

    FILE becomes a database of its own, with the state of REV.
    """
    result = context.snapstore.export(rev, file, only_db=only_db, force=force, with_files=with_files)
    lines = [f"wrote {result.path} ({size(result.bytes)}, {result.seconds:.2f} s)"]
    lines += [f"wrote the files {one_line(name)} to {path}" for name, path in result.files.items()]
    context.output.result(result, lines)
