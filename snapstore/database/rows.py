"""Rows: the cells of a table as values in the order of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapstore.database.btree import Cell, index_cells, table_cells
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import BadRecord, Value, decode
from snapstore.database.spool import Row
from snapstore.database.tables import REAL, Table


class RowReader:
    """Reads the rows of one table of one image. Raises DatabaseCorrupt that names page and table."""

    def __init__(self, image: Image, table: Table) -> None:
        self.image = image
        self.table = table
        columns = table.columns
        self._places = [column.place or 0 for column in columns]
        self._in_order = self._places == list(range(len(columns)))
        self._reals = [number for number, column in enumerate(columns) if column.affinity == REAL]
        self._alias = next((number for number, column in enumerate(columns) if column.name == table.alias), None)
        self._keys = [table.names.index(name) for name in table.key_names] if table.without_rowid else []

    def cells(self, pages: Iterable[int]) -> Iterator[tuple[int, Cell]]:
        """Yield the cells on some pages, each with the number of its page."""
        read = index_cells if self.table.without_rowid else table_cells
        for pgno in pages:
            try:
                for cell in read(self.image, pgno):
                    yield pgno, cell
            except DamagedPage as error:
                raise self.image.corrupt(error, self.table.name) from error

    def sorted_cells(self, pages: Iterable[int]) -> Iterator[tuple[int, Cell]]:
        """Yield the cells of a rowid table, and make sure that the rowids grow."""
        last: int | None = None
        for pgno, cell in self.cells(pages):
            if last is not None and cell.rowid <= last:
                error = DamagedPage(pgno, f"has rowid {cell.rowid} after {last}")
                raise self.image.corrupt(error, self.table.name)
            last = cell.rowid
            yield pgno, cell

    def row(self, pgno: int, cell: Cell) -> Row:
        """Return the values of a cell."""
        try:
            stored = decode(cell.payload, self.image.encoding)
        except BadRecord as error:
            raise self.image.corrupt(DamagedPage(pgno, f"is damaged: {error}"), self.table.name) from error
        values = stored if self._in_order and len(stored) == len(self._places) else self._arranged(stored)
        for number in self._reals:
            value = values[number]
            if type(value) is int:
                values[number] = float(value)
        if self._alias is not None:
            values[self._alias] = cell.rowid
        return tuple(values)

    def key(self, row: Row) -> Row:
        """Return the key of a row of a WITHOUT ROWID table."""
        return tuple(row[number] for number in self._keys)

    def _arranged(self, stored: list[Value]) -> list[Value]:
        """Put values into the order of the columns; what a short record lacks is the column's default."""
        count = len(stored)
        return [
            stored[place] if place < count else column.default_value
            for place, column in zip(self._places, self.table.columns, strict=True)
        ]
