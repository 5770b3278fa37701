"""Index check: whether the indexes of two images whose rows are equal have the same entries.

Equal rows say nothing of an index, and a page of one that is damaged gives wrong answers to queries. The pages of an
index that the two images do not share are read on both sides; their entries have to be the same ones, since a page
that splits only moves entries. They are summed up, not kept. Cost: interior pages of the indexes, and pages that
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from snapstore.database.btree import index_cells, tree
from snapstore.database.diff import ImageDiff
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import BadRecord, Value, decode
from snapstore.database.tables import SchemaRow, folded
from snapstore.errors import IndexMisfit
from snapstore.ids import object_id


def check_indexes(diff: ImageDiff) -> None:
    """Compare the indexes of all tables in which no row differs, or moved. Raises IndexMisfit."""
    differing = {folded(table.name) for table in diff.tables if next(table.changes(), None) or table.moved}
    before = {row.name: row for row in diff.schemas[0].rows if row.type == "index" and row.root}
    for row in diff.schemas[1].rows:
        twin = before.get(row.name)
        if row.type == "index" and row.root and twin and folded(row.table) not in differing:
            _check(diff, twin, row)


def _check(diff: ImageDiff, old: SchemaRow, new: SchemaRow) -> None:
    pages = _pages(diff.before, old), _pages(diff.after, new)
    before = sum(map(_number, _entries(diff.before, old, _own(diff, pages[0], pages[1]))))
    after = sum(map(_number, _entries(diff.after, new, _own(diff, pages[1], pages[0]))))
    if before != after:
        raise IndexMisfit(diff.after.label, f"index '{new.name}' does not fit the rows of table '{new.table}'")


def _number(entry: tuple[Value, ...]) -> int:
    """Return a number for an entry, equal for equal ones: their sum tells whether as many of each are there."""
    plain = [int(value) if isinstance(value, float) and value.is_integer() else value for value in entry]
    return int.from_bytes(object_id(repr(plain).encode("utf-8", "surrogatepass")), "big")


def _own(diff: ImageDiff, pages: dict[int, None], others: dict[int, None]) -> Iterator[int]:
    """Yield the pages that the other side has not, or has with other bytes."""
    return (pgno for pgno in pages if pgno not in others or pgno in diff.changed)


def _pages(image: Image, index: SchemaRow) -> dict[int, None]:
    try:
        found = tree(image, index.root)
    except DamagedPage as error:
        raise _corrupt(image, index, error) from error
    return dict.fromkeys(chain.from_iterable(found.levels))


def _entries(image: Image, index: SchemaRow, pages: Iterator[int]) -> Iterator[tuple[Value, ...]]:
    for pgno in pages:
        try:
            for cell in index_cells(image, pgno):
                yield tuple(decode(cell.payload, image.encoding))
        except (DamagedPage, BadRecord) as error:
            raise _corrupt(image, index, error) from error


def _corrupt(image: Image, index: SchemaRow, error: Exception) -> IndexMisfit:
    where = f"page {error.pgno} of " if isinstance(error, DamagedPage) else ""
    return IndexMisfit(image.label, f"{where}index '{index.name}': {error}")
