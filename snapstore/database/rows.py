"""Rows: the cells of a table as values in the order of its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from snapstore.database.btree import ANY_LENGTH, Cell, cell_count, index_cells, table_cells, tree
from snapstore.database.identifiers import folded
from snapstore.database.image import DamagedPage, Image
from snapstore.database.long_values import LONG_BYTES, decode_long
from snapstore.database.record import RecordError, Value, decode
from snapstore.database.spool import Row
from snapstore.database.tables import BINARY, REAL, Table

Wanted = Callable[[int], Sequence[int] | None]
"""Returns the offsets of the cells that have to be read on a page, in key order; None for all of them."""
_LONGEST_DEFAULT = LONG_BYTES // 4  # characters: none of them has more than four bytes


def every_cell(_pgno: int) -> None:
    """Have every cell read."""


class RowReader:
    """Reads the rows of one table of one image. Raises DatabaseCorrupt, which names page and table.

    If it `shortens`, its rows have a LongValue for each long value; what may do so says `can_be_shortened`.
    """

    def __init__(self, image: Image, table: Table, *, shortens: bool = False) -> None:
        self.image = image
        self.shortens = shortens
        self.table = table
        columns = table.columns
        self._places = [column.place or 0 for column in columns]
        self._in_order = self._places == list(range(len(columns)))
        self._reals = [number for number, column in enumerate(columns) if column.affinity == REAL]
        self._alias = next((number for number, column in enumerate(columns) if column.name == table.alias), None)
        self._keys = [table.names.index(name) for name in table.declared_key]

    def cells(self, pages: Iterable[int], wanted: Wanted = every_cell) -> Iterator[tuple[int, Cell]]:
        """Yield the cells on some pages, each with the number of its page; in a rowid table only those `wanted`."""
        longest = LONG_BYTES if self.shortens else ANY_LENGTH
        for pgno in pages:
            try:
                if self.table.without_rowid:
                    found = index_cells(self.image, pgno, longest)
                else:
                    found = table_cells(self.image, pgno, longest, wanted(pgno))
                for cell in found:
                    yield pgno, cell
            except DamagedPage as error:
                raise self.image.corrupt(error, self.table.name) from error

    def sorted_cells(self, pages: Iterable[int], wanted: Wanted = every_cell) -> Iterator[tuple[int, Cell]]:
        """Yield the cells of a rowid table, and check that the rowids increase."""
        last: int | None = None
        for pgno, cell in self.cells(pages, wanted):
            if last is not None and cell.rowid <= last:
                error = DamagedPage(pgno, f"has rowid {cell.rowid} after {last}")
                raise self.image.corrupt(error, self.table.name)
            last = cell.rowid
            yield pgno, cell

    def row(self, pgno: int, cell: Cell) -> Row:
        """Return the values of a cell."""
        encoding = self.image.encoding
        try:
            stored = decode_long(cell.long, encoding) if cell.long else decode(cell.payload, encoding)
        except RecordError as error:
            raise self.image.corrupt(DamagedPage(pgno, f"has an invalid record: {error}"), self.table.name) from error
        except DamagedPage as error:
            raise self.image.corrupt(error, self.table.name) from error
        values = stored if self._in_order and len(stored) == len(self._places) else self._arranged(stored)
        for number in self._reals:
            value = values[number]
            if type(value) is int:
                values[number] = float(value)
        if self._alias is not None:
            values[self._alias] = cell.rowid
        return tuple(values)

    def key(self, row: Row) -> Row:
        """Return the values of a row in the columns of the declared key."""
        return tuple(row[number] for number in self._keys)

    def _arranged(self, stored: list[Value]) -> list[Value]:
        """Put values into the order of the columns; a short record takes the defaults of the columns it lacks."""
        count = len(stored)
        return [
            stored[place] if place < count else column.default_value
            for place, column in zip(self._places, self.table.columns, strict=True)
        ]


def can_be_shortened(table: Table) -> bool:
    """Tell whether long values of a table can be compared unread: by no other rule than that they are equal."""
    defaults = (column.default_value for column in table.columns)
    return all(folded(one) == folded(BINARY) for one in table.key_collations) and not any(
        isinstance(value, str | bytes) and len(value) > _LONGEST_DEFAULT for value in defaults
    )


def count_rows(image: Image, table: Table) -> int:
    """Return how many rows a table has, without decoding any. Raises DatabaseCorrupt."""
    try:
        found = tree(image, table.root)
        levels = found.levels if table.without_rowid else [found.leaves]  # an index has entries on every level
        return sum(cell_count(image, pgno) for level in levels for pgno in level)
    except DamagedPage as error:
        raise image.corrupt(error, table.name) from error
