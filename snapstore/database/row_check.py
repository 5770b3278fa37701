"""Check what an applied patch left in a live database, inside its transaction."""

from __future__ import annotations

from collections import Counter

from snapstore.database.identifiers import folded
from snapstore.database.literals import name
from snapstore.database.record import Value, text_bytes
from snapstore.database.sql_patch import SqlPatch, Target
from snapstore.database.tables import Schema
from snapstore.engine import Connection
from snapstore.errors import SqlFailed

Violation = tuple[str, int | None, str]
"""A row whose foreign key has no parent row: its table, its rowid (None in a table without), the parent table."""

Stored = tuple[str, Value]
"""A storage class, and a value; text is given as its bytes."""


def check_rows(connection: Connection, patch: SqlPatch) -> None:
    """Check that every row of the patch has its target value, as exactly as the diff compares. Raises SqlFailed."""
    for target in patch.targets():
        table = target.table
        columns = ", ".join(part for column in table.columns for part in _exact(column.name))
        found = connection.rows(f"SELECT {columns} FROM {name(table.name)} WHERE {target.where}")
        rows = [tuple(zip(row[::2], row[1::2], strict=True)) for row in found]
        if not _is_reached(target, rows, patch.encoding):
            raise SqlFailed(f"row of '{table.name}' ({target.where}) was not restored to its original value")


def check_objects(connection: Connection, patch: SqlPatch) -> None:
    """Check that what was dropped on the way came back with exactly its text. Raises SqlFailed."""
    _, wanted = patch.objects()
    sql = "SELECT type, name, CAST(sql AS BLOB) FROM sqlite_schema"
    found = {(kind, folded(one)): text for kind, one, text in connection.rows(sql)} if wanted else {}
    for row in wanted:
        if found.get((row.type, folded(row.name))) != text_bytes(row.sql or "", patch.encoding):
            raise SqlFailed(f"{row.type} '{row.name}' was not created with its text")


def foreign_key_violations(
    connection: Connection, schema: Schema, touched: set[str], left: set[str]
) -> Counter[Violation]:
    """Return the rows without a parent, for foreign keys between a `touched` table and one that is `left` alone."""
    found: Counter[Violation] = Counter()
    for table in schema.tables.values():
        child = folded(table.name)
        parents = {folded(key.parent) for key in table.foreign_keys}
        if (child in left and parents & touched) or (child in touched and parents & left):
            try:
                rows = connection.rows(f"PRAGMA foreign_key_check({name(table.name)})")
            except SqlFailed:
                continue  # its foreign keys match no key of the parent, so SQLite cannot follow them either
            found.update((of, rowid, parent) for of, rowid, parent, _ in rows)
    return found


def _exact(column: str) -> tuple[str, str]:
    """Return expressions for the storage class of a column, and for its value, with text as bytes."""
    quoted = name(column)
    return f"typeof({quoted})", f"CASE typeof({quoted}) WHEN 'text' THEN CAST({quoted} AS BLOB) ELSE {quoted} END"


def _is_reached(target: Target, found: list[tuple[Stored, ...]], encoding: str) -> bool:
    table = target.table
    if target.row is None:
        key = {table.names.index(one): value for one, value in target.key.items() if one in table.names}
        exact = {place: _stored(value, encoding) for place, value in key.items()}
        return not any(all(row[place] == value for place, value in exact.items()) for row in found)
    wanted = [_stored(value, encoding) for value in target.row]
    return len(found) == 1 and all(
        column.is_generated or one == other for column, one, other in zip(table.columns, found[0], wanted, strict=True)
    )


def _stored(value: Value, encoding: str) -> Stored:
    if isinstance(value, str):
        return "text", text_bytes(value, encoding)
    classes = {int: "integer", float: "real", bytes: "blob", type(None): "null"}
    return classes[type(value)], value
