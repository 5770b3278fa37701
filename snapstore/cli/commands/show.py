"""`snap show`: one snapshot in full."""

from __future__ import annotations

from collections.abc import Iterator

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.output import size, table, when
from snapstore.cli.paint import style
from snapstore.cli.types import REVISION
from snapstore.results.snapshots import Shown
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap show baseline
snap show baseline@{1} --json
"""


@click.command("show", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", type=REVISION)
@click.pass_obj
def command(context: Context, rev: str) -> None:
    """Show one snapshot in full.

    Prints its tables with row counts, sizes, content ids and origins.
    """
    shown = context.snapstore.show(rev)
    context.output.result(shown, _lines(shown), always=True)


def _lines(shown: Shown) -> Iterator[str]:
    names = f"  {', '.join(shown.names)}" if shown.names else ""
    yield f"{style(f'snapshot {shown.snapshot}', fg='yellow')}{names}"
    yield f"taken    {when(shown.created)} ({shown.kind})"
    yield f"parent   {shown.parent or 'none'}"
    if shown.message:
        yield f"message  {one_line(shown.message)}"
    for name, one in shown.databases.items():
        yield ""
        yield f"{name}: {one_line(one.origin)}"
        yield f"  content  {one.content}"
        pages = f"{counted(one.pages, 'page')} of {one.page_size}"
        yield f"  size     {size(one.bytes)} ({pages}), journal mode {one.journal_mode}"
        for collation in one.collations:
            yield f"  collation {collation} is the application's own: a query cannot compare by it, the rest works"
        rows = [(f"  {table}", "?" if count is None else f"{count:,}") for table, count in one.tables.items()]
        yield from table([("  table", "rows"), *rows], right=(1,))
    for name, files in shown.files.items():
        yield ""
        yield f"files {one_line(name)}: {one_line(files.origin)}"
        yield f"  content  {files.content}"
        kinds = ", ".join(counted(number, kind) for kind, number in files.kinds.items()) or "empty"
        yield f"  size     {size(files.bytes)} ({kinds})"
