"""A patch in SQL: the statements that turn the first image of a diff into the second.

The order: drop the triggers, views and indexes that are in the way; delete the rows that are removed, or changed in a
column that has to be unique; drop tables, create them, or rebuild them around the rows that stay; update and insert
rows; set sequences; create indexes, views and triggers again. So no trigger fires, and no uniqueness is violated on the
way. Foreign keys have to be off, or their actions would change more than the patch does. patch_script.py makes a text
of it that any reader of SQL applies as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

from snapstore.database.columns import Comparison
from snapstore.database.diff import ImageDiff
from snapstore.database.identifiers import folded
from snapstore.database.literals import literal, name
from snapstore.database.patch_step import KEPT, ROW, Step
from snapstore.database.record import Value
from snapstore.database.row_sql import RowSql, nameless
from snapstore.database.rowdiff import RowChange, TableDiff, TableSide
from snapstore.database.rows import RowReader
from snapstore.database.sequence_steps import sequence_steps
from snapstore.database.shadows import owners
from snapstore.database.spool import AFTER, BEFORE, Row
from snapstore.database.tables import SEQUENCE_TABLE, STATISTICS, Schema, SchemaRow, Table
from snapstore.database.walked_tree_map import WalkedTreeMap
from snapstore.errors import PatchImpossible
from snapstore.results.rows import SchemaChange

_KEPT = "snapstore_kept"
_KINDS = ("table", "index", "view", "trigger")


class Target(NamedTuple):
    """What to find in a table afterwards: the row with exactly the key, None for no such row.

    `key` has its values by column. `where` selects the rows whose key SQLite calls equal: in another case, for example,
    or 1 and 1.0.
    """

    table: Table
    where: str
    key: dict[str, Value]
    row: Row | None


class SqlPatch:
    """Generates the statements, reading the rows as it goes. Raises PatchImpossible if there are no such statements.

    `schema` are the changes of the schema to write. `skips` tells which tables to leave as they are, and which rows of
    the others.
    """

    def __init__(
        self,
        diff: ImageDiff,
        schema: list[SchemaChange],
        skips: Callable[[TableDiff, RowChange | None], bool] = lambda _table, _row: False,
    ) -> None:
        self._diff = diff
        self.schemas = self._before, self._after = diff.schemas
        self.schema_after = diff.schemas[1]
        header = diff.before.header
        self.is_unwritten = header is None or not header.text_encoding  # the text encoding is still open
        self.encoding = diff.after.encoding if self.is_unwritten else diff.before.encoding
        self._sql = RowSql(self.encoding)
        self._schema = schema
        self._skips = skips
        self._crowded: set[str] = set()  # tables with skipped rows whose rowids other rows may need, once all were read
        self._rebuilt = {folded(change.name) for change in self._of("table", "changed")}
        self._virtual = {folded(row.name) for row in (*self._before.virtual, *self._after.virtual)} & self._rebuilt
        self._owners = [owners(schema) for schema in diff.schemas]
        self._shadows = [self._shadows_of(*self._virtual, side=side) for side in (0, 1)]
        self.kept = free_name(_KEPT, diff.schemas)
        tables = [table for table in diff.tables if self._has_rows(table) and not skips(table, None)]
        self._tables = [
            table for table in tables if folded(table.name) in self._rebuilt or next(self._rows(table), None)
        ]
        self._tables += [self._whole(self._after.tables[one]) for one in sorted(self._shadows[1])]
        self._check()

    def statements(self) -> Iterator[str]:
        """Yield the statements, each without its semicolon. Raises DatabaseCorrupt."""
        return (step.sql for step in self.steps())

    def steps(self) -> Iterator[Step]:
        """Yield the statements with their kinds. Raises DatabaseCorrupt."""
        yield from map(Step, self._dropped_first())
        for table in self._tables:
            if table.before and table.after:
                yield from self._deletions(table)
        yield from self._table_changes()
        for table in self._tables:
            if table.after:
                yield from self._insertions(table)
        touched = {folded(table) for table in self.touched}
        yield from sequence_steps(
            (self._diff.before, self._diff.after),
            self.schemas,
            self.encoding,
            touched=touched,
            rewritten=touched | self._rebuilt,
            skipped={folded(table) for table in self.left_alone},
        )
        yield from map(Step, self._recreated())

    @property
    def touched(self) -> list[str]:
        """The tables whose rows change."""
        return [table.name for table in self._tables]

    @property
    def left_alone(self) -> list[str]:
        """The tables that differ and are skipped."""
        return [table.name for table in self._diff.tables if self._skips(table, None)]

    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return next(self.steps(), None) is None

    def objects(self) -> tuple[list[SchemaRow], list[SchemaRow]]:
        """Return the objects that are dropped, as they are before, and those that are created, as they are after."""
        gone = [row for kind in _KINDS for row in self._rows_of(self._before, kind, "changed", "removed")]
        come = [row for kind in _KINDS for row in self._rows_of(self._after, kind, "changed", "added")]
        gone += self._triggers(self._before, "changed", "removed")
        come += self._triggers(self._after, "changed", "added")
        for schema, rows in ((self._before, gone), (self._after, come)):
            rows += [
                row for row in schema.rows if row.type == "index" and row.sql and folded(row.table) in self._rebuilt
            ]
        return list(dict.fromkeys(gone)), list(dict.fromkeys(come))

    def drops_parents(self) -> bool:
        """Tell whether a table is dropped that others refer to: with foreign keys on, their rows might go with it."""
        dropped = {folded(change.name) for change in self._of("table", "changed", "removed")}
        keys = (key for schema in self.schemas for table in schema.tables.values() for key in table.foreign_keys)
        return any(folded(key.parent) in dropped for key in keys)

    def names(self) -> Iterator[str]:
        """Yield the names of all tables and columns that the statements name."""
        for table in self._tables:
            for one in table.tables:
                if one is not None:
                    yield from (one.name, *one.names)
        for schema in self.schemas:
            yield from (one for name_ in self._rebuilt & schema.tables.keys() for one in schema.tables[name_].names)
        yield from (change.name for change in self._schema)

    def tables_that_stay(self) -> list[SchemaRow]:
        """Return the tables whose rows change and which are not created again."""
        touched = {folded(table.name) for table in self._tables if table.before and table.after} - self._rebuilt
        return [row for row in self._before.rows if row.type == "table" and folded(row.name) in touched and row.sql]

    def settings(self) -> list[SchemaChange]:
        """Return the settings that change."""
        return self._of("setting", "changed")

    def _rows_of(self, schema: Schema, kind: str, *changes: str) -> list[SchemaRow]:
        names = {folded(change.name) for change in self._of(kind, *changes)}
        return [row for row in schema.rows if row.type == kind and folded(row.name) in names]

    def targets(self) -> Iterator[Target]:
        """Yield what to find afterwards, without rows that only a rowid tells from others that may have it then."""
        for table in self._tables:
            after = table.after.reader.table if table.after else None
            for change in self._rows(table, with_moved=True) if after else ():
                assert after is not None
                if self._may_be_another(table, after, change):
                    continue
                row = change.after if change.after is not None else table.aligned(change.before or ())
                rowid = change.rowids[BEFORE if change.after is None else AFTER]
                pairs = self._sql.key(after, row, rowid, is_keyless=change.key_names is not None)
                yield Target(after, self._sql.where(after, pairs), dict(pairs), change.after)

    def _check(self) -> None:
        for both in self._before.tables.keys() & self._after.tables:
            if (both in self._shadows[0]) != (both in self._shadows[1]):
                raise PatchImpossible(f"table '{both}' belongs to a virtual table in one of the states only")
        for table in self._tables:
            for one in table.tables:
                if one is not None and not one.declared_key and not one.rowid_name:
                    raise nameless(one)

    def _of(self, kind: str, *changes: str) -> list[SchemaChange]:
        return [change for change in self._schema if change.type == kind and change.change in changes]

    def _has_rows(self, table: TableDiff) -> bool:
        name_ = folded(table.name)
        if any(name_ in shadows for shadows in self._shadows):
            return False
        return name_ != SEQUENCE_TABLE and not name_.startswith(STATISTICS)

    def _shadows_of(self, *virtual: str, side: int) -> set[str]:
        """Return the tables of one side that belong to virtual tables; all names are in lower case."""
        return {one for one, owner in self._owners[side].items() if folded(owner.virtual.name) in virtual}

    def _whole(self, table: Table) -> TableDiff:
        """Return all rows of a table as added."""
        pages = WalkedTreeMap(self._diff.after)
        pages.add(table)
        return TableDiff(None, TableSide(RowReader(self._diff.after, table), pages.row_pages(table)))

    def _rows(self, table: TableDiff, *, with_moved: bool = False) -> Iterator[RowChange]:
        """Yield the rows to change; `with_moved` also those that need nothing but another rowid."""
        for change in table.changes(with_moved=with_moved):
            old, new = change.rowids
            if change.is_moved:
                if new is not None and table.table.rowid_name:
                    yield change
            elif not self._skips(table, change):
                yield change
            elif old is not None and old != new:
                self._crowded.add(table.name)

    def _may_be_another(self, table: TableDiff, after: Table, change: RowChange) -> bool:
        """Tell whether a row is known by a rowid alone, which another row may have afterwards."""
        if after.alias or after.without_rowid or (after.is_keyed and change.key_names is None):
            return False
        gone_from_there = change.after is None and (after.is_keyed or table.moved > 0)
        return table.name in self._crowded or gone_from_there

    # --- schema -------------------------------------------------------------------------------

    def _dropped_first(self) -> Iterator[str]:
        for row in self._triggers(self._before, "changed", "removed"):
            yield f"DROP TRIGGER {name(row.name)}"
        for change in self._of("view", "changed", "removed"):
            yield f"DROP VIEW {name(change.name)}"
        gone = {folded(change.name) for change in self._of("table", "changed", "removed")}
        for change in self._of("index", "changed", "removed"):
            if folded(change.table) not in gone:
                yield f"DROP INDEX {name(change.name)}"

    def _table_changes(self) -> Iterator[Step]:
        for change in self._of("table", "removed"):
            yield Step(f"DROP TABLE {name(change.name)}")
        for change in self._of("table", "changed"):
            if folded(change.name) not in self._virtual:
                yield from self._rebuild(change)
                continue
            yield Step(f"DROP TABLE {name(change.name)}")
            yield from map(Step, self._created(change))
        for change in self._of("table", "added"):
            yield from map(Step, self._created(change))

    def _created(self, change: SchemaChange) -> Iterator[str]:
        """Create a table, without the rows that a module puts into the tables of a virtual one."""
        assert change.after is not None
        yield change.after
        of = folded(change.name)
        is_new = all(folded(row.name) != of for row in self._before.virtual)
        for one in sorted(self._shadows_of(of, side=1)):
            if not (is_new and one in self._before.tables):  # what was there before is a table of its own
                yield f"DELETE FROM {name(self._after.tables[one].name)}"

    def _rebuild(self, change: SchemaChange) -> Iterator[Step]:
        """Create a table again around the rows that stay, with exactly the text that it has after."""
        assert change.after is not None
        before, after = (schema.tables[folded(change.name)] for schema in (self._before, self._after))
        columns = [(old.name, new.name) for old, new in Comparison(before, after).pairs() if not new.is_generated]
        has_rowids = not (before.without_rowid or after.without_rowid or after.alias)
        if has_rowids and before.rowid_name and after.rowid_name:
            columns.insert(0, (before.rowid_name, after.rowid_name))
        stays = bool(columns)
        if stays:
            kept = ", ".join(f"{name(old)} AS c{at}" for at, (old, _) in enumerate(columns))
            yield Step(f"CREATE TEMP TABLE {self.kept} AS SELECT {kept} FROM {name(before.name)}")
        yield Step(f"DROP TABLE {name(before.name)}")
        yield Step(change.after)
        if stays:
            same = {new for _, new in columns}
            added = [one for one in after.columns if one.name not in same and not one.is_generated]
            into = ", ".join(name(new) for new in (*(new for _, new in columns), *(one.name for one in added)))
            # In an added column, an old row does not always have the value that an INSERT would use.
            defaults = (literal(one.default_value, self.encoding) for one in added)
            kept = ", ".join([*(f"c{at}" for at in range(len(columns))), *defaults])
            sql = f"INSERT INTO {name(after.name)}({into}) SELECT {kept} FROM temp.{self.kept}"
            yield Step(sql, KEPT, after.name)
            yield Step(f"DROP TABLE temp.{self.kept}")

    def _recreated(self) -> Iterator[str]:
        changed = {folded(change.name) for change in self._of("index", "changed", "added")}
        for row in self._after.rows:
            if row.type == "index" and row.sql and (folded(row.name) in changed or folded(row.table) in self._rebuilt):
                yield row.sql
        for change in self._of("view", "changed", "added"):
            assert change.after is not None
            yield change.after
        for row in self._triggers(self._after, "changed", "added"):
            assert row.sql is not None
            yield row.sql
        for change in self._of("setting", "changed"):
            yield f"PRAGMA {change.name} = {change.after}"

    def _triggers(self, schema: Schema, *changes: str) -> Iterator[SchemaRow]:
        """Yield the triggers that change, and those that would fire, or would be dropped with their table or view."""
        named = {folded(change.name) for change in self._of("trigger", *changes)}
        views = {folded(change.name) for change in self._of("view", "changed")}
        touched = {folded(table) for table in self.touched} | views | self._rebuilt
        for row in schema.rows:
            if row.type == "trigger" and (folded(row.name) in named or folded(row.table) in touched):
                yield row

    # --- rows ---------------------------------------------------------------------------------

    def _deletions(self, table: TableDiff) -> Iterator[Step]:
        before, _ = table.tables
        assert before is not None
        for change in self._rows(table, with_moved=True):
            if change.before is not None and (change.after is None or self._goes_first(table, change)):
                key = self._sql.key(before, change.before, change.rowids[0], is_keyless=change.key_names is not None)
                sql = f"DELETE FROM {name(before.name)} WHERE {self._sql.where(before, key)}"
                yield Step(sql, ROW, before.name, self._sql.still(before, enumerate(change.before)))

    def _insertions(self, table: TableDiff) -> Iterator[Step]:
        _, after = table.tables
        assert after is not None
        for change in self._rows(table, with_moved=True):
            if change.after is None:
                continue
            if change.before is None or self._goes_first(table, change):
                yield Step(self._insert(table, after, change), ROW, after.name)
            else:
                yield self._update(table, after, change)

    def _goes_first(self, table: TableDiff, change: RowChange) -> bool:
        """Tell whether a changed row is deleted and inserted: an update might meet a unique value that goes later."""
        if folded(table.name) in self._rebuilt or change.before is None:
            return True
        if change.rowids[0] != change.rowids[1] and table.table.rowid_name:
            return True
        unique = table.table.unique_columns
        return unique is None or any(number in unique for number in self._differing(table, change))

    def _differing(self, table: TableDiff, change: RowChange) -> list[int]:
        assert change.before is not None
        assert change.after is not None
        pairs = enumerate(zip(table.aligned(change.before), change.after, strict=True))
        return [number for number, (old, new) in pairs if old != new or type(old) is not type(new)]

    def _insert(self, table: TableDiff, after: Table, change: RowChange) -> str:
        assert change.after is not None
        columns = [
            (name(column.name), literal(value, self.encoding))
            for column, value in zip(after.columns, change.after, strict=True)
            if not column.is_generated
        ]
        if not after.without_rowid and not after.alias and after.rowid_name:
            columns.insert(0, (name(after.rowid_name), self._rowid(table, after, change.rowids[1])))
        names, values = (", ".join(parts) for parts in zip(*columns, strict=True))
        return f"INSERT INTO {name(after.name)}({names}) SELECT {values}"

    def _rowid(self, table: TableDiff, after: Table, rowid: int | None) -> str:
        """Return the rowid for a new row; NULL, for which SQLite takes one, where another row may have it and does."""
        if table.name not in self._crowded:
            return literal(rowid, self.encoding)
        taken = f"SELECT 1 FROM {name(after.name)} WHERE {name(after.rowid_name or '')} = {rowid}"
        return f"CASE WHEN EXISTS ({taken}) THEN NULL ELSE {rowid} END"

    def _update(self, table: TableDiff, after: Table, change: RowChange) -> Step:
        assert change.before is not None
        assert change.after is not None
        differing = self._differing(table, change)
        sets = ", ".join(
            f"{name(after.columns[number].name)} = {literal(change.after[number], self.encoding)}"
            for number in differing
            if not after.columns[number].is_generated
        )
        key = self._sql.key(after, change.after, change.rowids[1], is_keyless=change.key_names is not None)
        old = table.aligned(change.before)
        still = self._sql.still(after, ((number, old[number]) for number in differing))
        return Step(f"UPDATE {name(after.name)} SET {sets} WHERE {self._sql.where(after, key)}", ROW, after.name, still)


def free_name(wanted: str, schemas: tuple[Schema, Schema]) -> str:
    """Return a name for a temporary table, which would hide an object of that name."""
    used = {folded(row.name) for schema in schemas for row in schema.rows}
    names = (f"{wanted}_{number}" if number else wanted for number in count())
    return next(one for one in names if one not in used)
