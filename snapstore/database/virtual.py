"""What tables mean to a user: a virtual table's shadow tables count under its name, some hold no rows of anybody's.

A full-text table's rows are in its content table, or where it has none, in its table of document sizes; the
rest is index. An R-tree's rows are in its nodes, whose bytes say nothing by themselves (rtree.py). Of modules that
are not known here every shadow table counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from snapstore.database.diff import ImageDiff, SchemaChange
from snapstore.database.rowdiff import RowChange, TableDiff
from snapstore.database.rtree import RtreeDiff
from snapstore.database.spool import Row
from snapstore.database.tables import SEQUENCE_TABLE, STATISTICS, Schema, SchemaRow, folded
from snapstore.records import Record

ROWS, INDEX, SEQUENCES, STATISTICS_KIND = "rows", "index", "sequences", "statistics"

_SHADOWS = {
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("content", "docsize", "data", "idx", "config"),
    "rtree": ("node", "rowid", "parent"),
    "rtree_i32": ("node", "rowid", "parent"),
    "geopoly": ("node", "rowid", "parent"),
}
_RTREES = ("rtree", "rtree_i32", "geopoly")
_ROWID = "rowid"  # no column of a full-text table can have this name
_NUMBERED = r"^c\d+"  # patterns are compiled when the first virtual table is met
_USING = r"""(?is)\bUSING\s+("[^"]+"|\[[^]]+\]|`[^`]+`|\w+)\s*(?:\((.*)\))?[\s;]*$"""


class Virtual(Record):
    """A virtual table, with its module in lower case and what stands in the module's parentheses."""

    name: str
    module: str
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, row: SchemaRow) -> Virtual:
        """Read the text that made it."""
        import re  # which most databases have no use for

        found = re.search(_USING, row.sql or "")
        module, inner = (found[1].strip('"[]`').lower(), found[2] or "") if found else ("", "")
        return cls(row.name, module, tuple(_split(inner)))

    def shadow(self, table: str) -> str | None:
        """Return what follows the virtual table's name in that of one of its shadow tables, None for another table."""
        prefix = folded(self.name) + "_"
        if not folded(table).startswith(prefix):
            return None
        suffix = folded(table)[len(prefix) :]
        known = _SHADOWS.get(self.module)
        return suffix if known is None or suffix in known else None

    @property
    def columns(self) -> list[str]:
        """The names of the columns that the arguments declare, those of an R-tree without their `+`."""
        declared = (argument.lstrip("+ ").split(None, 1) for argument in self.arguments if "=" not in argument)
        return [words[0].strip("\"'[]`") for words in declared if words]

    @property
    def auxiliary(self) -> int:
        """How many of an R-tree's columns are no coordinates."""
        return sum(1 for argument in self.arguments if argument.startswith("+"))


class Part(Record):
    """Rows that differ, under the name `table` a user knows; `source` is the table they are stored in."""

    table: str
    source: str
    kind: str
    key_names: tuple[str, ...]
    before_names: tuple[str, ...]
    after_names: tuple[str, ...]
    changes: Callable[[], Iterator[RowChange]]
    aligned: Callable[[Row], Row]
    """Returns a row from before with the columns of after, so that the two can be compared."""


def parts(diff: ImageDiff) -> list[Part]:
    """Return what may differ, by name; of a virtual table its rows first."""
    if not diff.tables:
        return []
    shadows = _shadows(diff.schemas)
    found: list[Part] = []
    rtrees: dict[str, list[TableDiff]] = {}
    for table in diff.tables:
        virtual, suffix = shadows.get(folded(table.name), (None, ""))
        if virtual is not None and virtual.module in _RTREES:
            rtrees.setdefault(virtual.name, []).append(table)
        else:
            found.append(_part(table, virtual, suffix, diff.schemas))
    by_name = {virtual.name: virtual for virtual, _ in shadows.values()}
    found += [_rtree_part(diff, by_name[name], tables) for name, tables in rtrees.items()]
    return sorted(found, key=lambda part: (folded(part.table), part.kind != ROWS, folded(part.source)))


def schema_changes(diff: ImageDiff) -> list[SchemaChange]:
    """Return what differs in the schema; shadow tables come and go with their virtual table."""
    if not (changes := diff.schema_changes()):
        return []
    shadows = _shadows(diff.schemas)
    return [
        change
        for change in changes
        if folded(change.table) not in shadows or (change.type == "table" and change.change == "changed")
    ]


def is_shadow(schema: Schema, table: str, of: str) -> bool:
    """Tell whether a table is a shadow table of the virtual table `of`."""
    return any(row.name == of and Virtual.of(row).shadow(table) is not None for row in schema.virtual)


def logical_name(schema: Schema, table: str) -> str:
    """Return the name under which a table counts."""
    for row in schema.virtual:
        if Virtual.of(row).shadow(table) is not None:
            return row.name
    return table


def shadow_tables(schema: Schema) -> set[str]:
    """Return the names of the shadow tables of virtual tables whose modules are known here."""
    virtual = [one for one in map(Virtual.of, schema.virtual) if one.module in _SHADOWS]
    names = (table.name for table in schema.tables.values())
    return {name for name in names if any(one.shadow(name) is not None for one in virtual)}


def _shadows(schemas: tuple[Schema, Schema]) -> dict[str, tuple[Virtual, str]]:
    """Return for each shadow table, in lower case, its virtual table and what follows that one's name."""
    found: dict[str, tuple[Virtual, str]] = {}
    for schema in schemas:
        for virtual in sorted((Virtual.of(row) for row in schema.virtual), key=lambda one: len(one.name)):
            for name in schema.tables:
                suffix = virtual.shadow(name)
                if suffix is not None:
                    found[name] = (virtual, suffix)
    return found


def _part(table: TableDiff, virtual: Virtual | None, suffix: str, schemas: tuple[Schema, Schema]) -> Part:
    before, after = table.tables
    shown = [one.names if one else () for one in (before, after)]
    kind = ROWS
    if virtual is not None and virtual.module in _SHADOWS:
        kind = ROWS if suffix == _rows_of_text(virtual, schemas) else INDEX
        shown = [_text_columns(names, virtual) for names in shown]
    elif folded(table.name) == SEQUENCE_TABLE:
        kind = SEQUENCES
    elif folded(table.name).startswith(STATISTICS):
        kind = STATISTICS_KIND
    name = virtual.name if virtual else table.name
    keys = table.table.key_names
    if virtual is not None and virtual.module == "fts5":
        keys = tuple(_ROWID if key == "id" else key for key in keys)
    return Part(name, table.name, kind, keys, shown[0], shown[1], table.changes, table.aligned)


def _rows_of_text(virtual: Virtual, schemas: tuple[Schema, Schema]) -> str:
    """Return which shadow table of a full-text table has the rows, its data where nothing else says what is in it."""
    names = {name for schema in schemas for name in schema.tables}
    present = [suffix for suffix in ("content", "docsize") if folded(f"{virtual.name}_{suffix}") in names]
    return present[0] if present else "data" if virtual.module == "fts5" else "segdir"


def _text_columns(names: tuple[str, ...], virtual: Virtual) -> tuple[str, ...]:
    """Give the columns of a content table the names they have in the full-text table."""
    if virtual.module != "fts5":
        import re

        return tuple(re.sub(_NUMBERED, "", name) or name for name in names)
    declared = {f"c{number}": name for number, name in enumerate(virtual.columns)} | {"id": _ROWID}
    return tuple(declared.get(name, name) for name in names)


def _rtree_part(diff: ImageDiff, virtual: Virtual, tables: list[TableDiff]) -> Part:
    geopoly = virtual.module == "geopoly"
    coordinates = 4 if geopoly else len(virtual.columns) - 1 - virtual.auxiliary
    shown = ("rowid", "_shape", *virtual.columns) if geopoly else tuple(virtual.columns)
    rtree = RtreeDiff(diff, virtual.name, coordinates, tables, integers=virtual.module == "rtree_i32", hidden=geopoly)
    return Part(virtual.name, f"{virtual.name}_node", ROWS, shown[:1], shown, shown, rtree.changes, _as_it_is)


def _as_it_is(row: Row) -> Row:
    return row


def _split(arguments: str) -> Iterator[str]:
    """Split at the commas that are outside of quotes and parentheses."""
    depth, quote, start = 0, "", 0
    for place, char in enumerate(arguments):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and not depth:
            yield arguments[start:place].strip()
            start = place + 1
    if last := arguments[start:].strip():
        yield last
