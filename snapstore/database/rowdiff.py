"""The row diff of one table: which rows were added, removed or changed between two images.

Rows are decoded from the pages that the two images do not share, matched by true key and compared by
value; equal ones cancel out, since a page that splits moves its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cached_property
from itertools import groupby

from snapstore.database.columns import Comparison
from snapstore.database.rows import RowReader
from snapstore.database.spool import AFTER, BEFORE, KeyTwice, Row, Side, Spool
from snapstore.database.tables import Table
from snapstore.errors import DatabaseCorrupt
from snapstore.records import Record

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class RowChange:
    """A row that differs: values in the order of the columns on each side, None on the side that has it not."""

    __slots__ = ("after", "before", "key")

    def __init__(self, key: Row, before: Row | None, after: Row | None) -> None:
        self.key = key
        self.before = before
        self.after = after

    @property
    def change(self) -> str:
        """Which of ADDED, REMOVED and CHANGED it is."""
        return ADDED if self.before is None else REMOVED if self.after is None else CHANGED


class Share(Record):
    """One side of a table: how to read it, and the pages with rows that the other side does not share."""

    reader: RowReader
    pages: list[int]


class TableDiff:
    """One table on both sides; `before` or `after` is None where there is no such table.

    `moved` counts, once all changes were drawn, the rows that only got another rowid.
    """

    def __init__(self, before: Share | None, after: Share | None) -> None:
        self.before = before
        self.after = after
        self.moved = 0

    @property
    def table(self) -> Table:
        """The table as it is after, or was before where it is gone."""
        share = self.after or self.before
        assert share is not None
        return share.reader.table

    @property
    def name(self) -> str:
        """The table's name, as it is written after."""
        return self.table.name

    @property
    def tables(self) -> tuple[Table | None, Table | None]:
        """The table on each side."""
        before, after = self.before, self.after
        return before.reader.table if before else None, after.reader.table if after else None

    @cached_property
    def _comparison(self) -> Comparison | None:
        before, after = self.tables
        return Comparison(before, after) if before and after else None

    def aligned(self, row: Row) -> Row:
        """Return a row from before with the columns of after."""
        return self._comparison.as_after(row) if self._comparison else row

    def changes(self) -> Iterator[RowChange]:
        """Yield the rows that differ, by key, reading as it goes. Raises DatabaseCorrupt."""
        before, after = self.before, self.after
        if before is None or after is None or before.reader.table.without_rowid != after.reader.table.without_rowid:
            yield from (RowChange(key, row, None) for key, row in _all_rows(before))
            yield from (RowChange(key, None, row) for key, row in _all_rows(after))
            return
        comparison = self._comparison
        assert comparison is not None
        if after.reader.table.without_rowid:
            yield from self._by_key(before, after, comparison)
        elif before.reader.table.alias or after.reader.table.alias:
            yield from _by_rowid(before, after, comparison)
        else:
            yield from self._by_value(before, after, comparison)

    def _by_key(self, before: Share, after: Share, comparison: Comparison) -> Iterator[RowChange]:
        with Spool() as spool, closing(spool.match_keys(_keyed(before), _keyed(after))) as matched:
            try:
                for key, old, new in matched:
                    if old is None or new is None or not comparison.equal(old, new):
                        yield RowChange(key, old, new)
            except KeyTwice as error:
                image = (before, after)[error.side].reader.image
                raise DatabaseCorrupt(image.label, f"two rows of table '{self.name}' have one key") from error

    def _by_value(self, before: Share, after: Share, comparison: Comparison) -> Iterator[RowChange]:
        """Let rows that only got another rowid cancel out: where no column is the rowid, it is no content."""
        sides = _sides(_by_rowid(before, after, comparison), comparison)
        with Spool() as spool, closing(spool.match_values(sides)) as unmatched:
            for (key, *_), rows in groupby(unmatched, key=lambda one: one[1:2]):
                found = {side: row for side, _, row in rows}
                yield RowChange((key,), found.get(BEFORE), found.get(AFTER))
            self.moved = spool.matches()


def _by_rowid(before: Share, after: Share, comparison: Comparison) -> Iterator[RowChange]:
    """Merge the rows of both sides, which come in the order of their rowids."""
    has_one_format = comparison.is_plain and before.reader.image.encoding == after.reader.image.encoding
    left, right = before.reader.sorted_cells(before.pages), after.reader.sorted_cells(after.pages)
    old, new = next(left, None), next(right, None)
    while old or new:
        if new is None or (old is not None and old[1].rowid < new[1].rowid):
            assert old is not None
            yield RowChange((old[1].rowid,), before.reader.row(*old), None)
            old = next(left, None)
        elif old is None or new[1].rowid < old[1].rowid:
            yield RowChange((new[1].rowid,), None, after.reader.row(*new))
            new = next(right, None)
        else:
            if old[1].payload != new[1].payload or not has_one_format:
                rows = before.reader.row(*old), after.reader.row(*new)
                if not comparison.equal(*rows):
                    yield RowChange((old[1].rowid,), *rows)
            old, new = next(left, None), next(right, None)


def _sides(changes: Iterable[RowChange], comparison: Comparison) -> Iterator[tuple[Side, int, Row, Row]]:
    """Take changes apart: each row with its side, its rowid and what it is matched by."""
    for change in changes:
        rowid = change.key[0]
        assert isinstance(rowid, int)
        if change.before is not None:
            yield BEFORE, rowid, comparison.as_after(change.before), change.before
        if change.after is not None:
            yield AFTER, rowid, change.after, change.after


def _all_rows(share: Share | None) -> Iterator[tuple[Row, Row]]:
    if share is None:
        return
    if share.reader.table.without_rowid:
        yield from _keyed(share)
    else:
        for pgno, cell in share.reader.sorted_cells(share.pages):
            yield (cell.rowid,), share.reader.row(pgno, cell)


def _keyed(share: Share) -> Iterator[tuple[Row, Row]]:
    for pgno, cell in share.reader.cells(share.pages):
        row = share.reader.row(pgno, cell)
        yield share.reader.key(row), row
