"""What can still be read of a catalog that is to be made anew: whole tables, or the rows before the damage."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from snapstore import engine
from snapstore.errors import SnapError, StoreDamaged
from snapstore.objects.catalog import translator
from snapstore.patience import Patience

_DEFINITIONS = (
    "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL"
    " ORDER BY type DESC"
)


class OldTable(NamedTuple):
    """Rows by column; `whole` where the last one was reached. `definitions` make the table and its indexes."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    whole: bool
    definitions: tuple[str, ...]

    def each(self, *columns: str) -> list[tuple[Any, ...]]:
        """Return some columns of all rows; nothing where the table does not have them all."""
        if not set(columns) <= set(self.columns):
            return []
        places = [self.columns.index(column) for column in columns]
        return [tuple(row[at] for at in places) for row in self.rows]


NO_TABLE = OldTable((), [], whole=False, definitions=())


class OldCatalog(NamedTuple):
    """The tables that could be read at all.

    `opened` where SQLite could open the file, its log is then folded in; `sound` where it finds no damage in it.
    """

    tables: dict[str, OldTable]
    opened: bool
    sound: bool = False

    def table(self, name: str) -> OldTable:
        """Return a table, one without rows where it cannot be read."""
        return self.tables.get(name, NO_TABLE)


def read_old_catalog(path: str, patience: Patience, leave_out: frozenset[str]) -> OldCatalog:
    """Read what there is of a catalog, except some tables. Raises StoreLocked, FileError, DiskFull."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return OldCatalog({}, opened=False)
    try:
        connection = engine.Connection(engine.file_uri(path, mode="rw"), translator(os.path.dirname(path)), patience)
    except StoreDamaged:
        return OldCatalog({}, opened=False)
    try:
        names = [name for (name,) in _some_rows(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")[0]]
        ours = [name for name in names if isinstance(name, str) and name not in leave_out and name[:7] != "sqlite_"]
        tables = {name: _table(connection, name) for name in ours}
        connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        sound = _some_rows(connection, "PRAGMA integrity_check(1)") == ([("ok",)], True)
        return OldCatalog(tables, opened=True, sound=sound)
    except StoreDamaged:
        return OldCatalog({}, opened=False)
    finally:
        connection.close()


def _table(connection: engine.Connection, name: str) -> OldTable:
    quoted = '"' + name.replace('"', '""') + '"'
    columns = tuple(str(row[1]) for row in _some_rows(connection, f"PRAGMA table_info({quoted})")[0])
    definitions = tuple(str(row[0]) for row in _some_rows(connection, _DEFINITIONS, (name,))[0])
    rows, whole = _some_rows(connection, f"SELECT * FROM {quoted}")
    return OldTable(columns, rows, whole and bool(columns), definitions)


def _some_rows(
    connection: engine.Connection, sql: str, values: tuple[object, ...] = ()
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the rows up to the first that cannot be read, and whether that is all of them."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in connection.each(sql, values):
            rows.append(row)  # noqa: PERF402 - those before the damage are kept
    except SnapError:
        return rows, False
    return rows, True
