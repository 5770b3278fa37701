"""Tables: what the schema tells of each that is needed to decode its rows and to write them.

schema_reader.py reads the schema of an image.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from snapstore.database.identifiers import folded
from snapstore.database.record import Value

SCHEMA_TABLE = "sqlite_schema"
SCHEMA_ROOT = 1
REAL = "REAL"
SEQUENCE_TABLE = "sqlite_sequence"
STATISTICS = "sqlite_stat"
ROWID_NAMES = ("rowid", "_rowid_", "oid")
BINARY = "BINARY"
NO_COLLATIONS: Mapping[str, str] = MappingProxyType({})


class SchemaRow(NamedTuple):
    """A row of `sqlite_schema`."""

    type: str
    name: str
    table: str
    root: int
    sql: str | None


class Column(NamedTuple):
    """A column as declared; `place` is its number in the record, None if it is not stored.

    SQLite reads `default_value` from a record that is too short to have the column. `key_place` counts from 1 in the
    primary key and is 0 outside it. `collation` is set for columns that have to be unique.
    """

    name: str
    affinity: str
    default: str | None
    default_value: Value
    key_place: int
    is_generated: bool
    place: int | None
    collation: str = BINARY


class ForeignKey(NamedTuple):
    """Columns that refer to the columns of another table."""

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
        key_collations: Mapping[str, str] = NO_COLLATIONS,
    ) -> None:
        self.name = row.name
        self.root = row.root
        self.sql = row.sql
        self.all_columns = columns
        self.foreign_keys = foreign_keys
        self.alias = alias
        self.without_rowid = without_rowid
        self._unique_names = unique_names
        self._key_collations = key_collations

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are stored, in the order of the declaration."""
        return tuple(column for column in self.all_columns if column.place is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of `columns`."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def declared_key(self) -> tuple[str, ...]:
        """The columns of the primary key in its order, none if the table declares none."""
        keys = [column for column in self.columns if column.key_place]
        return tuple(column.name for column in sorted(keys, key=lambda column: column.key_place))

    @cached_property
    def key_collations(self) -> tuple[str, ...]:
        """The collations under which the columns of `declared_key` are unique."""
        return tuple(self._key_collations.get(name, BINARY) for name in self.declared_key)

    @property
    def is_keyed(self) -> bool:
        """Whether the table declares a primary key that is not the rowid."""
        return bool(self.declared_key) and not self.alias

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the true key: the declared primary key, else the rowid."""
        return self.declared_key if self.is_keyed else self.rowid_names

    @property
    def rowid_names(self) -> tuple[str]:
        """The column that the rowid is, or a name for it."""
        return (self.alias or self.rowid_name or ROWID_NAMES[0],)

    @cached_property
    def rowid_name(self) -> str | None:
        """A name for the rowid that no column has, None if columns have all of them."""
        used = {folded(column.name) for column in self.all_columns}
        return next((name for name in ROWID_NAMES if name not in used), None)

    @cached_property
    def unique_columns(self) -> frozenset[int] | None:
        """The numbers in `columns` of those whose values have to be unique, None if an expression has to be unique."""
        if self._unique_names is None:
            return None
        return frozenset(number for number, column in enumerate(self.columns) if column.name in self._unique_names)

    @cached_property
    def layout(self) -> tuple[object, ...]:
        """What two tables have to share for equal bytes to mean equal rows."""
        places = tuple((folded(one.name), one.place, one.affinity == REAL, one.default) for one in self.columns)
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
"""The schema table itself, as far as its pages are concerned."""


def index_trees(schema: Schema) -> list[Table]:
    """Return the indexes of a schema as tables, as far as their pages are concerned."""
    indexes = (row for row in schema.rows if row.type == "index" and row.root)
    return [Table(row, (), (), alias=None, without_rowid=True) for row in indexes]


def affinity_of(declared: str, *, strict: bool) -> str:
    """Return the affinity of a declared type. Source: sqlite.org/datatype3.html, 3.1, stricttables.html, 2."""
    text = declared.upper()
    if strict and text == "ANY":
        return "BLOB"
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
