"""`snap show`: one snapshot in full."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.actions.documents import show_document
from snapstore.actions.show import Shown, show
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import counted, one_line, size, table, when
from snapstore.cli.parameters import REVISION, argument
from snapstore.cli.styles import style

EXAMPLES = """
snap show baseline
snap show baseline@{1} --json
"""


@snap_command("show", EXAMPLES)
@argument("rev", type=REVISION)
def command(context: Context, rev: str) -> None:
    """Show what a snapshot holds: tables with row counts, sizes, content id, origin."""
    with context.places.open_store() as store:
        shown = show(store, context.resolve(store, rev))
    context.output.result(show_document(shown), _lines(shown), always=True)


def _lines(shown: Shown) -> Iterator[str]:
    row = shown.row
    yield f"{style('snapshot ' + row.id, fg='yellow')}{'  ' + ', '.join(shown.names) if shown.names else ''}"
    yield f"taken    {when(row.created)} ({row.kind})"
    yield f"parent   {shown.snapshot.parent or 'none'}"
    if row.message:
        yield f"message  {one_line(row.message)}"
    for name, one in shown.databases.items():
        record = one.record
        yield ""
        yield f"{name}: {one_line(record.origin)}"
        yield f"  content  {record.content}"
        pages = f"{counted(record.page_count, 'page')} of {record.page_size}"
        yield f"  size     {size(record.image_bytes)} ({pages}), journal mode {record.journal_mode}"
        rows = [(f"  {table}", "?" if count is None else f"{count:,}") for table, count in one.tables.items()]
        yield from table([("  table", "rows"), *rows], right=(1,))
