"""The difference of two images: their schemas, and the tables whose rows may differ.

Pages are walked in forest.py, rows compared in rowdiff.py; what the tables mean to a user (virtual tables,
sequences, statistics) is said in virtual.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from snapstore.database.columns import Comparison
from snapstore.database.forests import NO_SHELVES, EveryPage, Forests, Shelves
from snapstore.database.header import HEADER_BYTES
from snapstore.database.image import Image
from snapstore.database.overflow import Behind
from snapstore.database.rowdiff import Share, TableDiff
from snapstore.database.rows import RowReader
from snapstore.database.schema_reader import read_schema
from snapstore.database.tables import SCHEMA, SCHEMA_ROOT, Schema, SchemaRow, Table, folded
from snapstore.records import Record

SETTINGS = ("user_version", "application_id")
_ORDER = ("table", "index", "view", "trigger")


class SchemaChange(Record):
    """An object of the schema, or a setting, that differs; its text on each side, None where there is none.

    `table` is the one it belongs to, its own name for a table or a view.
    """

    type: str
    name: str
    table: str
    before: str | None
    after: str | None

    @property
    def change(self) -> str:
        """Which of added, removed and changed it is."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


class ImageDiff:
    """Two images, and the numbers of the pages that are in both and differ, or are in one only.

    Raises DatabaseCorrupt.
    """

    def __init__(self, before: Image, after: Image, changed: Collection[int], shelves: Shelves = NO_SHELVES) -> None:
        self.before, self.after = before, after
        self._changed = changed
        self._shelves = shelves
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
                changes.append(SchemaChange(row.type, row.name, row.table, old, new))
        changes.sort(key=lambda change: (_ORDER.index(change.type), change.name))
        return changes + list(self._settings())

    @cached_property
    def schemas(self) -> tuple[Schema, Schema]:
        """The schema of each image, read when it is asked for where nothing differs."""
        seen: set[int] = set()
        before = read_schema(self.before.noting(seen))
        return before, before if self._are_alike(seen) else read_schema(self.after)

    def _are_alike(self, pages: set[int]) -> bool:
        """Tell whether some pages mean the same on both sides; of page 1 it is asked of what follows the header."""
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
                yield SchemaChange("setting", name, name, str(old), str(new))

    def _tables(self) -> Iterator[TableDiff]:
        tables = _paired(*self.schemas)
        forests = Forests((self.before, self.after), self._changed, self._shelves)
        forests.grow(_trees(self.before, self.schemas[0]), _trees(self.after, self.schemas[1]))
        pages = [self._pages(forests, old, new) for old, new in tables]
        behind = self._behind(forests, pages)
        for (old, new), found in zip(tables, pages, strict=True):
            more = behind.get(new.root) if old and new else None
            old_pages, new_pages = forests.own_pages(old, new, more) if old and new and more else found
            if old_pages or new_pages or not (old and new):
                yield TableDiff(
                    Share(RowReader(self.before, old), old_pages) if old else None,
                    Share(RowReader(self.after, new), new_pages) if new else None,
                )

    def _pages(self, forests: Forests, old: Table | None, new: Table | None) -> tuple[list[int], list[int]]:
        """Return the pages that have to be read of a table on both sides."""
        if old is None or new is None or isinstance(self._changed, EveryPage):
            return forests.pages(old, new)
        return forests.own_pages(old, new) if Comparison(old, new).shares_pages else forests.pages(old, new)

    def _behind(self, forests: Forests, pages: list[tuple[list[int], list[int]]]) -> dict[int, set[int]]:
        if isinstance(self._changed, EveryPage):
            return {}
        read = {pgno for old, new in pages for pgno in (*old, *new)}
        for forest in forests.sides:  # no table of a user's, but its rows may be long
            if forest.image.page_count:
                read.update(forest.pages(SCHEMA))
        return Behind(forests, self.schemas, read, self._changed).leaves()


def _trees(image: Image, schema: Schema) -> list[Table]:
    """Return the tables of an image, and the schema's own."""
    return [*schema.tables.values(), SCHEMA] if image.page_count else []


def _paired(before: Schema, after: Schema) -> list[tuple[Table | None, Table | None]]:
    return [
        (before.tables.get(name), after.tables.get(name)) for name in dict.fromkeys([*before.tables, *after.tables])
    ]


def _named(schema: Schema) -> dict[tuple[str, str], SchemaRow]:
    """Return what a user made, by type and name; SQLite's own tables come and go with AUTOINCREMENT and ANALYZE."""
    rows = (row for row in schema.rows if row.type in _ORDER and not folded(row.name).startswith("sqlite_"))
    return {(row.type, row.name): row for row in rows}
