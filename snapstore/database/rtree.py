"""R-trees: their rows, which the shadow tables `_node`, `_rowid` and `_parent` hold between them.

    node  0  2  depth of the tree (in the root only)
          2  2  entries
          4     entries: id (8), coordinates (4 each, float or integer)

`_rowid` has the node number of each id, and the auxiliary columns. Source: sqlite.org/rtree.html, 5.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from snapstore.database.btree import find
from snapstore.database.diff import ImageDiff
from snapstore.database.identifiers import folded
from snapstore.database.image import DamagedPage, Image
from snapstore.database.record import Value
from snapstore.database.rowdiff import RowChange, TableDiff
from snapstore.database.rows import RowReader
from snapstore.database.spool import Row
from snapstore.database.tables import Schema, Table
from snapstore.errors import DatabaseCorrupt

_HEADER_BYTES = 4
_NODE, _AUXILIARY = 1, 2  # columns of `_rowid`; `data` is column 1 of `_node`


class RtreeDiff:
    """The rows of one R-tree that may differ: those whose ids occur in changed shadow rows."""

    def __init__(
        self, diff: ImageDiff, name: str, coordinates: int, tables: list[TableDiff], *, integers: bool, hidden: bool
    ) -> None:
        self._tables = tables
        self._entry = struct.Struct(f">q{coordinates}{'i' if integers else 'f'}")
        self._hidden = hidden
        self._sides = [
            _Side(image, schema, folded(name))
            for image, schema in zip((diff.before, diff.after), diff.schemas, strict=True)
        ]

    def changes(self) -> Iterator[RowChange]:
        """Yield the rows that differ, by id. Raises DatabaseCorrupt."""
        before, after = self._sides
        for id_ in sorted(self._ids()):
            old, new = self._row(before, id_), self._row(after, id_)
            if old != new:
                yield RowChange((id_,), old, new)

    def _ids(self) -> set[int]:
        """Return the ids in changed nodes and changed rows; numbers of child nodes among them are harmless."""
        ids: set[int] = set()
        for table in self._tables:
            kind = folded(table.name).rsplit("_", 1)[1]
            for change in table.changes():
                if kind == "rowid":
                    ids.update(key for key in change.key if isinstance(key, int))
                elif kind == "node":
                    for side, row in zip(self._sides, (change.before, change.after), strict=True):
                        entries = [entry[0] for entry in self._entries(row)]
                        self._check_node(side, change.key[0], entries)
                        ids.update(entries)
        return ids

    def _check_node(self, side: _Side, number: Value, entries: list[int]) -> None:
        """Check that each entry of a node is one of its rows or children, and occurs once. Raises DatabaseCorrupt."""
        for kind in ("rowid", "parent"):
            rows = (side.row(kind, id_) for id_ in entries)
            if all(row is not None and row[1] == number for row in rows) and len(set(entries)) == len(entries):
                return
        raise side.corrupt(f"node {number!r} has entries that are not its own")

    def _entries(self, node: Row | None) -> Iterator[tuple[int, ...]]:
        data = node[1] if node else None
        if not isinstance(data, bytes) or len(data) < _HEADER_BYTES:
            return
        count = int.from_bytes(data[2:4], "big")
        end = min(_HEADER_BYTES + count * self._entry.size, len(data) // self._entry.size * self._entry.size)
        for start in range(_HEADER_BYTES, end, self._entry.size):
            if start + self._entry.size <= len(data):
                yield self._entry.unpack_from(data, start)

    def _row(self, side: _Side, id_: int) -> Row | None:
        """Return a row: its id, its coordinates unless they are hidden, its auxiliary columns."""
        place = side.row("rowid", id_)
        if place is None:
            return None
        number = place[_NODE]
        node = side.row("node", number) if isinstance(number, int) else None
        found = next((entry[1:] for entry in self._entries(node) if entry[0] == id_), None)
        if found is None:
            raise side.corrupt(f"node {number!r} has no entry for row {id_}")
        coordinates: tuple[Value, ...] = () if self._hidden else found
        return (id_, *coordinates, *place[_AUXILIARY:])


class _Side:
    """The shadow tables of one image."""

    def __init__(self, image: Image, schema: Schema, name: str) -> None:
        self._image = image
        self._name = name
        self._tables: dict[str, Table | None] = {
            kind: schema.tables.get(f"{name}_{kind}") for kind in ("node", "rowid", "parent")
        }

    def corrupt(self, detail: str) -> DatabaseCorrupt:
        """Return the error that names the table."""
        return DatabaseCorrupt(self._image.label, f"R-tree '{self._name}': {detail}")

    def row(self, kind: str, id_: int) -> Row | None:
        table = self._tables[kind]
        if table is None:
            return None
        try:
            cell = find(self._image, table.root, id_)
        except DamagedPage as error:
            raise self._image.corrupt(error, table.name) from error
        return RowReader(self._image, table).row(table.root, cell) if cell else None
