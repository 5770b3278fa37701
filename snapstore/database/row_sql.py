"""SQL about one row of a table: which row it is, and whether it still has its values."""

from __future__ import annotations

from collections.abc import Iterable

from snapstore.database.literals import literal, name
from snapstore.database.record import Value, text_bytes
from snapstore.database.spool import Row
from snapstore.database.tables import Table
from snapstore.errors import PatchImpossible

_LONG = 100  # characters or bytes of a value that a condition repeats, to find the row as it was


class RowSql:
    """Writes conditions on rows, with text in the encoding of the database that will run them."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def still(self, table: Table, values: Iterable[tuple[int, Value]]) -> str:
        """Return the condition that columns have some values; of long ones, that they have the length."""
        stored = ((table.columns[number], value) for number, value in values)
        wanted = ((name(column.name), value) for column, value in stored if not column.is_generated)
        return " AND ".join(self._has(column, value) for column, value in wanted)

    def _has(self, column: str, value: Value) -> str:
        if isinstance(value, (str, bytes)) and len(value) > _LONG:
            size = len(value if isinstance(value, bytes) else text_bytes(value, self._encoding))
            return f"length(CAST({column} AS BLOB)) = {size}"
        return f"+{column} COLLATE BINARY IS {literal(value, self._encoding)}"  # `+`: without the column's affinity

    def key(self, table: Table, row: Row, rowid: int | None, *, is_keyless: bool) -> list[tuple[str, Value]]:
        """Return the columns that tell a row from others, with its values. Raises PatchImpossible."""
        if table.without_rowid or (table.is_keyed and not is_keyless):
            values = dict(zip(table.names, row, strict=True))
            return [(column, values[column]) for column in table.declared_key]
        if not (column := table.alias or table.rowid_name):
            raise nameless(table)
        return [(column, rowid)]

    def where(self, table: Table, pairs: list[tuple[str, Value]]) -> str:
        """Return the condition for a row; the key may compare text in another way than its columns do."""
        has_own = "COLLATE" in (table.sql or "").upper()
        collations = dict(zip(table.declared_key, table.key_collations, strict=True)) if has_own else {}
        return " AND ".join(
            f"{name(column)} = {literal(value, self._encoding)}"
            + (f" COLLATE {name(collations[column])}" if column in collations and isinstance(value, str) else "")
            for column, value in pairs
        )


def nameless(table: Table) -> PatchImpossible:
    """Return the error for a table whose rows no column tells apart."""
    return PatchImpossible(f"no name is left for the rowid of table '{table.name}'")
