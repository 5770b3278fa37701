"""The entries that SQLite makes of rows in the indexes of one table, and the order of each index.

SQLite makes them itself: the table and its indexes are created in a temporary database and get just these rows. So
partial indexes, expressions and generated columns need no rules here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from snapstore.database.btree import index_cells, tree
from snapstore.database.identifiers import folded
from snapstore.database.image import Image
from snapstore.database.key_order import KeyColumn
from snapstore.database.literals import literal, name
from snapstore.database.record import Value, decode, is_valid_text
from snapstore.database.schema_reader import set_encoding
from snapstore.database.spool import Row
from snapstore.database.tables import Schema, SchemaRow, Table
from snapstore.engine import Connection
from snapstore.errors import SnapError, SqlFailed
from snapstore.ids import object_id
from snapstore.locks import Deadline

_TEMPORARY = "file:?mode=rwc"  # in memory while it is small, then in SQLite's folder for temporary files


class RowAt(NamedTuple):
    """A row of a table, and its rowid, None in a table WITHOUT ROWID."""

    rowid: Value
    row: Row


class IndexOrder(NamedTuple):
    """The columns of the entries in the order of the index; the first `unique` ones are unique where none is NULL."""

    columns: list[KeyColumn]
    unique: int


class IndexEntries:
    """A table and its indexes without rows; use it in a `with` block.

    Raises SqlFailed if a function, a collation or a module that the table names is only known to the application.
    """

    def __init__(self, image: Image, schema: Schema, table: Table) -> None:
        self._encoding = image.encoding
        self._table = table
        self._connection = Connection(_TEMPORARY, _translate, Deadline(0))
        try:
            self._create(image, schema)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> IndexEntries:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def order(self, index: str | None) -> IndexOrder:
        """Return the order of an index, of the table itself for None."""
        known = self._connection.rows('SELECT name, origin, "unique" FROM pragma_index_list(?)', (self._table.name,))
        name_, is_unique = next(
            (one, bool(unique))
            for one, origin, unique in known
            if (origin == "pk" if index is None else folded(one) == folded(index))
        )
        sql = 'SELECT coll, "desc", key FROM pragma_index_xinfo(?) ORDER BY seqno'
        rows = self._connection.rows(sql, (name_,))
        columns = [KeyColumn(collation or "BINARY", bool(down)) for collation, down, key in rows if index or key]
        return IndexOrder(columns, sum(key for *_, key in rows) if is_unique else 0)

    def has_descending(self) -> bool:
        """Tell whether an index, or the table itself, has a column in descending order."""
        sql = """
            SELECT 1 FROM pragma_index_list(?) AS one, pragma_index_xinfo(one.name) AS part
             WHERE part.key AND part."desc" LIMIT 1
        """
        return bool(self._connection.rows(sql, (self._table.name,)))

    def sums(self, rows: Iterable[RowAt]) -> dict[str, int]:
        """Return the sum over the entries of some rows, by the lower-case name of the index. Raises SqlFailed."""
        self._connection.rows(f"DELETE FROM {name(self._table.name)}")
        for sql, values in self._inserts(rows):
            self._connection.rows(sql, values)
        pages = self._connection.rows("SELECT pgno, data FROM sqlite_dbpage ORDER BY pgno")
        image = Image("temporary", len(pages[0][1]), len(pages), lambda pgno: bytes(pages[pgno - 1][1]))
        roots = self._connection.rows("SELECT name, rootpage FROM sqlite_schema WHERE type = 'index'")
        return {
            folded(index): sum(number_of(one, image.encoding) for one in _records(image, root)) for index, root in roots
        }

    def _create(self, image: Image, schema: Schema) -> None:
        set_encoding(self._connection, image.encoding)
        self._connection.rows("PRAGMA journal_mode = OFF")
        self._connection.rows("PRAGMA ignore_check_constraints = ON")
        self._connection.rows("BEGIN")
        for row in (one for kind in ("table", "index") for one in _of(schema, self._table) if one.type == kind):
            if row.sql:
                self._connection.rows(row.sql)

    def _inserts(self, rows: Iterable[RowAt]) -> Iterator[tuple[str, list[Value]]]:
        table = self._table
        places = [place for place, column in enumerate(table.columns) if not column.is_generated]
        names = [name(table.columns[place].name) for place in places]
        rowid = None if table.without_rowid or table.alias else table.rowid_name
        columns = ", ".join([*names, *([rowid] if rowid else [])])
        for row in rows:
            values = [row.row[place] for place in places] + ([row.rowid] if rowid else [])
            texts = ["?" if _can_be_bound(value) else literal(value, self._encoding) for value in values]
            sql = f"INSERT INTO {name(table.name)}({columns}) VALUES ({', '.join(texts)})"
            yield sql, [value for value in values if _can_be_bound(value)]


def _can_be_bound(value: Value) -> bool:
    return not isinstance(value, str) or is_valid_text(value)


def number_of(record: bytes, encoding: str) -> int:
    """Return a number for an entry. Two sums are equal if each entry occurs equally often in both."""
    return int.from_bytes(object_id(repr(plain_entry(record, encoding)).encode("utf-8", "surrogatepass")), "big")


def plain_entry(record: bytes, encoding: str) -> list[Value]:
    """Return the values of an entry; a float without a fraction may be stored as an integer. Raises RecordError."""
    values = decode(record, encoding)
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]


def _of(schema: Schema, table: Table) -> list[SchemaRow]:
    return [row for row in schema.rows if folded(row.table) == folded(table.name)]


def _records(image: Image, root: int) -> Iterator[bytes]:
    for level in tree(image, root).levels:
        for pgno in level:
            yield from (bytes(cell.payload) for cell in index_cells(image, pgno))


def _translate(_code: int, text: str) -> SnapError:
    return SqlFailed(text)
