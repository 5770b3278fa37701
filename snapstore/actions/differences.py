"""Differences: an image diff as a user reads it, table by table and row by row, under a policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from snapstore.actions.pair import Compared
from snapstore.actions.policy import Policy, matches_any
from snapstore.database.diff import SchemaChange
from snapstore.database.record import Value
from snapstore.database.rowdiff import ADDED, CHANGED, REMOVED, RowChange, TableDiff
from snapstore.database.virtual import (
    INDEX,
    ROWS,
    SEQUENCES,
    STATISTICS_KIND,
    Part,
    logical_name,
    parts,
    schema_changes,
)
from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from snapstore.database.sql_patch import SqlPatch


class Counts:
    """How many rows of a table were added, removed and changed."""

    def __init__(self, added: int = 0, removed: int = 0, changed: int = 0) -> None:
        self.added = added
        self.removed = removed
        self.changed = changed

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # it counts on

    def _asdict(self) -> dict[str, int]:
        return vars(self)

    def count(self, change: str) -> None:
        """Count one row."""
        setattr(self, change, getattr(self, change) + 1)

    def add(self, other: Counts) -> None:
        """Count all that another one has."""
        self.added += other.added
        self.removed += other.removed
        self.changed += other.changed


class RowDifference(Record):
    """A row that differs: values by column on each side, and the columns that differ in a changed one."""

    table: str
    key: dict[str, Value]
    change: str
    before: dict[str, Value] | None
    after: dict[str, Value] | None
    columns: tuple[str, ...]


class TableDifference:
    """A table whose rows may differ; the counts are complete once all `rows` were drawn.

    `hidden` counts, by column, the rows that differ in nothing but ignored columns.
    """

    def __init__(self, part: Part, policy: Policy) -> None:
        self.part = part
        self.policy = policy
        self.counts = Counts()
        self.hidden: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """The name a user knows."""
        return self.part.table

    @property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the key."""
        return self.part.key_names

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of both sides, those of the later one first."""
        return tuple(dict.fromkeys([*self.part.after_names, *self.part.before_names]))

    def rows(self) -> Iterator[RowDifference]:
        """Yield the rows that differ, counting them. Raises DatabaseCorrupt."""
        self.counts, self.hidden = Counts(), Counter()
        ignored = self.policy.ignored_columns(self.name, self.columns)
        for change in self.part.changes():
            differing = self._differing(change)
            seen = tuple(name for name in differing if name not in ignored)
            if change.change == CHANGED and not seen:
                self.hidden.update(differing)
                continue
            self.counts.count(change.change)
            yield self._row(change, seen)

    def differs(self) -> bool:
        """Tell whether there is any row that differs; the counts stay what they are."""
        return bool(self.counts) or next(TableDifference(self.part, self.policy).rows(), None) is not None

    def counted(self) -> Counts:
        """Draw all rows and return how many there are."""
        for _ in self.rows():
            pass
        return self.counts

    def _differing(self, change: RowChange) -> tuple[str, ...]:
        if change.before is None or change.after is None:
            return ()
        before = self.part.aligned(change.before)
        pairs = zip(self.part.after_names, before, change.after, strict=True)
        return tuple(name for name, old, new in pairs if old != new or type(old) is not type(new))

    def _row(self, change: RowChange, columns: tuple[str, ...]) -> RowDifference:
        return RowDifference(
            self.name,
            dict(zip(self.part.key_names, change.key, strict=False)),
            change.change,
            dict(zip(self.part.before_names, change.before, strict=True)) if change.before is not None else None,
            dict(zip(self.part.after_names, change.after, strict=True)) if change.after is not None else None,
            columns,
        )


class DatabaseDifference:
    """One database on both sides."""

    def __init__(self, name: str, compared: Compared, policy: Policy) -> None:
        self.name = name
        self.diff = compared.diff
        self.is_same = compared.is_same
        self._policy = policy
        self._parts = parts(compared.diff)
        self._only: tuple[str, ...] = ()
        self._logical_names: dict[str, str] = {}

    @cached_property
    def all_tables(self) -> list[str]:
        """The names of all tables of both sides."""
        schemas = self.diff.schemas
        names = (logical_name(schema, table.name) for schema in schemas for table in schema.tables.values())
        return list(dict.fromkeys(names))

    def narrow(self, rules: tuple[str, ...]) -> None:
        """Leave out what does not belong to the tables that some names and globs fit."""
        self._parts = [part for part in self._parts if part.kind == SEQUENCES or matches_any(part.table, rules)]
        self._only = rules

    @cached_property
    def schema(self) -> list[SchemaChange]:
        """What differs in schema and settings, but for ignored tables."""
        changes = [change for change in schema_changes(self.diff) if not self._policy.ignores_table(change.table)]
        return [change for change in changes if not self._only or matches_any(change.table, self._only)]

    @cached_property
    def tables(self) -> list[TableDifference]:
        """The tables that count, by name; of a virtual table there may be several."""
        return [self._table(part) for part in self._parts if part.kind == ROWS and not self._is_ignored(part)]

    @cached_property
    def ignored_tables(self) -> list[TableDifference]:
        """The tables that the policy leaves out."""
        return [self._table(part) for part in self._parts if part.kind == ROWS and self._is_ignored(part)]

    @cached_property
    def sequences(self) -> dict[str, tuple[Value, Value]]:
        """The AUTOINCREMENT sequences that moved, by table: before and after, None where there is none."""
        found: dict[str, list[Value]] = {}
        for part in self._parts:
            if part.kind == SEQUENCES and self._policy.sequences != "ignore":
                for change in part.changes():
                    for side, row in enumerate((change.before, change.after)):
                        if row is not None:
                            found.setdefault(str(row[0]), [None, None])[side] = row[1]
        return {
            table: (before, after)
            for table, (before, after) in sorted(found.items())
            if before != after and not self._policy.ignores_table(table)
            if not self._only or matches_any(table, self._only)
        }

    @cached_property
    def indexes(self) -> list[str]:
        """The virtual tables whose index differs."""
        return list(dict.fromkeys(part.table for part in self._differing_parts(INDEX)))

    @cached_property
    def has_other_statistics(self) -> bool:
        """Whether what ANALYZE wrote differs."""
        return any(self._differing_parts(STATISTICS_KIND))

    def patch(self) -> SqlPatch:
        """Return what makes the SQL that turns the first state into the second, as far as the policy sees it."""
        from snapstore.database.sql_patch import SqlPatch  # most comparisons are to be read

        def skips(table: TableDiff, change: RowChange | None) -> bool:
            name = self._logical(table.name)
            if self._policy.ignores_table(name) or (self._only and not matches_any(name, self._only)):
                return True
            return change is not None and self._is_hidden(name, table, change)

        return SqlPatch(self.diff, self.schema, skips)

    def _differing_parts(self, kind: str) -> Iterator[Part]:
        return (part for part in self._parts if part.kind == kind and next(part.changes(), None))

    def _logical(self, table: str) -> str:
        if table not in self._logical_names:
            names = (logical_name(schema, table) for schema in self.diff.schemas)
            self._logical_names[table] = next((name for name in names if name != table), table)
        return self._logical_names[table]

    def moved(self) -> dict[str, int]:
        """Return how many rows only got another rowid, by table, of the tables whose rows were drawn."""
        return {table.name: table.moved for table in self.diff.tables if table.moved}

    def _is_hidden(self, name: str, table: TableDiff, change: RowChange) -> bool:
        """Tell whether a row differs in ignored columns alone."""
        if change.before is None or change.after is None:
            return False
        names = table.table.names
        ignored = self._policy.ignored_columns(name, names) if self._policy.columns else frozenset()
        if not ignored:
            return False
        pairs = zip(names, table.aligned(change.before), change.after, strict=True)
        return all(column in ignored for column, old, new in pairs if old != new or type(old) is not type(new))

    def _table(self, part: Part) -> TableDifference:
        return TableDifference(part, self._policy)

    def _is_ignored(self, part: Part) -> bool:
        return self._policy.ignores_table(part.table)


__all__ = ["ADDED", "CHANGED", "REMOVED", "Counts", "DatabaseDifference", "RowDifference", "TableDifference"]
