"""What an applied patch left in a live database, looked at inside its transaction."""

from __future__ import annotations

from collections import Counter

from snapstore.database.literals import name
from snapstore.database.record import Value, is_valid_text
from snapstore.database.spool import Row
from snapstore.database.sql_patch import SqlPatch
from snapstore.database.tables import Schema, Table, folded
from snapstore.engine import Connection
from snapstore.errors import SqlFailed

Violation = tuple[str, int | None, str]
"""A row that refers to none: its table, its rowid (None in a table without), the table it refers to."""


def check_rows(connection: Connection, patch: SqlPatch) -> None:
    """Make sure that every row the patch was about is as it should be. Raises SqlFailed."""
    for table, where, wanted in patch.targets():
        columns = ", ".join(name(column.name) for column in table.columns)
        found = connection.rows(f"SELECT {columns} FROM {name(table.name)} WHERE {where}")
        if not _is_as_wanted(table, found, wanted):
            raise SqlFailed(f"a row of table '{table.name}' ({where}) did not become what it was")


def foreign_key_violations(
    connection: Connection, schema: Schema, touched: set[str], left: set[str]
) -> Counter[Violation]:
    """Return the rows that refer to none, where a table that is `touched` and one that is `left` alone are involved."""
    found: Counter[Violation] = Counter()
    for table in schema.tables.values():
        child = folded(table.name)
        parents = {folded(key.parent) for key in table.foreign_keys}
        if (child in left and parents & touched) or (child in touched and parents & left):
            try:
                rows = connection.rows(f"PRAGMA foreign_key_check({name(table.name)})")
            except SqlFailed:
                continue  # its foreign keys fit no key of the parent, so SQLite cannot follow them either
            found.update((of, rowid, parent) for of, rowid, parent, _ in rows)
    return found


def _is_as_wanted(table: Table, found: list[tuple[Value, ...]], wanted: Row | None) -> bool:
    if wanted is None or len(found) != 1:
        return wanted is None and not found
    pairs = zip(table.columns, found[0], wanted, strict=True)
    return all(
        (old == new and type(old) is type(new)) or (isinstance(new, str) and not is_valid_text(new))
        for column, old, new in pairs
        if not column.is_generated
    )
