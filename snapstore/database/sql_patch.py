"""A patch in SQL: the statements that turn the first image of a diff into the second.

The order: triggers, views and indexes that are in the way go; rows that are removed, or changed in a column that has
to be unique, go; tables are dropped, made, or made anew around the rows that stay; rows are updated and inserted;
sequences are set; indexes, views and triggers come back. So no trigger fires and no uniqueness is violated on the
way. Foreign keys have to be off, or their actions would do more than is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from snapstore.database.btree import tree
from snapstore.database.columns import Comparison
from snapstore.database.diff import ImageDiff, SchemaChange
from snapstore.database.image import Image
from snapstore.database.literals import literal, name
from snapstore.database.record import Value
from snapstore.database.rowdiff import RowChange, TableDiff
from snapstore.database.rows import RowReader
from snapstore.database.spool import Row
from snapstore.database.tables import SEQUENCE_TABLE, STATISTICS, Schema, SchemaRow, Table, folded
from snapstore.database.virtual import is_shadow
from snapstore.refusals import PatchImpossible

_KEPT = "snapstore_kept"


class SqlPatch:
    """Makes the statements, drawing the rows as it goes. Raises PatchImpossible where there are none that would do.

    `schema` are the changes of the schema to write; `skips` tells which tables, and which rows of the others, to leave
    as they are.
    """

    def __init__(
        self,
        diff: ImageDiff,
        schema: list[SchemaChange],
        skips: Callable[[TableDiff, RowChange | None], bool] = lambda _table, _row: False,
    ) -> None:
        self._diff = diff
        self._before, self._after = diff.schemas
        self.schema_after = diff.schemas[1]
        header = diff.before.header
        self._is_unwritten = header is None or not header.text_encoding  # then the text encoding is not settled yet
        self._encoding = diff.after.encoding if self._is_unwritten else diff.before.encoding
        self._schema = schema
        self._skips = skips
        self._made_anew = {folded(change.name) for change in self._of("table", "changed")}
        tables = [table for table in diff.tables if self._has_rows(table) and not skips(table, None)]
        self._tables = [
            table for table in tables if folded(table.name) in self._made_anew or next(self._rows(table), None)
        ]
        self._check()

    def script(self) -> Iterator[str]:
        """Yield the statements with all that they need around them, each without its semicolon."""
        if self._is_unwritten:
            yield f"PRAGMA encoding = '{self._encoding.replace('-le', 'le').replace('-be', 'be')}'"
        yield "PRAGMA foreign_keys = OFF"  # rows come and go in an order of their own, and nothing may cascade
        yield "PRAGMA ignore_check_constraints = ON"  # the rows are as they were
        yield "BEGIN IMMEDIATE"
        yield from self.statements()
        yield "COMMIT"
        yield "PRAGMA ignore_check_constraints = OFF"

    def statements(self) -> Iterator[str]:
        """Yield the statements, each without its semicolon. Raises DatabaseCorrupt."""
        yield from self._out_of_the_way()
        for table in self._tables:
            if table.before and table.after:
                yield from self._deletions(table)
        yield from self._table_changes()
        for table in self._tables:
            if table.after:
                yield from self._insertions(table)
        yield from self._sequences()
        yield from self._back_again()

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
        return next(self.statements(), None) is None

    def targets(self) -> Iterator[tuple[Table, str, Row | None]]:
        """Yield what has to be found afterwards: a table, a condition, and the row that fits it, None for no row.

        Rows that may have come under any rowid are left out.
        """
        for table in self._tables:
            after = table.after.reader.table if table.after else None
            for change in self._rows(table) if after else ():
                assert after is not None
                if not table.moved:
                    yield after, self._where(after, change.key), change.after

    def _check(self) -> None:
        for change in self._of("table", "changed"):
            virtual = [(schema, row.name) for schema in self._diff.schemas for row in schema.virtual]
            if any(change.name == name_ or is_shadow(schema, change.name, name_) for schema, name_ in virtual):
                raise PatchImpossible(f"virtual table '{change.name}' was made anew with other arguments")
        for table in self._tables:
            for one in table.tables:
                if one is not None and not one.without_rowid and not one.alias and not one.rowid_name:
                    raise PatchImpossible(f"no name is left for the rowid of table '{one.name}'")

    def _of(self, kind: str, *changes: str) -> list[SchemaChange]:
        return [change for change in self._schema if change.type == kind and change.change in changes]

    def _has_rows(self, table: TableDiff) -> bool:
        name_ = folded(table.name)
        return name_ != SEQUENCE_TABLE and not name_.startswith(STATISTICS)

    def _rows(self, table: TableDiff) -> Iterator[RowChange]:
        return (change for change in table.changes() if not self._skips(table, change))

    # --- schema -------------------------------------------------------------------------------

    def _out_of_the_way(self) -> Iterator[str]:
        for row in self._triggers(self._before, "changed", "removed"):
            yield f"DROP TRIGGER {name(row.name)}"
        for change in self._of("view", "changed", "removed"):
            yield f"DROP VIEW {name(change.name)}"
        gone = {folded(change.name) for change in self._of("table", "changed", "removed")}
        for change in self._of("index", "changed", "removed"):
            if folded(change.table) not in gone:
                yield f"DROP INDEX {name(change.name)}"

    def _table_changes(self) -> Iterator[str]:
        for change in self._of("table", "removed"):
            yield f"DROP TABLE {name(change.name)}"
        for change in self._of("table", "changed"):
            yield from self._make_anew(change)
        for change in self._of("table", "added"):
            assert change.after is not None
            yield change.after
            for shadow in self._after.tables.values():
                if is_shadow(self._after, shadow.name, of=change.name):
                    yield f"DELETE FROM {name(shadow.name)}"

    def _make_anew(self, change: SchemaChange) -> Iterator[str]:
        """Make a table anew around the rows that stay, with the very text it has after."""
        assert change.after is not None
        before, after = (schema.tables[folded(change.name)] for schema in (self._before, self._after))
        columns = [(old.name, new.name) for old, new in Comparison(before, after).pairs() if not new.is_generated]
        if not before.without_rowid and not after.alias and before.rowid_name and after.rowid_name:
            columns.insert(0, (before.rowid_name, after.rowid_name))
        stays = columns and before.without_rowid == after.without_rowid
        if stays:
            kept = ", ".join(f"{name(old)} AS c{at}" for at, (old, _) in enumerate(columns))
            yield f"CREATE TEMP TABLE {_KEPT} AS SELECT {kept} FROM {name(before.name)}"
        yield f"DROP TABLE {name(before.name)}"
        yield change.after
        if stays:
            same = {new for _, new in columns}
            added = [one for one in after.columns if one.name not in same and not one.is_generated]
            into = ", ".join(name(new) for new in (*(new for _, new in columns), *(one.name for one in added)))
            # What a row that was there has in a column that is added is not always what an INSERT would put there.
            defaults = (literal(one.default_value, self._encoding) for one in added)
            kept = ", ".join([*(f"c{at}" for at in range(len(columns))), *defaults])
            yield f"INSERT INTO {name(after.name)}({into}) SELECT {kept} FROM temp.{_KEPT}"
            yield f"DROP TABLE temp.{_KEPT}"

    def _back_again(self) -> Iterator[str]:
        changed = {change.name for change in self._of("index", "changed", "added")}
        for row in self._after.rows:
            if row.type == "index" and row.sql and (row.name in changed or folded(row.table) in self._made_anew):
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
        """Yield the triggers that change, and those that would fire or go with their table or view."""
        named = {change.name for change in self._of("trigger", *changes)}
        views = {folded(change.name) for change in self._of("view", "changed")}
        touched = {folded(table) for table in self.touched} | views
        for row in schema.rows:
            if row.type == "trigger" and (row.name in named or folded(row.table) in touched):
                yield row

    # --- rows ---------------------------------------------------------------------------------

    def _deletions(self, table: TableDiff) -> Iterator[str]:
        before, _ = table.tables
        assert before is not None
        for change in self._rows(table):
            if change.before is not None and (change.after is None or self._goes_first(table, change)):
                yield f"DELETE FROM {name(before.name)} WHERE {self._where(before, change.key)}"

    def _insertions(self, table: TableDiff) -> Iterator[str]:
        _, after = table.tables
        assert after is not None
        for change in self._rows(table):
            if change.after is None:
                continue
            if change.before is None or self._goes_first(table, change):
                yield self._insert(after, change.key, change.after, with_rowid=not table.moved)
            else:
                yield self._update(table, after, change)

    def _goes_first(self, table: TableDiff, change: RowChange) -> bool:
        """Tell whether a changed row is deleted and inserted: an update might meet a value that is to go later."""
        if folded(table.name) in self._made_anew or change.before is None:
            return True
        unique = table.table.unique_columns
        return unique is None or any(number in unique for number in self._differing(table, change))

    def _differing(self, table: TableDiff, change: RowChange) -> list[int]:
        assert change.before is not None
        assert change.after is not None
        pairs = enumerate(zip(table.aligned(change.before), change.after, strict=True))
        return [number for number, (old, new) in pairs if old != new or type(old) is not type(new)]

    def _insert(self, table: Table, key: Row, row: Row, *, with_rowid: bool) -> str:
        columns = [
            (column.name, value) for column, value in zip(table.columns, row, strict=True) if not column.is_generated
        ]
        if not table.without_rowid and not table.alias and with_rowid:
            columns.insert(0, (table.rowid_name or "", key[0]))
        names = ", ".join(name(column) for column, _ in columns)
        values = ", ".join(literal(value, self._encoding) for _, value in columns)
        return f"INSERT INTO {name(table.name)}({names}) VALUES ({values})"

    def _update(self, table: TableDiff, after: Table, change: RowChange) -> str:
        assert change.after is not None
        sets = ", ".join(
            f"{name(after.columns[number].name)} = {literal(change.after[number], self._encoding)}"
            for number in self._differing(table, change)
            if not after.columns[number].is_generated
        )
        return f"UPDATE {name(after.name)} SET {sets} WHERE {self._where(after, change.key)}"

    def _where(self, table: Table, key: Row) -> str:
        columns = table.key_names if table.without_rowid else (table.alias or table.rowid_name or "",)
        pairs = zip(columns, key, strict=True)
        return " AND ".join(f"{name(column)} = {literal(value, self._encoding)}" for column, value in pairs)

    def _sequences(self) -> Iterator[str]:
        """Set the sequences of the tables that were touched and of those that moved."""
        before = _sequence_numbers(self._diff.before, self._before)
        after = _sequence_numbers(self._diff.after, self._after)
        touched = {folded(table) for table in self.touched}
        skipped = {folded(table) for table in self.left_alone}
        counting = {table.name for table in self._after.tables.values() if "AUTOINCREMENT" in (table.sql or "").upper()}
        rewritten = {name_ for name_ in counting if folded(name_) in touched | self._made_anew}
        for table in sorted({*before, *after, *rewritten}):
            is_same = before.get(table) == after.get(table) and table not in rewritten
            if folded(table) in skipped or (is_same and folded(table) not in touched):
                continue
            yield f"DELETE FROM {SEQUENCE_TABLE} WHERE name = {literal(table, self._encoding)}"
            for number in after.get(table, []):
                values = f"{literal(table, self._encoding)}, {literal(number, self._encoding)}"
                yield f"INSERT INTO {SEQUENCE_TABLE}(name, seq) VALUES ({values})"


def _sequence_numbers(image: Image, schema: Schema) -> dict[str, list[Value]]:
    """Return what `sqlite_sequence` says of each table."""
    table = schema.tables.get(SEQUENCE_TABLE)
    if table is None:
        return {}
    found: dict[str, list[Value]] = {}
    reader = RowReader(image, table)
    for pgno, cell in reader.cells(tree(image, table.root).leaves):
        of, number = reader.row(pgno, cell)
        found.setdefault(str(of), []).append(number)
    return found
