"""The row diff of one table: which rows were added, removed or changed between two images.

Rows are decoded from the pages that the two images do not share, matched (columns.py says by what), and compared by
value. Equal rows cancel out, since a page that splits moves its rows, and a row that is written again may get another
rowid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from functools import cached_property, partial
from itertools import chain
from typing import NamedTuple

from snapstore.database.columns import Comparison, Matching
from snapstore.database.image import DamagedPage, Image
from snapstore.database.rows import RowReader, Wanted, every_cell
from snapstore.database.spool import AFTER, BEFORE, Entry, Match, Row, Side, Spool
from snapstore.database.tables import Table
from snapstore.database.unlike_cells import unlike_cells
from snapstore.errors import DatabaseCorrupt
from snapstore.results.rows import ADDED, CHANGED, REMOVED

MOVED = "moved"


class RowChange:
    """A row that differs: its values on each side in the order of the columns, None on the side that lacks it.

    `key` has the values of the table's `key_names`, or of the row's own `key_names` where it has some: those of a row
    that the declared key does not tell from the others. `rowids` are those before and after, None where there is none.
    """

    __slots__ = ("after", "before", "is_moved", "key", "key_names", "rowids")

    def __init__(
        self,
        key: Row,
        before: Row | None,
        after: Row | None,
        rowids: tuple[int | None, int | None] = (None, None),
        key_names: tuple[str, ...] | None = None,
        *,
        is_moved: bool = False,
    ) -> None:
        self.key = key
        self.before = before
        self.after = after
        self.rowids = rowids
        self.key_names = key_names
        self.is_moved = is_moved

    @property
    def change(self) -> str:
        """Which of ADDED, REMOVED, CHANGED it is, or MOVED if only the rowid differs."""
        if self.is_moved:
            return MOVED
        return ADDED if self.before is None else REMOVED if self.after is None else CHANGED


class TableSide(NamedTuple):
    """A table on one side: how to read it, and the row pages that the other side does not share."""

    reader: RowReader
    pages: list[int]

    @property
    def table(self) -> Table:
        """The table."""
        return self.reader.table


class TableDiff:
    """One table on both sides; `before` or `after` is None if there is no such table.

    After all changes were read, `moved` counts the rows in which nothing but the rowid changed.
    """

    def __init__(self, before: TableSide | None, after: TableSide | None) -> None:
        self.before = before
        self.after = after
        self.moved = 0

    @property
    def table(self) -> Table:
        """The table as it is after, or as it was before if it is gone."""
        side = self.after or self.before
        assert side is not None
        return side.table

    @property
    def name(self) -> str:
        """The table's name, as the later schema writes it."""
        return self.table.name

    @property
    def tables(self) -> tuple[Table | None, Table | None]:
        """The table on each side."""
        before, after = self.before, self.after
        return before.table if before else None, after.table if after else None

    @property
    def images(self) -> tuple[Image, Image]:
        """The image on each side, where there is such a table."""
        assert self.before is not None
        assert self.after is not None
        return self.before.reader.image, self.after.reader.image

    def read_whole(self) -> None:
        """From now on, give long values as they are, however long."""
        for side in (self.before, self.after):
            if side:
                side.reader.shortens = False

    @cached_property
    def _comparison(self) -> Comparison | None:
        before, after = self.tables
        return Comparison(before, after) if before and after else None

    def aligned(self, row: Row) -> Row:
        """Return a row from before with the columns of after."""
        return self._comparison.as_after(row) if self._comparison else row

    def changes(self, *, with_moved: bool = False) -> Iterator[RowChange]:
        """Yield the rows that differ, reading as it goes; `with_moved` also those in which only the rowid does.

        They come in the order of the rowids or keys. Raises DatabaseCorrupt.
        """
        before, after, comparison = self.before, self.after, self._comparison
        if before is None or after is None or comparison is None or comparison.matching is Matching.NOTHING:
            for side, number in ((before, BEFORE), (after, AFTER)):
                yield from _all_of(side, number, self.table.key_names)
        elif comparison.matching is Matching.ROWID:
            yield from _by_rowid(before, after, comparison)
        else:
            for change in self._matched(before, after, comparison):
                if with_moved or not change.is_moved:
                    yield change

    def _matched(self, before: TableSide, after: TableSide, comparison: Comparison) -> Iterator[RowChange]:
        """Match by key where there is one, else by value."""
        with Spool() as spool:
            spool.fill(_entries(before, after, comparison))
            for number, side in enumerate((before, after)):
                if side.table.without_rowid:
                    with closing(spool.repeated()) as repeated:
                        _check_keys(side, (row for of, row in repeated if of == number))
            moved = 0
            with closing(spool.match_keys()) as matched:
                for match in matched:
                    moved += not match.differs and None not in match.rowids
                    yield _keyed(after, comparison, match)
            with closing(spool.match_values()) as matched:
                for match in matched:
                    moved += not match.differs and None not in match.rowids
                    yield _keyless(before, after, match)
            self.moved = moved


def _keyed(after: TableSide, comparison: Comparison, match: Match) -> RowChange:
    """Return a row that the declared key matched."""
    old, new = match.rows
    shown = new if new is not None else comparison.as_after(old or ())
    return RowChange(after.reader.key(shown), old, new, match.rowids, is_moved=not match.differs)


def _keyless(before: TableSide, after: TableSide, match: Match) -> RowChange:
    """Return a row that no declared key matched, under its rowid, or under the key of its own side.

    Rowids say nothing where one of the two tables has none.
    """
    old, new = match.rows
    side, row = (before, old) if new is None else (after, new)
    assert row is not None
    rowid = match.rowids[BEFORE] if new is None else match.rowids[AFTER]
    if rowid is None or before.table.without_rowid or after.table.without_rowid:
        names, key = _shown_key(side, row, rowid)
    else:
        names, key = side.table.rowid_names, (rowid,)
    has_usual_names = names == after.table.key_names and not side.table.is_keyed
    own_names = None if has_usual_names else names
    return RowChange(key, old, new, match.rowids, own_names, is_moved=not match.differs)


def _by_rowid(before: TableSide, after: TableSide, comparison: Comparison) -> Iterator[RowChange]:
    """Merge the rows of both sides, which come in the order of their rowids."""
    has_one_format = comparison.is_plain and before.reader.image.encoding == after.reader.image.encoding
    wanted = _unlike_cells(before, after) if has_one_format else (every_cell, every_cell)
    left, right = (side.reader.sorted_cells(side.pages, of) for side, of in zip((before, after), wanted, strict=True))
    old, new = next(left, None), next(right, None)
    while old or new:
        if new is None or (old is not None and old[1].rowid < new[1].rowid):
            assert old is not None
            rowid = old[1].rowid
            yield RowChange((rowid,), before.reader.row(*old), None, (rowid, None))
            old = next(left, None)
        elif old is None or new[1].rowid < old[1].rowid:
            rowid = new[1].rowid
            yield RowChange((rowid,), None, after.reader.row(*new), (None, rowid))
            new = next(right, None)
        else:
            if old[1].payload != new[1].payload or old[1].long or new[1].long or not has_one_format:
                rows = before.reader.row(*old), after.reader.row(*new)
                if not comparison.equal(*rows):
                    rowid = old[1].rowid
                    yield RowChange((rowid,), *rows, (rowid, rowid))
            old, new = next(left, None), next(right, None)


def _unlike_cells(before: TableSide, after: TableSide) -> tuple[Wanted, Wanted]:
    """Return for each side what tells the cells to read of a page, without those that both have at the same place."""
    shared = set(before.pages).intersection(after.pages)
    told: dict[tuple[Side, int], Sequence[int]] = {}

    def of(side: Side, other: Side, pgno: int) -> Sequence[int] | None:
        if (side, pgno) in told:  # the other side has asked
            return told.pop((side, pgno))
        if pgno in shared:
            with suppress(DamagedPage):  # reading the page reports it, with the table
                if found := unlike_cells(before.reader.image, after.reader.image, pgno):
                    told[other, pgno] = found[other]
                    return found[side]
        return None

    return partial(of, BEFORE, AFTER), partial(of, AFTER, BEFORE)


def _entries(before: TableSide, after: TableSide, comparison: Comparison) -> Iterator[Entry]:
    """Yield the rows that may differ, with what matches them."""
    if before.table.without_rowid or after.table.without_rowid:
        names = after.table.key_names
        changes: Iterator[RowChange] = chain(_all_of(before, BEFORE, names), _all_of(after, AFTER, names))
    else:
        changes = _by_rowid(before, after, comparison)
    for change in changes:
        if change.before is not None:
            row = comparison.as_after(change.before)
            yield Entry(BEFORE, change.rowids[BEFORE], comparison.key(row), row, change.before)
        if change.after is not None:
            yield Entry(AFTER, change.rowids[AFTER], comparison.key(change.after), change.after, change.after)


def _all_of(side: TableSide | None, number: Side, usual_names: tuple[str, ...]) -> Iterator[RowChange]:
    """Yield all rows of one side, as removed or as added."""
    if side is None:
        return
    cells = side.reader.cells if side.table.without_rowid else side.reader.sorted_cells
    for pgno, cell in cells(side.pages):
        row = side.reader.row(pgno, cell)
        rowid = None if side.table.without_rowid else cell.rowid
        names, key = _shown_key(side, row, rowid)
        own_names = None if names == usual_names else names
        if number == BEFORE:
            yield RowChange(key, row, None, (rowid, None), own_names)
        else:
            yield RowChange(key, None, row, (None, rowid), own_names)


def _shown_key(side: TableSide, row: Row, rowid: int | None) -> tuple[tuple[str, ...], Row]:
    """Return the columns and the values of a row's key: of the declared one if it has no NULL, else of the rowid."""
    key = side.reader.key(row)
    if rowid is None or (side.table.is_keyed and None not in key):
        return side.table.key_names, key
    return side.table.rowid_names, (rowid,)


def _check_keys(side: TableSide, rows: Iterator[Row]) -> None:
    """Check that no key of a WITHOUT ROWID table occurs twice. Raises DatabaseCorrupt."""
    seen: set[tuple[tuple[type, object], ...]] = set()
    for row in rows:
        key = tuple((type(value), value) for value in side.reader.key(row))
        if key in seen:
            raise DatabaseCorrupt(side.reader.image.label, f"two rows of table '{side.table.name}' have one key")
        seen.add(key)
