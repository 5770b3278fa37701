"""The difference of two images: their schemas, and the tables whose rows may differ.

tree_maps.py finds the pages that differ, rowdiff.py compares rows, and virtual.py knows what tables mean to a user
(virtual tables, sequences, statistics).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from snapstore.database.columns import Comparison
from snapstore.database.header import HEADER_BYTES
from snapstore.database.identifiers import folded
from snapstore.database.image import EveryPage, Image
from snapstore.database.overflow import OverflowSearch
from snapstore.database.rowdiff import TableDiff, TableSide
from snapstore.database.rows import RowReader, can_be_shortened
from snapstore.database.schema_reader import read_schema
from snapstore.database.tables import SCHEMA, SCHEMA_ROOT, Schema, SchemaRow, Table
from snapstore.database.tree_map_cache import TreeMapCache
from snapstore.database.tree_maps import TreeMaps
from snapstore.results.rows import SchemaChange

SETTINGS = ("user_version", "application_id")
_ORDER = ("table", "index", "view", "trigger")


class ImageDiff:
    """Two images, and the numbers of the pages that are in both and differ, or are in one only.

    If it `shortens`, rows have a LongValue for each long value, where that is enough to compare them.
    Raises DatabaseCorrupt.
    """

    def __init__(
        self,
        before: Image,
        after: Image,
        changed: Collection[int],
        cache: TreeMapCache | None = None,
        *,
        shortens: bool = False,
    ) -> None:
        self.before, self.after = before, after
        self._shortens = shortens and before.encoding == after.encoding
        self._changed = changed
        self._cache = cache
        self._maps: TreeMaps | None = None
        self.continued: set[int] = set()
        """Pages that did not change, with rows or entries that continue on overflow pages that did."""
        self.tables: list[TableDiff] = list(self._tables()) if changed else []

    @property
    def changed(self) -> Collection[int]:
        """The numbers of the pages that differ, or are in one image only."""
        return self._changed

    @property
    def pages_changed(self) -> int:
        """How many pages differ, or are in one image only."""
        if isinstance(self._changed, EveryPage):
            return max(self.before.page_count, self.after.page_count)
        return len(self._changed)

    def maps(self) -> TreeMaps:
        """Return the tree maps of both images, with the indexes. Raises DatabaseCorrupt."""
        assert self._maps is not None, "nothing differs"
        self._maps.add_indexes(*self.schemas)
        return self._maps

    @property
    def bytes_to_compare(self) -> int:
        """How many bytes of row pages have to be read, without overflow pages."""
        sides = (side for table in self.tables for side in (table.before, table.after) if side)
        return sum(len(side.pages) * side.reader.image.page_size for side in sides)

    def schema_changes(self) -> list[SchemaChange]:
        """Return what differs in schema and settings, tables first."""
        if not self._changed:
            return []
        before, after = (_named(schema) for schema in self.schemas)
        changes = []
        for name in dict.fromkeys([*before, *after]):
            row = after.get(name) or before[name]
            old, new = (side[name].sql if name in side else None for side in (before, after))
            if old != new:
                changes.append(_change(row.type, row.name, row.table, old, new))
        changes.sort(key=lambda change: (_ORDER.index(change.type), change.name))
        return changes + list(self._settings())

    @cached_property
    def schemas(self) -> tuple[Schema, Schema]:
        """The schema of each image. The second is read only if it may differ from the first."""
        seen: set[int] = set()
        before = read_schema(self.before.noting(seen))
        return before, before if self._mean_the_same(seen) else read_schema(self.after)

    def _mean_the_same(self, pages: set[int]) -> bool:
        """Tell whether some pages mean the same on both sides; of page 1 only what follows the header counts."""
        if not self._changed:
            return True
        before, after = self.before, self.after
        if (before.usable, before.encoding) != (after.usable, after.encoding):
            return False
        if any(pgno in self._changed for pgno in pages if pgno != SCHEMA_ROOT):
            return False
        return before.page(SCHEMA_ROOT)[HEADER_BYTES:] == after.page(SCHEMA_ROOT)[HEADER_BYTES:]

    def _settings(self) -> Iterator[SchemaChange]:
        for name in SETTINGS:
            old, new = (getattr(image.header, name, 0) for image in (self.before, self.after))
            if old != new:
                yield _change("setting", name, name, str(old), str(new))

    def _tables(self) -> Iterator[TableDiff]:
        tables = _paired(*self.schemas)
        maps = self._maps = TreeMaps((self.before, self.after), self._changed, self._cache)
        maps.add(_trees(self.before, self.schemas[0]), _trees(self.after, self.schemas[1]))
        pages = [self._pages(maps, old, new) for old, new in tables]
        overflowing = self._overflowing(maps, pages)
        self.continued.update(*overflowing.values())
        for (old, new), found in zip(tables, pages, strict=True):
            more = overflowing.get(new.root) if old and new else None
            old_pages, new_pages = maps.unshared_pages(old, new, more) if old and new and more else found
            if old_pages or new_pages or not (old and new):
                shortens = self._shortens and all(can_be_shortened(table) for table in (old, new) if table)
                yield TableDiff(
                    TableSide(RowReader(self.before, old, shortens=shortens), old_pages) if old else None,
                    TableSide(RowReader(self.after, new, shortens=shortens), new_pages) if new else None,
                )

    def _pages(self, maps: TreeMaps, old: Table | None, new: Table | None) -> tuple[list[int], list[int]]:
        """Return the pages that have to be read of a table on both sides."""
        if old is None or new is None or isinstance(self._changed, EveryPage):
            return maps.row_pages(old, new)
        return maps.unshared_pages(old, new) if Comparison(old, new).shares_pages else maps.row_pages(old, new)

    def _overflowing(self, maps: TreeMaps, pages: list[tuple[list[int], list[int]]]) -> dict[int, set[int]]:
        """Return the unchanged pages with rows that continue on changed overflow pages, by the root of the table."""
        if isinstance(self._changed, EveryPage):
            return {}
        read = {pgno for old, new in pages for pgno in (*old, *new)}
        for side in maps.sides:  # the schema is no user's table, but its rows may be long
            if side.image.page_count:
                read.update(side.row_pages(SCHEMA))
        return OverflowSearch(maps, self.schemas, read, self._changed).pages_by_root()


def _change(kind: str, name: str, table: str, before: str | None, after: str | None) -> SchemaChange:
    change = "added" if before is None else "removed" if after is None else "changed"
    return SchemaChange(kind, name, table, change, before, after)


def _trees(image: Image, schema: Schema) -> list[Table]:
    """Return the tables of an image, and the schema's own."""
    return [*schema.tables.values(), SCHEMA] if image.page_count else []


def _paired(before: Schema, after: Schema) -> list[tuple[Table | None, Table | None]]:
    return [
        (before.tables.get(name), after.tables.get(name)) for name in dict.fromkeys([*before.tables, *after.tables])
    ]


def _named(schema: Schema) -> dict[tuple[str, str], SchemaRow]:
    """Return the objects that a user made, by type and folded name; AUTOINCREMENT and ANALYZE make SQLite's own."""
    rows = (row for row in schema.rows if row.type in _ORDER and not folded(row.name).startswith("sqlite_"))
    return {(row.type, folded(row.name)): row for row in rows}
