"""Tables: what a schema says of each, which is what decoding its rows and writing them back needs.

How the schema of an image is read: schema_reader.py.
"""

from __future__ import annotations

from functools import cached_property

from snapstore.database.record import Value
from snapstore.records import Record

SCHEMA_TABLE = "sqlite_schema"
SCHEMA_ROOT = 1
REAL = "REAL"
SEQUENCE_TABLE = "sqlite_sequence"
STATISTICS = "sqlite_stat"
_LOWER = {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}
ROWID_NAMES = ("rowid", "_rowid_", "oid")


class SchemaRow(Record):
    """A row of `sqlite_schema`."""

    type: str
    name: str
    table: str
    root: int
    sql: str | None


class Column(Record):
    """A column as declared; `place` is its number in the record, None where it is not stored.

    `default_value` is what SQLite reads where a record is too short to have it. `key_place` counts from 1 in the
    primary key, 0 outside of it. `collation` is known of columns that have to be unique.
    """

    name: str
    affinity: str
    default: str | None
    default_value: Value
    key_place: int
    is_generated: bool
    place: int | None
    collation: str = "BINARY"


class ForeignKey(Record):
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
        taken = {folded(column.name) for column in self.all_columns}
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
        places = tuple((folded(one.name), one.place, one.affinity == REAL, one.default) for one in self.columns)
        return (places, self.alias, self.without_rowid)


class Schema(Record):
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


def folded(name: str) -> str:
    """Return a name as SQLite compares it: without the case of ASCII letters, and of no others."""
    return name.translate(_LOWER)
