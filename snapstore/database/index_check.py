"""Index check: whether an index has exactly the entries that its table's rows ask for, and in order.

Rows say nothing about an index, and a damaged index gives wrong answers to queries. Only pages that the two images do
not share are read, and those above them. Where no row differs, the entries there have to be the same on both sides, in
the same order. Where rows differ (in an ignored table, say), SQLite makes the entries of those rows
(index_entries.py), and they have to be what one side has more than the other.

    step   an entry: the bytes of its record; or the number of a page with a subtree that is shared as a whole
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise, zip_longest
from typing import NamedTuple

from snapstore.database.btree import index_cells
from snapstore.database.identifiers import folded
from snapstore.database.image import DamagedPage, Image
from snapstore.database.index_entries import IndexEntries, IndexOrder, RowAt, number_of, plain_entry
from snapstore.database.key_order import sort_key
from snapstore.database.rowdiff import TableDiff
from snapstore.database.tables import Schema
from snapstore.database.tree_map import TreeMap
from snapstore.errors import SqlFailed

Step = int | bytes
_CONSTRAINT = "constraint failed"
_SCHEMA_FORMAT, _WITH_DESCENDING = slice(44, 48), 4  # of page 1 (SQLite file format, 1.3.9)


class Twins(NamedTuple):
    """An index, or a table WITHOUT ROWID, in a sound image and in one to check.

    `is_read` tells which pages the two do not share, or have such a page below.
    """

    name: str
    sides: tuple[TreeMap, TreeMap]
    roots: tuple[int, int]
    is_read: Callable[[int], bool]

    def steps(self, side: int) -> Iterator[Step]:
        """Yield the entries and shared subtrees of one image in key order. Raises DamagedPage."""
        return _steps(self.sides[side], self.roots[side], self.is_read)

    @property
    def images(self) -> tuple[Image, Image]:
        """Both images."""
        return self.sides[0].image, self.sides[1].image


def check_directions(sound: Image, suspect: Image, schema: Schema) -> None:
    """Check that what is in descending order in a sound image is read in that order in another one of the same schema.

    SQLite takes all columns as ascending below a certain schema format. Raises DamagedPage.
    """
    if _knows_descending(sound) == _knows_descending(suspect):
        return
    for table in schema.tables.values():
        with suppress(SqlFailed), IndexEntries(suspect, schema, table) as entries:
            if entries.has_descending():
                raise DamagedPage(1, f"has a schema format in which the indexes of '{table.name}' are in another order")


def check_same_entries(twins: Twins) -> None:
    """Check an index of a table in which no row differs. Raises DamagedPage, RecordError."""
    encodings = [image.encoding for image in twins.images]
    for old, new in zip_longest(twins.steps(0), twins.steps(1)):
        if old == new:
            continue
        if not (isinstance(old, bytes) and isinstance(new, bytes)):
            raise _misfit(twins)
        if plain_entry(old, encodings[0]) != plain_entry(new, encodings[1]):
            raise _misfit(twins)


def check_other_entries(table: TableDiff, schema: Schema, trees: dict[str, Twins], suspect: int) -> None:
    """Check the indexes of a table with rows that differ, and the table itself if it is stored like one.

    `trees` has them by lower-case name; `suspect` is the number of the side to check. Raises DamagedPage, RecordError.
    """
    image = table.images[suspect]
    table.read_whole()
    try:
        with IndexEntries(image, schema, table.table) as entries:
            own = trees.pop(folded(table.name), None)
            gone, come = (entries.sums(_rows(table, side)) if trees else {} for side in (1 - suspect, suspect))
            for name, twins in trees.items():
                _check_content(twins, come[name] - gone[name])
                _check_order(twins, entries.order(name))
            if own:
                _check_order(own, entries.order(None))
    except SqlFailed as error:
        if _CONSTRAINT in str(error):
            raise DamagedPage(table.table.root, f"has a row of '{table.name}' that it cannot have: {error}") from error
        # Only the application knows a function or a collation of it, so SQLite could not check it here either.


def _rows(table: TableDiff, side: int) -> Iterator[RowAt]:
    for change in table.changes(with_moved=True):
        row = (change.before, change.after)[side]
        if row is not None:
            yield RowAt(change.rowids[side], row)


def _check_content(twins: Twins, wanted: int) -> None:
    """Check that the entries of the second image are those of the first and what the rows ask for."""
    sums = [
        sum(number_of(step, twins.images[side].encoding) for step in twins.steps(side) if isinstance(step, bytes))
        for side in (0, 1)
    ]
    if sums[1] - sums[0] != wanted:
        raise _misfit(twins)


def _check_order(twins: Twins, order: IndexOrder) -> None:
    """Check the order of the second image; neighbours that the first one has too are in order."""
    encoding = twins.images[1].encoding
    key, unique = sort_key(order.columns, encoding), sort_key(order.columns[: order.unique], encoding)
    if key is None or unique is None:
        return
    sound = {pair for pair in pairwise(twins.steps(0)) if not all(isinstance(one, bytes) for one in pair)}
    for pair in pairwise(twins.steps(1)):
        if pair in sound:
            continue
        old, new = (
            plain_entry(step if isinstance(step, bytes) else _outermost(twins.sides[1], step, place), encoding)
            for step, place in zip(pair, (-1, 0), strict=True)
        )
        if not key(old) < key(new):
            raise DamagedPage(twins.roots[1], "leads to entries that are out of order")
        if order.unique and None not in new[: order.unique] and not unique(old) < unique(new):
            raise DamagedPage(twins.roots[1], "leads to two equal entries, which have to be unique")


def _knows_descending(image: Image) -> bool:
    return int.from_bytes(image.page(1)[_SCHEMA_FORMAT], "big") >= _WITH_DESCENDING


def _misfit(twins: Twins) -> DamagedPage:
    return DamagedPage(twins.roots[1], "leads to entries that do not match the rows of the table")


def _steps(side: TreeMap, pgno: int, is_read: Callable[[int], bool]) -> Iterator[Step]:
    if not is_read(pgno):
        yield pgno
        return
    below = side.children(pgno)
    entries = (bytes(cell.payload) for cell in index_cells(side.image, pgno))
    if not below:
        yield from entries
        return
    for child in below:
        yield from _steps(side, child, is_read)
        if (entry := next(entries, None)) is not None:
            yield entry


def _outermost(side: TreeMap, pgno: int, place: int) -> bytes:
    """Return the first entry of a subtree (`place` 0), or the last (-1)."""
    while below := side.children(pgno):
        pgno = below[place]
    return bytes(list(index_cells(side.image, pgno))[place].payload)
