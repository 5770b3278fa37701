"""What tables mean to a user: the shadow tables of a virtual table count under its name, and some only hold an index.

The rows of a full-text table are in its content table, or in its table of document sizes if it has no content table;
the other shadow tables are the index. The rows of an R-tree are in its nodes, which rtree.py decodes. The shadow tables
of all other modules count under their own names, as derived from the virtual table.

Which tables are shadow tables, shadows.py says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from snapstore.database.diff import SETTINGS, ImageDiff
from snapstore.database.identifiers import folded
from snapstore.database.record import Value
from snapstore.database.rowdiff import RowChange, TableDiff
from snapstore.database.rtree import RtreeDiff
from snapstore.database.shadows import RTREES, Owner, Virtual, owners
from snapstore.database.spool import Row
from snapstore.database.tables import SEQUENCE_TABLE, STATISTICS, Schema
from snapstore.results.rows import SchemaChange

ROWS, INDEX, SEQUENCES, STATISTICS_KIND = "rows", "index", "sequences", "statistics"

_OF_INDEX = "sqlite_autoindex_"
_ROWID = "rowid"  # a full-text table cannot have a column of this name
_NUMBERED = r"^c\d+"


class Part(NamedTuple):
    """Rows that may differ, under the name `table` that a user knows; `source` is the table that stores them.

    `owner` is the virtual table that the source belongs to, None where it stands for itself.
    """

    table: str
    source: str
    kind: str
    key_names: tuple[str, ...]
    before_names: tuple[str, ...]
    after_names: tuple[str, ...]
    changes: Callable[[], Iterator[RowChange]]
    aligned: Callable[[Row], Row]
    """Returns a row from before with the columns of after, so that the two can be compared."""
    owner: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which a rule may mean these rows."""
        return tuple(dict.fromkeys(name for name in (self.table, self.source, self.owner) if name is not None))

    @property
    def derived_from(self) -> str | None:
        """The virtual table that these rows are derived from, None if they are rows of their own."""
        return self.owner if self.owner != self.table else None


def parts(diff: ImageDiff) -> list[Part]:
    """Return the parts that may differ, by name; of a virtual table its rows come first."""
    if not diff.tables:
        return []
    shadows = owners(*diff.schemas)
    found: list[Part] = []
    rtrees: dict[str, list[TableDiff]] = {}
    for table in diff.tables:
        owner = shadows.get(folded(table.name))
        if owner and owner.virtual.module in RTREES:
            rtrees.setdefault(owner.virtual.name, []).append(table)
        else:
            found.append(_part(table, owner, diff))
    by_name = {owner.virtual.name: owner.virtual for owner in shadows.values()}
    found += [_rtree_part(diff, by_name[name], tables) for name, tables in rtrees.items()]
    return sorted(found, key=lambda part: (folded(part.table), part.kind != ROWS, folded(part.source)))


def schema_changes(diff: ImageDiff) -> list[SchemaChange]:
    """Return what differs in the schema, without shadow tables that come and go with their virtual table."""
    changes = diff.schema_changes()
    shadows = owners(*diff.schemas) if changes else {}
    tables = {folded(change.name): change.change for change in changes if change.type == "table"}

    def follows(change: SchemaChange) -> bool:
        owner = shadows.get(folded(change.table))
        if owner is None or change.change == "changed":
            return False
        return tables.get(folded(owner.virtual.name)) in (change.change, "changed")

    return [change for change in changes if not follows(change)]


def changed_virtual_tables(diff: ImageDiff) -> list[str]:
    """Return the virtual tables with shadow tables of which a row differs, or only got another rowid."""
    shadows = owners(*diff.schemas) if diff.tables else {}
    found = ((shadows[folded(table.name)], table) for table in diff.tables if folded(table.name) in shadows)
    changed = (owner.virtual.name for owner, table in found if next(table.changes(with_moved=True), None))
    return list(dict.fromkeys(changed))


def known_names(schemas: Iterable[Schema]) -> list[str]:
    """Return all names that a rule for tables may have: of everything in the schema, and of settings."""
    rows = (row.name for schema in schemas for row in schema.rows)
    return list(dict.fromkeys([*(name for name in rows if not folded(name).startswith(_OF_INDEX)), *SETTINGS]))


def known_columns(schemas: Sequence[Schema]) -> dict[str, set[str]]:
    """Return the columns that a rule may name, by table: those that are stored, and those that a user knows."""
    found: dict[str, set[str]] = {}
    shadows = owners(*schemas)
    for schema in schemas:
        for name, table in schema.tables.items():
            found.setdefault(table.name, set()).update(table.names)
            if owner := shadows.get(name):
                shown = {*_text_columns(table.names, owner.virtual), *owner.virtual.columns, _ROWID}
                known = shown if owner.virtual.is_decoded else set()
                found.setdefault(owner.virtual.name, set()).update(known, table.names)
    return found


def _part(table: TableDiff, owner: Owner | None, diff: ImageDiff) -> Part:
    before, after = table.tables
    shown = [one.names if one else () for one in (before, after)]
    kind, name = ROWS, table.name
    virtual = owner.virtual if owner else None
    if owner and virtual and virtual.is_decoded:
        kind = ROWS if owner.suffix == _rows_of_text(virtual, diff.schemas) else INDEX
        shown = [_text_columns(names, virtual) for names in shown]
        name = virtual.name
    elif folded(table.name) == SEQUENCE_TABLE:
        kind = SEQUENCES
    elif folded(table.name).startswith(STATISTICS):
        kind = STATISTICS_KIND
    keys = table.table.key_names
    if virtual is not None and virtual.module == "fts5":
        keys = tuple(_ROWID if key == "id" else key for key in keys)
    of = virtual.name if virtual else None
    changes: Callable[[], Iterator[RowChange]] = table.changes
    if kind == ROWS and virtual is not None and (content := _content_of(virtual, diff)):
        changes = _Unrepeated(table, content, virtual.option("content_rowid"))
    return Part(name, table.name, kind, keys, shown[0], shown[1], changes, table.aligned, of)


def _content_of(virtual: Virtual, diff: ImageDiff) -> TableDiff | None:
    """Return the table that has the text of a full-text table, if its rows may differ.

    That is the one it names as its content. One with content of its own is a copy that triggers keep where its name has
    the name of a table in it, and that table has all of its columns.
    """
    if not virtual.module.startswith("fts"):
        return None
    if name := virtual.option("content"):
        return next((table for table in diff.tables if folded(table.name) == folded(name)), None)
    columns = {folded(column) for column in virtual.columns}
    found = [
        table
        for table in diff.tables
        if folded(table.name) in folded(virtual.name) and columns <= {folded(name) for name in table.table.names}
    ]
    return max(found, key=lambda table: len(table.name), default=None) if columns else None


class _Unrepeated:
    """The rows of a full-text table that differ without a row of the table that has its text."""

    def __init__(self, table: TableDiff, content: TableDiff, rowid_column: str | None) -> None:
        self._table = table
        self._content = content
        self._column = folded(rowid_column) if rowid_column else None

    def __call__(self) -> Iterator[RowChange]:
        return (change for change in self._table.changes() if change.key[0] not in self._rowids)

    @cached_property
    def _rowids(self) -> set[Value]:
        found: set[Value] = set()
        for change in self._content.changes(with_moved=True):
            found.update(change.rowids)
            for table, row in zip(self._content.tables, (change.before, change.after), strict=True):
                if table is not None and row is not None:
                    wanted = (self._column, folded(table.alias or ""))
                    found.update(value for name, value in zip(table.names, row, strict=False) if folded(name) in wanted)
        return found - {None}


def _rows_of_text(virtual: Virtual, schemas: tuple[Schema, Schema]) -> str:
    """Return which shadow table of a full-text table has the rows; its data if no other tells what is in it."""
    names = {name for schema in schemas for name in schema.tables}
    present = [suffix for suffix in ("content", "docsize") if folded(f"{virtual.name}_{suffix}") in names]
    return present[0] if present else "data" if virtual.module == "fts5" else "segdir"


def _text_columns(names: tuple[str, ...], virtual: Virtual) -> tuple[str, ...]:
    """Return the names that the columns of a content table have in the full-text table."""
    if virtual.module != "fts5":
        return tuple(re.sub(_NUMBERED, "", name) or name for name in names)
    declared = {f"c{number}": name for number, name in enumerate(virtual.columns)} | {"id": _ROWID}
    return tuple(declared.get(name, name) for name in names)


def _rtree_part(diff: ImageDiff, virtual: Virtual, tables: list[TableDiff]) -> Part:
    geopoly = virtual.module == "geopoly"
    coordinates = 4 if geopoly else len(virtual.columns) - 1 - virtual.auxiliary
    shown = ("rowid", "_shape", *virtual.columns) if geopoly else tuple(virtual.columns)
    rtree = RtreeDiff(diff, virtual.name, coordinates, tables, integers=virtual.module == "rtree_i32", hidden=geopoly)
    source = f"{virtual.name}_node"
    return Part(virtual.name, source, ROWS, shown[:1], shown, shown, rtree.changes, _as_it_is, virtual.name)


def _as_it_is(row: Row) -> Row:
    return row
