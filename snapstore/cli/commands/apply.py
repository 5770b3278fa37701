"""`snap apply`: change a live database as a patch says."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.grid import counts_line
from snapstore.cli.hints import hint
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import timeout_option
from snapstore.cli.types import PATH
from snapstore.files import translated
from snapstore.ids import short
from snapstore.results.applies import Applied
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap apply back.sql -n
snap apply back.sql --db copy.sqlite3
snap diff baseline run-42 --format sql | snap apply - --db copy.sqlite3
"""
STANDARD_INPUT = "-"


@click.command("apply", cls=SnapCommand, examples=EXAMPLES)
@click.argument("file", type=PATH)
@click.option("--only-db", metavar="NAME", help="One of several databases.")
@click.option("-n", "--dry-run", is_flag=True, help="Try it, and change nothing.")
@timeout_option
@click.pass_obj
def command(context: Context, file: str, only_db: str | None, dry_run: bool, timeout: float | None) -> int:
    """Apply a patch, all of it or nothing.

    FILE is what `snap diff --format sql` wrote, `-` standard input. Anything else is refused, and so is a patch whose
    rows or tables are not in the state that it starts from. The state before is kept, and `snap undo` brings it back.
    """
    with _as_file(file) as path:
        result = context.snapstore.apply(path, only_db=only_db, dry_run=dry_run, timeout=timeout)
    context.output.result(result, _lines(result, "standard input" if file == STANDARD_INPUT else file))
    return report_hooks(context, result.hooks, result.warnings)


@contextmanager
def _as_file(path: str) -> Iterator[str]:
    """Give a file with what comes from standard input, which is read twice; any other file as it is."""
    if path != STANDARD_INPUT:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="snap-") as copy:
        with translated(copy.name):
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
        yield copy.name


def _lines(result: Applied, path: str) -> Iterator[str]:
    done = "would be applied" if result.dry_run else "applied"
    for name, one in result.databases.items():
        for table, counts in one.tables.items():
            yield f"{one_line(table)}: {counts_line(counts)}"
        if not one.statements:
            yield f"{one_line(path)} has nothing to apply"
        else:
            size = counted(one.statements, "statement")
            yield f"{one_line(path)} {done} to {one_line(name)} ({size}, {result.seconds:.2f} s)"
        if one.is_start is False:
            yield "the database was not exactly in the state that the patch starts from; what it changes was"
    if result.safety:
        yield hint(f"the state before is {short(result.safety)}; 'snap undo' brings it back")
