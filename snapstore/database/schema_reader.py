"""The schema of an image: the rows of `sqlite_schema`, and what they tell of each table.

SQLite itself parses the schema's text, in a scratch database that has the same `sqlite_schema` and no rows. Loaded that
way, it may name collations, functions and modules that are not installed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from snapstore.database.btree import table_cells, tree
from snapstore.database.identifiers import folded
from snapstore.database.image import DamagedPage, Image
from snapstore.database.literals import literal
from snapstore.database.literals import name as quoted
from snapstore.database.record import RecordError, Value, decode, is_valid_text
from snapstore.database.tables import (
    BINARY,
    NO_COLLATIONS,
    SCHEMA_ROOT,
    SCHEMA_TABLE,
    SEQUENCE_TABLE,
    Column,
    ForeignKey,
    Schema,
    SchemaRow,
    Table,
    affinity_of,
)
from snapstore.engine import Connection
from snapstore.errors import DatabaseCorrupt, SnapError, SqlFailed
from snapstore.locks import Deadline

_VIRTUAL_GENERATED, _STORED_GENERATED = 2, 3  # `hidden` of PRAGMA table_xinfo
_SCRATCH_PAGE = 4096
_SCHEMAS_KEPT = 8


def read_schema(image: Image) -> Schema:
    """Read the schema of an image. Raises DatabaseCorrupt."""
    if not image.page_count:
        return Schema((), {})
    try:
        rows = tuple(_schema_rows(image))
    except DamagedPage as error:
        raise image.corrupt(error, SCHEMA_TABLE) from error
    return Schema(rows, _tables(rows, image.encoding, image.label))


def _schema_rows(image: Image) -> Iterable[SchemaRow]:
    for pgno in tree(image, SCHEMA_ROOT).leaves:
        for cell in table_cells(image, pgno):
            try:
                kind, name, table, root, sql = decode(cell.payload, image.encoding)
            except (RecordError, ValueError) as error:
                raise DamagedPage(pgno, f"has an invalid sqlite_schema row: {error}") from error
            if not (isinstance(kind, str) and isinstance(name, str) and isinstance(table, str)):
                raise DamagedPage(pgno, "has an invalid sqlite_schema row")
            yield SchemaRow(
                kind, name, table, root if isinstance(root, int) else 0, sql if isinstance(sql, str) else None
            )


@lru_cache(maxsize=_SCHEMAS_KEPT)
def _tables(rows: tuple[SchemaRow, ...], encoding: str, label: str) -> dict[str, Table]:
    """Return the tables by folded name. A session asks for the same schema again and again."""
    stored = [row for row in rows if row.type == "table" and row.root]
    scratch = _scratch(stored, [row for row in rows if row.type == "index"], encoding, label)
    try:
        return {folded(row.name): _table(scratch, row, encoding) for row in stored}
    finally:
        scratch.close()


def _scratch(tables: list[SchemaRow], indexes: list[SchemaRow], encoding: str, label: str) -> Connection:
    """Load the schema into a database in memory, with a page for each b-tree as its root."""

    def translate(_code: int, text: str) -> SnapError:
        return DatabaseCorrupt(label, text)

    connection = Connection("file::memory:", translate, Deadline(0))
    rows = [*tables, *indexes]
    set_encoding(connection, encoding)
    connection.rows(f"PRAGMA page_size = {_SCRATCH_PAGE}")
    connection.rows("CREATE TABLE space(pages)")
    connection.rows("INSERT INTO space VALUES (zeroblob(?))", ((len(rows) + 1) * _SCRATCH_PAGE,))
    if any(folded(row.name) == SEQUENCE_TABLE for row in tables):
        connection.rows("CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT)")  # SQLite demands the table
    connection.rows("PRAGMA writable_schema = ON")
    connection.rows("DELETE FROM sqlite_schema")
    for number, row in enumerate(rows, 2):
        values = (row.type, row.name, row.table, number, row.sql)  # as literals: they need not be valid text
        literals = ", ".join(literal(value, encoding) for value in values)
        connection.rows(f"INSERT INTO sqlite_schema VALUES ({literals})")
    connection.rows("PRAGMA writable_schema = RESET")
    return connection


def collations_of(image: Image, table: Table) -> dict[str, str]:
    """Return the collation of each column of a table. SQLite tells only those of an index."""
    index = f"{table.name} collations"
    columns = ", ".join(map(quoted, table.names))
    sql = f"CREATE INDEX {quoted(index)} ON {quoted(table.name)}({columns})"
    made = SchemaRow("index", index, table.name, table.root, sql)
    told = SchemaRow("table", table.name, table.name, table.root, table.sql)
    scratch = _scratch([told], [made], image.encoding, image.label)
    try:
        return dict(scratch.rows("SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", (index,)))
    finally:
        scratch.close()


def _table(scratch: Connection, row: SchemaRow, encoding: str) -> Table:
    indexes = _about(scratch, 'SELECT name, origin, "unique", partial FROM pragma_index_list(?)', row.name)
    columns = _about(scratch, "SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo(?)", row.name)
    sql = "SELECT wr, strict FROM pragma_table_list(?) WHERE schema = 'main'"
    without_rowid, strict = map(bool, _about(scratch, sql, row.name)[0])
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
                collations.get(name, BINARY),
            )
            for number, (name, declared, default, key_place, hidden) in enumerate(columns)
        ),
        _foreign_keys(scratch, row.name),
        alias=keyed[0] if len(keyed) == 1 and key_index is None else None,
        without_rowid=without_rowid,
        unique_names=_unique_names(scratch, indexes),
        key_collations=_key_collations(scratch, key_index) if key_index is not None else NO_COLLATIONS,
    )


def _about(scratch: Connection, sql: str, name: str) -> list[tuple[Any, ...]]:
    """Ask about a table or an index, whose name need not be valid text."""
    if is_valid_text(name):
        return scratch.rows(sql, (name,))
    return scratch.rows(sql.replace("?", literal(name, scratch.value("PRAGMA encoding").lower())))


def _unique_names(scratch: Connection, indexes: list[tuple[Any, ...]]) -> frozenset[str] | None:
    """Return the columns of unique indexes, None if an expression decides what has to be unique."""
    unique = [(name, is_partial) for name, _, is_unique, is_partial in indexes if is_unique]
    names = [row[0] for name, _ in unique for row in _about(scratch, "SELECT name FROM pragma_index_info(?)", name)]
    return None if None in names or any(is_partial for _, is_partial in unique) else frozenset(names)


def _collations(scratch: Connection, indexes: list[str]) -> dict[str, str]:
    sql = "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key AND cid >= 0"
    return dict(row for index in indexes for row in _about(scratch, sql, index))


def _key_collations(scratch: Connection, key_index: str) -> dict[str, str]:
    """Return the collation of each column of a primary key; BINARY for one that has to be unique under several."""
    found: dict[str, str] = {}
    for column, collation in _about(scratch, "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", key_index):
        found[column] = collation if found.get(column, collation) == collation else BINARY
    return found


def _stored_order(scratch: Connection, columns: list[tuple[object, ...]], key_index: str | None) -> dict[int, int]:
    """Return the place in the record of each column that is stored, by its number."""
    if key_index is not None:  # the record of a WITHOUT ROWID table begins with its key
        numbers = [row[0] for row in _about(scratch, "SELECT cid FROM pragma_index_xinfo(?)", key_index)]
    else:
        numbers = [number for number, column in enumerate(columns) if column[-1] != _VIRTUAL_GENERATED]
    return {number: place for place, number in enumerate(numbers)}


def _foreign_keys(scratch: Connection, table: str) -> tuple[ForeignKey, ...]:
    found: dict[int, list[tuple[str, str, str | None]]] = {}
    sql = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq'
    for id_, parent, column, parent_column in _about(scratch, sql, table):
        found.setdefault(id_, []).append((parent, column, parent_column))
    keys = []
    for parts in found.values():
        parent = parts[0][0]
        named = tuple(part[2] for part in parts if part[2] is not None)
        columns = named if len(named) == len(parts) else _primary_key(scratch, parent)
        keys.append(ForeignKey(tuple(part[1] for part in parts), parent, columns))
    return tuple(keys)


def _primary_key(scratch: Connection, table: str) -> tuple[str, ...]:
    rows = _about(scratch, "SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk", table)
    return tuple(row[0] for row in rows)


@lru_cache(maxsize=1024)
def _default_value(affinity: str, default: str, encoding: str) -> Value:
    """Return what SQLite reads of a column added to a table with a row, None if it refuses the default."""

    def translate(_code: int, _text: str) -> None:
        return None

    connection = Connection("file::memory:", translate, Deadline(0))
    try:
        set_encoding(connection, encoding)
        connection.rows("CREATE TABLE short(first)")
        connection.rows("INSERT INTO short VALUES (1)")
        column = f"ALTER TABLE short ADD COLUMN added {'' if affinity == 'BLOB' else affinity} DEFAULT"
        try:
            connection.rows(f"{column} {default}")
        except SqlFailed:  # `table_xinfo` returns an expression without its parentheses
            connection.rows(f"{column} ({default})")
        value: Value = connection.value("SELECT added FROM short")
    except SnapError:
        return None
    else:
        return value
    finally:
        connection.close()


def set_encoding(connection: Connection, encoding: str) -> None:
    """Set the text encoding of a database that has no tables yet."""
    connection.rows(f"PRAGMA encoding = '{encoding.replace('-le', 'le').replace('-be', 'be')}'")
