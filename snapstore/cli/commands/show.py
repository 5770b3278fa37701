"""`snap show`: one snapshot in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snapstore.actions.show import Shown, ShownDatabase, show
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
    context.output.result(_document(shown), _lines(shown), always=True)


def _document(shown: Shown) -> dict[str, Any]:
    return {
        "snapshot": shown.row.id,
        "names": shown.names,
        "created": shown.row.created,
        "message": shown.row.message,
        "kind": shown.row.kind,
        "parent": shown.snapshot.parent,
        "content": shown.row.content,
        "bytes": shown.row.bytes,
        "stored_bytes": shown.row.stored_bytes,
        "databases": {name: _database(one) for name, one in shown.databases.items()},
    }


def _database(one: ShownDatabase) -> dict[str, Any]:
    record = one.record
    return {
        "content": record.content,
        "pages": record.page_count,
        "page_size": record.page_size,
        "bytes": record.image_bytes,
        "origin": record.origin,
        "journal_mode": record.journal_mode,
        "schema": record.schema,
        "user_version": record.user_version,
        "application_id": record.application_id,
        "tables": one.tables,
    }


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
