"""What can still be read of a catalog that is being rebuilt: whole tables, or the rows before the damage."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from snapstore import engine
from snapstore.errors import SnapError, StoreDamaged
from snapstore.locks import Deadline
from snapstore.objects.catalog import translator
from snapstore.objects.catalog_schema import schema_problem

_DEFINITIONS = (
    "SELECT sql, type FROM sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL"
    " ORDER BY type DESC"
)


class OldTable(NamedTuple):
    """The rows of a table; `whole` if all could be read. `definitions` create the table and its indexes."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    whole: bool
    definitions: tuple[str, ...]

    def each(self, *columns: str) -> list[tuple[Any, ...]]:
        """Return some columns of all rows, or nothing if the table lacks one of them."""
        if not set(columns) <= set(self.columns):
            return []
        places = [self.columns.index(column) for column in columns]
        return [tuple(row[at] for at in places) for row in self.rows]


NO_TABLE = OldTable((), [], whole=False, definitions=())


class OldCatalog(NamedTuple):
    """The tables that could be read.

    `opened` says that SQLite could open the file, whose log is then checkpointed; `sound` that it found no damage.
    """

    tables: dict[str, OldTable]
    opened: bool
    sound: bool = False

    def table(self, name: str) -> OldTable:
        """Return a table, an empty one if it could not be read."""
        return self.tables.get(name, NO_TABLE)


def read_old_catalog(path: str, deadline: Deadline, leave_out: frozenset[str]) -> OldCatalog:
    """Read what is left of a catalog, except for some tables. Raises StoreLocked, FileError, DiskFull."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return OldCatalog({}, opened=False)
    try:
        uri = engine.file_uri(path, mode="rw")
        connection = engine.Connection(uri, translator(os.path.dirname(path)), deadline, distrusted=True)
    except StoreDamaged:
        return OldCatalog({}, opened=False)
    try:
        schema = _some_rows(connection, "SELECT type, name, sql FROM sqlite_schema")[0]
        plain = [name for kind, name, sql in schema if kind == "table" and not schema_problem([(kind, name, sql)])]
        ours = [name for name in plain if isinstance(name, str) and name not in leave_out and name[:7] != "sqlite_"]
        tables = {name: _table(connection, name) for name in ours}
        connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        sound = not schema_problem(schema) and _some_rows(connection, "PRAGMA integrity_check(1)") == ([("ok",)], True)
        return OldCatalog(tables, opened=True, sound=sound)
    except StoreDamaged:
        return OldCatalog({}, opened=False)
    finally:
        connection.close()


def _table(connection: engine.Connection, name: str) -> OldTable:
    quoted = '"' + name.replace('"', '""') + '"'
    columns = tuple(str(row[1]) for row in _some_rows(connection, f"PRAGMA table_info({quoted})")[0])
    found = _some_rows(connection, _DEFINITIONS, (name,))[0]
    definitions = tuple(str(sql) for sql, kind in found if not schema_problem([(kind, name, sql)]))
    rows, whole = _some_rows(connection, f"SELECT * FROM {quoted}")
    return OldTable(columns, rows, whole and bool(columns), definitions)


def _some_rows(
    connection: engine.Connection, sql: str, values: tuple[object, ...] = ()
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return the rows up to the first unreadable one, and whether those are all."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in connection.each(sql, values):
            rows.append(row)  # noqa: PERF402 - those before the damage are kept
    except SnapError:
        return rows, False
    return rows, True
