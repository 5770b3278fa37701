"""Soundness: whether an image is a sound database, given that another one is, found from the pages that differ.

Equal rows prove little about the pages around them. SQLite keeps more: how pages follow each other, which of them are
free, what refers to what, and indexes. Everything that `PRAGMA integrity_check` checks of these is checked here, but
only where it may differ: the use of each page (page_usage.py), the layout of pages (page_content.py), the pointer map,
the order of rows, indexes, and virtual tables (by SQLite itself).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import NamedTuple

from snapstore.database.diff import ImageDiff
from snapstore.database.identifiers import folded
from snapstore.database.image import DamagedPage, EveryPage, Image, void
from snapstore.database.index_check import Twins, check_directions, check_other_entries, check_same_entries
from snapstore.database.page_usage import PageUsage, Roots
from snapstore.database.pointer_map import check_pointer_map, check_settings, has_pointer_map
from snapstore.database.record import RecordError
from snapstore.database.rowid_order import RowidOrder
from snapstore.database.spool import AFTER
from snapstore.database.tables import SCHEMA_ROOT, Schema, index_trees
from snapstore.database.virtual_check import problem_of_virtual_tables
from snapstore.database.walked_tree_map import WalkedTreeMap
from snapstore.errors import DatabaseCorrupt


def damage(diff: ImageDiff, suspect: int = AFTER) -> str | None:
    """Return what is wrong with one image of a comparison if the other one is sound, None if nothing is.

    Raises DatabaseCorrupt where the sound image cannot be read.
    """
    if not diff.changed:
        return None
    try:
        return _Soundness(diff, suspect).problem()
    except DamagedPage as error:
        side = diff.maps().sides[suspect]
        name = side.names.get(side.root_of(error.pgno))
        where = f" of '{name}'" if name else ""
        return f"page {error.pgno}{where} {error}"
    except RecordError as error:
        return f"an index has an invalid record: {error}"
    except DatabaseCorrupt as error:
        return error.detail


class _Soundness:
    """The checks of one image; its methods stand in the order in which they run."""

    def __init__(self, diff: ImageDiff, suspect: int) -> None:
        self._diff = diff
        self._suspect = suspect
        self._images = diff.before, diff.after
        self._image: Image = self._images[suspect]
        self._sides = diff.maps().sides
        self._changed: Collection[int] = diff.changed
        sound, map_ = self._images[1 - suspect], self._sides[1 - suspect]
        has_one_format = has_pointer_map(sound) == has_pointer_map(self._image)
        if isinstance(self._changed, EveryPage) or not has_one_format or not isinstance(map_, WalkedTreeMap):
            self._changed = EveryPage()
            self._sound, self._sound_roots = WalkedTreeMap(void(sound.label)), Roots()
        else:
            self._sound, self._sound_roots = map_, _roots(diff.schemas[1 - suspect])

    def problem(self) -> str | None:
        """Check everything. Raises DamagedPage, RecordError, DatabaseCorrupt."""
        if not self._image.page_count:
            return None
        roots = _roots(self._diff.schemas[self._suspect])
        changed = () if isinstance(self._changed, EveryPage) else self._changed
        usage = PageUsage(self._sound, self._sound_roots, self._image, roots, changed)
        check_settings(self._image, max(roots))
        entries = {pgno: reference.entry for pgno, reference in usage.gained.items()}
        check_pointer_map(self._sound.image, self._image, entries, changed)
        self._check_rowids(roots)
        if not self._diff.schema_changes():  # else an index may be another one under the same name
            self._check_indexes()
        return problem_of_virtual_tables(self._diff, self._suspect)

    @cached_property
    def _path(self) -> Collection[int]:
        if isinstance(self._changed, EveryPage):
            return self._changed
        return self._diff.maps().path(self._diff.continued)

    @cached_property
    def _roots_touched(self) -> list[set[int]]:
        """The roots of the trees that have pages that changed, or continue on such, in both images."""
        pages = (*self._changed, *self._diff.continued)
        return [{self._sides[side].root_of(pgno) for pgno in pages} for side in (1 - self._suspect, self._suspect)]

    def _is_touched(self, roots: tuple[int, int]) -> bool:
        """Tell whether a tree, with its roots in the sound image and in this one, has pages that changed."""
        if isinstance(self._changed, EveryPage) or roots[0] != roots[1]:
            return True
        return any(root in touched for root, touched in zip(roots, self._roots_touched, strict=True))

    def _check_rowids(self, roots: Roots) -> None:
        order = RowidOrder(self._sound, self._sides[self._suspect], self._path)
        for root, is_index in roots.items():
            if not is_index and self._is_touched((root, root)):
                order.check(root)

    def _check_indexes(self) -> None:
        check_directions(self._images[1 - self._suspect], self._image, self._diff.schemas[self._suspect])
        differing = {
            folded(table.name): table for table in self._diff.tables if next(table.changes(with_moved=True), None)
        }
        for name, trees in self._index_trees(differing).items():
            table = differing.get(name)
            if table is None:
                for twins in trees.values():
                    check_same_entries(twins)
            else:
                check_other_entries(table, self._diff.schemas[self._suspect], trees, self._suspect)

    def _index_trees(self, differing: Collection[str]) -> dict[str, dict[str, Twins]]:
        """Return what is stored like an index and may differ, by lower-case names of table and tree."""
        sound, suspect = (_stored_like_indexes(self._diff.schemas[side]) for side in (1 - self._suspect, self._suspect))
        if missing := _implied(sound) ^ _implied(suspect):
            raise DamagedPage(SCHEMA_ROOT, f"has another schema: index '{min(missing)}' is on one side only")
        found: dict[str, dict[str, Twins]] = {}
        for name, tree in suspect.items():
            table, roots = folded(tree.table), (sound[name].root, tree.root)
            if table in differing or self._is_touched(roots):
                found.setdefault(table, {})[name] = self._twins(tree.name, roots)
        return found

    def _twins(self, name: str, roots: tuple[int, int]) -> Twins:
        """Return a tree in both images, the sound one first."""
        sides = self._sides[1 - self._suspect], self._sides[self._suspect]
        path = self._path

        def is_read(pgno: int) -> bool:
            return pgno in path or any(side.root_of(pgno) != root for side, root in zip(sides, roots, strict=True))

        return Twins(name, sides, roots, is_read)


class _Tree(NamedTuple):
    """An index, or a table WITHOUT ROWID."""

    name: str
    table: str
    root: int
    sql: str | None


def _roots(schema: Schema) -> Roots:
    tables = {table.root: table.without_rowid for table in schema.tables.values()}
    return {SCHEMA_ROOT: False, **tables, **{index.root: True for index in index_trees(schema)}}


def _stored_like_indexes(schema: Schema) -> dict[str, _Tree]:
    indexes = [_Tree(row.name, row.table, row.root, row.sql) for row in schema.rows if row.type == "index" and row.root]
    tables = [_Tree(one.name, one.name, one.root, one.sql) for one in schema.tables.values() if one.without_rowid]
    return {folded(one.name): one for one in (*indexes, *tables)}


def _implied(trees: dict[str, _Tree]) -> set[str]:
    """Return the indexes that constraints imply."""
    return {one.name for one in trees.values() if one.sql is None}
