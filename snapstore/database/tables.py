"""Tables: what a schema says of each, which is what decoding its rows and writing them back needs.

The schema's text is read by SQLite itself, in a scratch database that has the same `sqlite_schema` and
no rows. Loaded that way it may name collations, functions and modules that nobody here has.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import NamedTuple

from snapstore.database.btree import table_cells, tree
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import UTF8, BadRecord, Value, decode
from snapstore.engine import Connection
from snapstore.errors import DatabaseCorrupt, SnapError
from snapstore.patience import Patience

SCHEMA_TABLE = "sqlite_schema"
SCHEMA_ROOT = 1
REAL = "REAL"
SEQUENCE_TABLE = "sqlite_sequence"
STATISTICS = "sqlite_stat"
ROWID_NAMES = ("rowid", "_rowid_", "oid")
_VIRTUAL_GENERATED, _STORED_GENERATED = 2, 3  # `hidden` of PRAGMA table_xinfo
_SCRATCH_PAGE = 4096


class SchemaRow(NamedTuple):
    """A row of `sqlite_schema`."""

    type: str
    name: str
    table: str
    root: int
    sql: str | None


class Column(NamedTuple):
    """A column as declared; `place` is its number in the record, None where it is not stored.

    `key_place` counts from 1 in the primary key, 0 outside of it.
    """

    name: str
    affinity: str
    default: str | None
    key_place: int
    is_generated: bool
    place: int | None


class ForeignKey(NamedTuple):
    """Columns that refer to those of another table."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


class Table:
    """A table with rows of its own: a rowid table, or one WITHOUT ROWID."""

    def __init__(
        self,
        row: SchemaRow,
        columns: tuple[Column, ...],
        foreign_keys: tuple[ForeignKey, ...],
        *,
        alias: str | None,
        without_rowid: bool,
        unique_names: frozenset[str] | None = None,
    ) -> None:
        self.name = row.name
        self.root = row.root
        self.sql = row.sql
        self.all_columns = columns
        self.foreign_keys = foreign_keys
        self.alias = alias
        self.without_rowid = without_rowid
        self._unique_names = unique_names

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are stored, in the order of the declaration."""
        return tuple(column for column in self.all_columns if column.place is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of `columns`."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the true key: the rowid, or the primary key of a WITHOUT ROWID table."""
        if not self.without_rowid:
            return (self.alias or self.rowid_name or ROWID_NAMES[0],)
        keys = [column for column in self.columns if column.key_place]
        return tuple(column.name for column in sorted(keys, key=lambda column: column.key_place))

    @cached_property
    def rowid_name(self) -> str | None:
        """A name for the rowid that no column has taken, None where all are taken."""
        taken = {column.name.lower() for column in self.all_columns}
        return next((name for name in ROWID_NAMES if name not in taken), None)

    @cached_property
    def unique_columns(self) -> frozenset[int] | None:
        """The numbers in `columns` of those whose values have to be unique, None where an expression has to be."""
        if self._unique_names is None:
            return None
        return frozenset(number for number, column in enumerate(self.columns) if column.name in self._unique_names)

    @cached_property
    def layout(self) -> tuple[object, ...]:
        """What makes rows of the same bytes mean the same."""
        places = tuple((one.name.lower(), one.place, one.affinity == REAL, one.default) for one in self.columns)
        return (places, self.alias, self.without_rowid)


class Schema(NamedTuple):
    """All rows of `sqlite_schema`, and the tables with rows of their own by lower-case name."""

    rows: tuple[SchemaRow, ...]
    tables: dict[str, Table]

    @property
    def virtual(self) -> list[SchemaRow]:
        """The virtual tables."""
        return [row for row in self.rows if row.type == "table" and not row.root]


SCHEMA = Table(
    SchemaRow("table", SCHEMA_TABLE, SCHEMA_TABLE, SCHEMA_ROOT, None), (), (), alias=None, without_rowid=False
)
"""The schema's own table, as far as its pages are concerned."""


def affinity_of(declared: str) -> str:
    """Return the affinity of a declared type. Source: sqlite.org/datatype3.html, 3.1."""
    text = declared.upper()
    rules = (
        ("INTEGER", ("INT",)),
        ("TEXT", ("CHAR", "CLOB", "TEXT")),
        ("BLOB", ("BLOB",)),
        (REAL, ("REAL", "FLOA", "DOUB")),
    )
    for affinity, parts in rules:
        if any(part in text for part in parts):
            return affinity
    return "NUMERIC" if text else "BLOB"


def read_schema(image: Image) -> Schema:
    """Read the schema of an image. Raises DatabaseCorrupt."""
    if not image.page_count:
        return Schema((), {})
    try:
        rows = tuple(_schema_rows(image))
    except DamagedPage as error:
        raise image.corrupt(error, SCHEMA_TABLE) from error
    return Schema(rows, _tables(image, rows))


def default_value(column: Column) -> Value:
    """Return the value a record has for a column that was added after it was written."""
    return _evaluate(column.affinity, column.default) if column.default is not None else None


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
        return {row.name.lower(): _table(scratch, row) for row in stored}
    finally:
        scratch.close()


def _scratch(image: Image, tables: list[SchemaRow], indexes: list[SchemaRow]) -> Connection:
    """Load the schema into a database in memory, each b-tree with a page to be its root."""

    def translate(_code: int, text: str) -> SnapError:
        return DatabaseCorrupt(image.label, text)

    connection = Connection("file::memory:", translate, Patience(0))
    rows = [*tables, *indexes]
    if image.encoding != UTF8:
        connection.rows(f"PRAGMA encoding = '{image.encoding.replace('-le', 'le').replace('-be', 'be')}'")
    connection.rows(f"PRAGMA page_size = {_SCRATCH_PAGE}")
    connection.rows("CREATE TABLE space(pages)")
    connection.rows("INSERT INTO space VALUES (zeroblob(?))", ((len(rows) + 1) * _SCRATCH_PAGE,))
    if any(row.name.lower() == SEQUENCE_TABLE for row in tables):
        connection.rows("CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT)")  # else it would be missed
    connection.rows("PRAGMA writable_schema = ON")
    connection.rows("DELETE FROM sqlite_schema")
    values = [(row.type, row.name, row.table, number, row.sql) for number, row in enumerate(rows, 2)]
    connection.run_many("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", values)
    connection.rows("PRAGMA writable_schema = RESET")
    return connection


def _table(scratch: Connection, row: SchemaRow) -> Table:
    indexes = scratch.rows('SELECT name, origin, "unique" FROM pragma_index_list(?)', (row.name,))
    columns = scratch.rows("SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo(?)", (row.name,))
    without_rowid = bool(scratch.value("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", (row.name,)))
    key_index = next((name for name, origin, _ in indexes if origin == "pk"), None)
    keyed = [name for name, _, _, key_place, _ in columns if key_place]
    order = _stored_order(scratch, columns, key_index if without_rowid else None)
    return Table(
        row,
        tuple(
            Column(
                name,
                affinity_of(declared),
                default,
                key_place,
                hidden in (_VIRTUAL_GENERATED, _STORED_GENERATED),
                order.get(number),
            )
            for number, (name, declared, default, key_place, hidden) in enumerate(columns)
        ),
        _foreign_keys(scratch, row.name),
        alias=keyed[0] if len(keyed) == 1 and key_index is None else None,
        without_rowid=without_rowid,
        unique_names=_unique_names(scratch, [name for name, _, is_unique in indexes if is_unique]),
    )


def _unique_names(scratch: Connection, indexes: list[str]) -> frozenset[str] | None:
    names = [row[0] for index in indexes for row in scratch.rows("SELECT name FROM pragma_index_info(?)", (index,))]
    return None if None in names else frozenset(names)


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
def _evaluate(affinity: str, expression: str) -> Value:
    def translate(_code: int, _text: str) -> None:
        return None

    connection = Connection("file::memory:", translate, Patience(0))
    try:
        connection.rows(f"CREATE TABLE added(value {affinity if affinity != 'BLOB' else ''} DEFAULT {expression})")
        connection.rows("INSERT INTO added DEFAULT VALUES")
        value: Value = connection.value("SELECT value FROM added")
        return value
    except SnapError:
        return None  # SQLite took it when the column was added; what it meant then nobody can say now
    finally:
        connection.close()
