"""The schema of an image: the rows of `sqlite_schema`, and what they say of each table.

The schema's text is read by SQLite itself, in a scratch database that has the same `sqlite_schema` and
no rows. Loaded that way it may name collations, functions and modules that nobody here has.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from snapstore.database.btree import table_cells, tree
from snapstore.database.image import DamagedPage, Image
from snapstore.database.literals import literal
from snapstore.database.record import BadRecord, Value, decode
from snapstore.database.tables import (
    SCHEMA_ROOT,
    SCHEMA_TABLE,
    SEQUENCE_TABLE,
    Column,
    ForeignKey,
    Schema,
    SchemaRow,
    Table,
    affinity_of,
    folded,
)
from snapstore.engine import Connection
from snapstore.errors import DatabaseCorrupt, SnapError, SqlFailed
from snapstore.patience import Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_VIRTUAL_GENERATED, _STORED_GENERATED = 2, 3  # `hidden` of PRAGMA table_xinfo
_SCRATCH_PAGE = 4096


def read_schema(image: Image) -> Schema:
    """Read the schema of an image. Raises DatabaseCorrupt."""
    if not image.page_count:
        return Schema((), {})
    try:
        rows = tuple(_schema_rows(image))
    except DamagedPage as error:
        raise image.corrupt(error, SCHEMA_TABLE) from error
    return Schema(rows, _tables(image, rows))


def _schema_rows(image: Image) -> Iterable[SchemaRow]:
    for pgno in tree(image, SCHEMA_ROOT).leaves:
        for cell in table_cells(image, pgno):
            try:
                kind, name, table, root, sql = decode(cell.payload, image.encoding)
            except (BadRecord, ValueError) as error:
                raise DamagedPage(pgno, f"has a row that is none of a schema: {error}") from error
            if not (isinstance(kind, str) and isinstance(name, str) and isinstance(table, str)):
                raise DamagedPage(pgno, "has a row that is none of a schema")
            yield SchemaRow(
                kind, name, table, root if isinstance(root, int) else 0, sql if isinstance(sql, str) else None
            )


def _tables(image: Image, rows: tuple[SchemaRow, ...]) -> dict[str, Table]:
    stored = [row for row in rows if row.type == "table" and row.root]
    scratch = _scratch(image, stored, [row for row in rows if row.type == "index"])
    try:
        return {folded(row.name): _table(scratch, row, image.encoding) for row in stored}
    finally:
        scratch.close()


def _scratch(image: Image, tables: list[SchemaRow], indexes: list[SchemaRow]) -> Connection:
    """Load the schema into a database in memory, each b-tree with a page to be its root."""

    def translate(_code: int, text: str) -> SnapError:
        return DatabaseCorrupt(image.label, text)

    connection = Connection("file::memory:", translate, Patience(0))
    rows = [*tables, *indexes]
    _set_encoding(connection, image.encoding)
    connection.rows(f"PRAGMA page_size = {_SCRATCH_PAGE}")
    connection.rows("CREATE TABLE space(pages)")
    connection.rows("INSERT INTO space VALUES (zeroblob(?))", ((len(rows) + 1) * _SCRATCH_PAGE,))
    if any(folded(row.name) == SEQUENCE_TABLE for row in tables):
        connection.rows("CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT)")  # else it would be missed
    connection.rows("PRAGMA writable_schema = ON")
    connection.rows("DELETE FROM sqlite_schema")
    for number, row in enumerate(rows, 2):
        values = (row.type, row.name, row.table, number, row.sql)  # as literals: they need not be valid text
        literals = ", ".join(literal(value, image.encoding) for value in values)
        connection.rows(f"INSERT INTO sqlite_schema VALUES ({literals})")
    connection.rows("PRAGMA writable_schema = RESET")
    return connection


def _table(scratch: Connection, row: SchemaRow, encoding: str) -> Table:
    indexes = scratch.rows('SELECT name, origin, "unique", partial FROM pragma_index_list(?)', (row.name,))
    columns = scratch.rows("SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo(?)", (row.name,))
    sql = "SELECT wr, strict FROM pragma_table_list(?) WHERE schema = 'main'"
    without_rowid, strict = map(bool, scratch.rows(sql, (row.name,))[0])
    key_index = next((name for name, origin, *_ in indexes if origin == "pk"), None)
    collations = _collations(scratch, [name for name, _, is_unique, _ in indexes if is_unique])
    keyed = [name for name, _, _, key_place, _ in columns if key_place]
    order = _stored_order(scratch, columns, key_index if without_rowid else None)
    return Table(
        row,
        tuple(
            Column(
                name,
                affinity := affinity_of(declared, strict=strict),
                default,
                _default_value(affinity, default, encoding) if default is not None else None,
                key_place,
                hidden in (_VIRTUAL_GENERATED, _STORED_GENERATED),
                order.get(number),
                collations.get(name, "BINARY"),
            )
            for number, (name, declared, default, key_place, hidden) in enumerate(columns)
        ),
        _foreign_keys(scratch, row.name),
        alias=keyed[0] if len(keyed) == 1 and key_index is None else None,
        without_rowid=without_rowid,
        unique_names=_unique_names(scratch, indexes),
    )


def _unique_names(scratch: Connection, indexes: list[tuple[Any, ...]]) -> frozenset[str] | None:
    """Return the columns of unique indexes, None where an expression decides what has to be unique."""
    unique = [(name, is_partial) for name, _, is_unique, is_partial in indexes if is_unique]
    names = [row[0] for name, _ in unique for row in scratch.rows("SELECT name FROM pragma_index_info(?)", (name,))]
    return None if None in names or any(is_partial for _, is_partial in unique) else frozenset(names)


def _collations(scratch: Connection, indexes: list[str]) -> dict[str, str]:
    sql = "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key AND cid >= 0"
    return dict(row for index in indexes for row in scratch.rows(sql, (index,)))


def _stored_order(scratch: Connection, columns: list[tuple[object, ...]], key_index: str | None) -> dict[int, int]:
    """Return the place in the record of each column that has one, by its number."""
    if key_index is not None:  # the record of a WITHOUT ROWID table begins with its key
        numbers = [row[0] for row in scratch.rows("SELECT cid FROM pragma_index_xinfo(?)", (key_index,))]
    else:
        numbers = [number for number, column in enumerate(columns) if column[-1] != _VIRTUAL_GENERATED]
    return {number: place for place, number in enumerate(numbers)}


def _foreign_keys(scratch: Connection, table: str) -> tuple[ForeignKey, ...]:
    found: dict[int, list[tuple[str, str, str | None]]] = {}
    sql = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq'
    for id_, parent, column, parent_column in scratch.rows(sql, (table,)):
        found.setdefault(id_, []).append((parent, column, parent_column))
    keys = []
    for parts in found.values():
        parent = parts[0][0]
        named = tuple(part[2] for part in parts if part[2] is not None)
        columns = named if len(named) == len(parts) else _primary_key(scratch, parent)
        keys.append(ForeignKey(tuple(part[1] for part in parts), parent, columns))
    return tuple(keys)


def _primary_key(scratch: Connection, table: str) -> tuple[str, ...]:
    rows = scratch.rows("SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk", (table,))
    return tuple(row[0] for row in rows)


@lru_cache(maxsize=1024)
def _default_value(affinity: str, default: str, encoding: str) -> Value:
    """Have SQLite read a column that was added to a table with a row; None for a default it did not take that way."""

    def translate(_code: int, _text: str) -> None:
        return None

    connection = Connection("file::memory:", translate, Patience(0))
    try:
        _set_encoding(connection, encoding)
        connection.rows("CREATE TABLE short(first)")
        connection.rows("INSERT INTO short VALUES (1)")
        column = f"ALTER TABLE short ADD COLUMN added {'' if affinity == 'BLOB' else affinity} DEFAULT"
        try:
            connection.rows(f"{column} {default}")
        except SqlFailed:  # `table_xinfo` gives an expression without its parentheses
            connection.rows(f"{column} ({default})")
        value: Value = connection.value("SELECT added FROM short")
    except SnapError:
        return None
    else:
        return value
    finally:
        connection.close()


def _set_encoding(connection: Connection, encoding: str) -> None:
    connection.rows(f"PRAGMA encoding = '{encoding.replace('-le', 'le').replace('-be', 'be')}'")
