"""The difference of two images: their schemas, and the tables whose rows may differ.

Pages are walked in forest.py, rows compared in rowdiff.py; what the tables mean to a user (virtual tables,
sequences, statistics) is said in virtual.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from snapstore.database.columns import Comparison
from snapstore.database.forest import Forest
from snapstore.database.image import Image
from snapstore.database.overflow import Behind
from snapstore.database.rowdiff import Share, TableDiff
from snapstore.database.rows import RowReader
from snapstore.database.schema_reader import read_schema
from snapstore.database.tables import SCHEMA, Schema, SchemaRow, Table, folded

SETTINGS = ("user_version", "application_id")
_ORDER = ("table", "index", "view", "trigger")


class EveryPage(Collection[int]):
    """All pages: what differs between images whose pages cannot be compared."""

    def __contains__(self, pgno: object) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1


class SchemaChange(NamedTuple):
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

    def __init__(self, before: Image, after: Image, changed: Collection[int]) -> None:
        self.before, self.after = before, after
        self._changed = changed
        self.schemas = self._read_schemas()
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
        before, after = (_named(schema) for schema in self.schemas)
        changes = []
        for name in dict.fromkeys([*before, *after]):
            row = after.get(name) or before[name]
            old, new = (side[name].sql if name in side else None for side in (before, after))
            if old != new:
                changes.append(SchemaChange(row.type, row.name, row.table, old, new))
        changes.sort(key=lambda change: (_ORDER.index(change.type), change.name))
        return changes + list(self._settings())

    def _read_schemas(self) -> tuple[Schema, Schema]:
        before = read_schema(self.before)
        after = read_schema(self.after) if self._changed else before
        return before, after

    def _settings(self) -> Iterator[SchemaChange]:
        for name in SETTINGS:
            old, new = (getattr(image.header, name, 0) for image in (self.before, self.after))
            if old != new:
                yield SchemaChange("setting", name, name, str(old), str(new))

    def _tables(self) -> Iterator[TableDiff]:
        tables = _paired(*self.schemas)
        before, after = Forest(self.before), Forest(self.after)
        for number, (old, new) in enumerate(tables, 1):
            if old:
                before.grow(number, old)
            if new:
                after.grow(number, new, before, self._changed)
        pages = [self._own_pages(before, after, number, *pair) for number, pair in enumerate(tables, 1)]
        behind = self._behind(before, after, pages)
        for number, ((old, new), (old_pages, new_pages)) in enumerate(zip(tables, pages, strict=True), 1):
            if more := behind.get(number):
                old_pages = _with(before, number, old_pages, more)  # noqa: PLW2901
                new_pages = _with(after, number, new_pages, more)  # noqa: PLW2901
            if old_pages or new_pages or not (old and new):
                yield TableDiff(
                    Share(RowReader(self.before, old), old_pages) if old else None,
                    Share(RowReader(self.after, new), new_pages) if new else None,
                )

    def _own_pages(
        self, before: Forest, after: Forest, number: int, old: Table | None, new: Table | None
    ) -> tuple[list[int], list[int]]:
        is_shared = old is not None and new is not None and Comparison(old, new).shares_pages
        return (
            before.own_pages(number, old, after if is_shared else None, self._changed) if old else [],
            after.own_pages(number, new, before if is_shared else None, self._changed) if new else [],
        )

    def _behind(self, before: Forest, after: Forest, pages: list[tuple[list[int], list[int]]]) -> dict[int, set[int]]:
        if isinstance(self._changed, EveryPage):
            return {}
        read = {pgno for old, new in pages for pgno in (*old, *new)}
        for forest in (before, after):  # no table of a user's, but its rows may be long
            if forest.image.page_count:
                forest.grow(len(pages) + 1, SCHEMA)
                read.update(forest.trees[len(pages) + 1].leaves)
        return Behind(before, after, self.schemas, read, self._changed, len(pages) + 2).leaves()


def _with(forest: Forest, number: int, pages: list[int], more: set[int]) -> list[int]:
    """Return pages and some more, in the order in which the b-tree has them."""
    wanted = {*pages, *more}
    tree = forest.trees[number]
    return [pgno for pgno in (*tree.interior, *tree.leaves) if pgno in wanted]


def _paired(before: Schema, after: Schema) -> list[tuple[Table | None, Table | None]]:
    return [
        (before.tables.get(name), after.tables.get(name)) for name in dict.fromkeys([*before.tables, *after.tables])
    ]


def _named(schema: Schema) -> dict[tuple[str, str], SchemaRow]:
    """Return what a user made, by type and name; SQLite's own tables come and go with AUTOINCREMENT and ANALYZE."""
    rows = (row for row in schema.rows if row.type in _ORDER and not folded(row.name).startswith("sqlite_"))
    return {(row.type, row.name): row for row in rows}
