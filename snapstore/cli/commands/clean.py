"""`snap clean`: restore the rows that differ, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.restore import files_lines
from snapstore.cli.context import Context
from snapstore.cli.grid import counts_line
from snapstore.cli.hints import hint
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import timeout_option
from snapstore.cli.types import REVISION
from snapstore.ids import short
from snapstore.results.cleans import Cleaned
from snapstore.results.text import against_text, one_line

EXAMPLES = """
snap clean
snap clean baseline -n
snap clean baseline --keep django_session --keep 'cache_*'
"""


@click.command("clean", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", required=False, type=REVISION)
@click.option("--keep", multiple=True, metavar="T", help="Leave this table alone (a name or a glob); repeatable.")
@click.option("-n", "--dry-run", is_flag=True, help="Print the SQL, and change nothing.")
@click.option("--force", is_flag=True, help="Allow a snapshot taken from another database.")
@timeout_option
@click.pass_obj
def command(
    context: Context, rev: str | None, keep: tuple[str, ...], dry_run: bool, force: bool, timeout: float | None
) -> int:
    """Restore only the rows that differ.

    Returns to the rows of REV [default: the baseline, else HEAD] in one short transaction. Tables that the
    configuration ignores or keeps stay as they are. The state before is kept, and `snap undo` brings it back.
    """
    result = context.snapstore.clean(rev, keep=keep, force=force, dry_run=dry_run, timeout=timeout)
    if dry_run and not context.json_output:
        context.output.pieces(_script(result))
        for line in files_lines(result.files, dry_run=True):
            context.output.note(f"snap: {line}")
        if not any(one.statements for one in result.databases.values()):
            nothing = "" if result.changed else "nothing to clean: "
            context.output.note(f"snap: {nothing}the rows are those of {one_line(rev or 'HEAD')} already")
    else:
        context.output.result(result, _lines(result))
    return report_hooks(context, result.hooks, result.warnings)


def _lines(result: Cleaned) -> Iterator[str]:
    assert result.compared_with
    rev = against_text(result.compared_with)
    for name, one in result.databases.items():
        where = f"{name}: " if len(result.databases) > 1 else ""
        if not one.statements:
            yield f"{where}the rows are those of {rev} already"
        for table, counts in one.tables.items():
            yield f"{where}{one_line(table)}: {counts_line(counts)}"
    yield from (f"note: {one_line(text)}" for text in result.left_alone)
    yield from files_lines(result.files, dry_run=result.dry_run)
    if result.changed:
        yield f"cleaned to {rev} in {result.seconds:.2f} s"
    if result.safety:
        yield hint(f"the state before is {short(result.safety)}; 'snap undo' brings it back")


def _script(result: Cleaned) -> Iterator[str]:
    """Yield the SQL as it is, for a program or a file to take."""
    for name, one in result.databases.items():
        if len(result.databases) > 1:
            yield f"-- {one_line(name)}\n"
        yield from (f"{statement};\n" for statement in one.sql)
