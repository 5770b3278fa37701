"""The part of a patch that sets the numbers of AUTOINCREMENT (SQLite file format, 2.6.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from snapstore.database.btree import tree
from snapstore.database.identifiers import folded
from snapstore.database.image import Image
from snapstore.database.literals import literal
from snapstore.database.patch_step import Step
from snapstore.database.record import Value
from snapstore.database.rows import RowReader
from snapstore.database.tables import SEQUENCE_TABLE, Schema


def sequence_steps(
    images: tuple[Image, Image],
    schemas: tuple[Schema, Schema],
    encoding: str,
    *,
    touched: Collection[str],
    rewritten: Collection[str],
    skipped: Collection[str],
) -> Iterator[Step]:
    """Yield the statements that set the numbers that differ, and those of the tables whose rows change.

    `touched` are these tables, `rewritten` those whose numbers a patch may move, `skipped` those to leave as they are;
    all names are in lower case. Raises DatabaseCorrupt.
    """
    before, after = (_numbers(image, schema) for image, schema in zip(images, schemas, strict=True))
    counting = [table.name for table in schemas[1].tables.values() if "AUTOINCREMENT" in (table.sql or "").upper()]
    moved = {name for name in counting if folded(name) in rewritten}
    for table in sorted({*before, *after, *moved}):
        is_same = before.get(table) == after.get(table) and table not in moved
        if folded(table) in skipped or (is_same and folded(table) not in touched):
            continue
        yield from _set(table, after.get(table, []), encoding)


def _set(table: str, numbers: list[Value], encoding: str) -> Iterator[Step]:
    """Set the numbers of one table, usually one; the last step has the condition that they are set."""
    of = literal(table, encoding)
    has = [literal(number, encoding) for number in numbers]
    sql = [f"DELETE FROM {SEQUENCE_TABLE} WHERE name = {of}"]
    sql += [f"INSERT INTO {SEQUENCE_TABLE}(name, seq) SELECT {of}, {number}" for number in has]
    rows = f"FROM {SEQUENCE_TABLE} WHERE name = {of}"
    each = (f" AND EXISTS (SELECT 1 {rows} AND seq IS {number})" for number in has)
    still = f"(SELECT count(*) {rows}) = {len(has)}{''.join(each)}"
    yield from map(Step, sql[:-1])
    yield Step(sql[-1], still=still)


def _numbers(image: Image, schema: Schema) -> dict[str, list[Value]]:
    """Return the numbers in `sqlite_sequence` by table."""
    table = schema.tables.get(SEQUENCE_TABLE)
    if table is None:
        return {}
    found: dict[str, list[Value]] = {}
    reader = RowReader(image, table)
    for pgno, cell in reader.cells(tree(image, table.root).leaves):
        of, number = reader.row(pgno, cell)
        found.setdefault(str(of), []).append(number)
    return found
