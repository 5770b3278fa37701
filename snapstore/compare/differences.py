"""Differences: an image diff as a user reads it, table by table and row by row, under a policy."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from snapstore.compare.ignore_rules import Policy, matches_any
from snapstore.compare.labels import label_columns, label_of
from snapstore.compare.pair import Compared
from snapstore.compare.references import References, causes_first, references
from snapstore.compare.row_rules import TableRules
from snapstore.database import rowdiff
from snapstore.database.identifiers import folded
from snapstore.database.rowdiff import TableDiff
from snapstore.database.shadows import Owner, owners
from snapstore.database.virtual import (
    INDEX,
    ROWS,
    SEQUENCES,
    STATISTICS_KIND,
    Part,
    known_names,
    parts,
    schema_changes,
)
from snapstore.results.rows import ADDED, CHANGED, REMOVED, Counts, RowChange, SchemaChange
from snapstore.results.values import Value

if TYPE_CHECKING:
    from snapstore.database.sql_patch import SqlPatch


class TableDifference:
    """A table whose rows may differ; the counts are complete once all `rows` were drawn.

    `hidden` counts, by column, the rows that differ in nothing but ignored columns; `hidden_rows` those that a row rule
    leaves out, which `hides` tells.
    """

    def __init__(self, part: Part, policy: Policy, hides: Callable[[rowdiff.RowChange], bool] | None = None) -> None:
        self.part = part
        self.policy = policy
        self.hidden: Counter[str] = Counter()
        self.hidden_rows = 0
        self._hides = hides
        self._counts: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """The name a user knows."""
        return self.part.table

    @property
    def counts(self) -> Counts:
        """The rows that were drawn so far."""
        return Counts(*(self._counts[change] for change in (ADDED, REMOVED, CHANGED)))

    @property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the key."""
        return self.part.key_names

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of both sides, those of the later one first."""
        return tuple(dict.fromkeys([*self.part.after_names, *self._before_names]))

    @cached_property
    def _before_names(self) -> tuple[str, ...]:
        """The columns of the earlier side, in the later side's spelling where only the case of letters changed."""
        spelled = {folded(name): name for name in self.part.after_names}
        return tuple(spelled.get(folded(name), name) for name in self.part.before_names)

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        """The columns that people may know a row by."""
        return tuple(
            name for name in label_columns(self.policy.labels, self.name, self.columns) if name not in self.key_names
        )

    def rows(self) -> Iterator[RowChange]:
        """Yield the rows that differ, counting them. Raises DatabaseCorrupt."""
        return (self._row(change, columns) for change, columns in self._changes())

    def first(self, limit: int | None) -> list[RowChange]:
        """Draw all rows, counting them; return the first `limit`, None for all."""
        changes = self._changes()
        rows = [self._row(change, columns) for change, columns in islice(changes, limit)]
        deque(changes, maxlen=0)
        return rows

    def differs(self) -> bool:
        """Tell whether any row differs, without changing the counts."""
        again = TableDifference(self.part, self.policy, self._hides)
        return bool(self.counts) or next(again._changes(), None) is not None

    def counted(self) -> Counts:
        """Draw all rows and return how many there are."""
        deque(self._changes(), maxlen=0)
        return self.counts

    def _changes(self) -> Iterator[tuple[rowdiff.RowChange, tuple[str, ...]]]:
        """Yield the rows that differ, and the columns that differ in changed ones, counting them."""
        self._counts, self.hidden, self.hidden_rows = Counter(), Counter(), 0
        ignored = self.policy.ignored_columns(self.name, self.columns)
        for change in self.part.changes():
            differing = self._differing(change)
            seen = tuple(name for name in differing if name not in ignored)
            if change.change == CHANGED and not seen:
                self.hidden.update(differing)
                continue
            if self._hides and self._hides(change):
                self.hidden_rows += 1
                continue
            self._counts[change.change] += 1
            yield change, seen

    def _differing(self, change: rowdiff.RowChange) -> tuple[str, ...]:
        if change.before is None or change.after is None:
            return ()
        before = self.part.aligned(change.before)
        pairs = zip(self.part.after_names, before, change.after, strict=True)
        return tuple(name for name, old, new in pairs if old != new or type(old) is not type(new))

    def _row(self, change: rowdiff.RowChange, columns: tuple[str, ...]) -> RowChange:
        before = dict(zip(self._before_names, change.before, strict=True)) if change.before is not None else None
        after = dict(zip(self.part.after_names, change.after, strict=True)) if change.after is not None else None
        key = dict(zip(change.key_names or self.part.key_names, change.key, strict=False))
        label = label_of(after or before or {}, self._labels) if self._labels else None
        return RowChange(self.name, key, change.change, before, after, columns, label)


class DatabaseDifference:
    """One database on both sides."""

    def __init__(self, name: str, compared: Compared, policy: Policy) -> None:
        self.name = name
        self.diff = compared.diff
        self.is_same = compared.is_same
        self.start = compared.start
        self._policy = policy
        self._parts = parts(compared.diff)
        self._only: tuple[str, ...] = ()
        self._row_rules: dict[str, TableRules] = {}
        self._referred: dict[int, References] = {}

    @cached_property
    def all_tables(self) -> list[str]:
        """The names of both sides that a rule for tables may have."""
        return known_names(self.diff.schemas)

    def narrow(self, rules: tuple[str, ...]) -> None:
        """Keep only what belongs to tables that match a name or a glob."""
        self._parts = [part for part in self._parts if part.kind == SEQUENCES or matches_any(part.names, rules)]
        self._only = rules

    @cached_property
    def schema(self) -> list[SchemaChange]:
        """What differs in schema and settings, except for ignored tables."""
        return [change for change in schema_changes(self.diff) if self.counts(change.name, *self._names(change.table))]

    @cached_property
    def derived(self) -> dict[str, str]:
        """The tables whose rows may differ that are derived from a virtual table, with its name."""
        return {part.table: part.derived_from for part in self._parts if part.kind == ROWS and part.derived_from}

    @cached_property
    def tables(self) -> list[TableDifference]:
        """The tables that count: those that others refer to before these, else by name.

        Of a virtual table there may be several.
        """
        found = [part for part in self._parts if part.kind == ROWS and not self._is_ignored(part)]
        return [self._table(part) for part in self._causes_first(found)]

    def referred(self, side: int) -> References:
        """Return what the tables of a side, 0 or 1, refer to."""
        if side not in self._referred:
            schemas = self.diff.schemas
            is_first_again = side and schemas[0] is schemas[side]
            found = self.referred(0) if is_first_again else references(schemas[side], self._policy.references)
            self._referred[side] = found
        return self._referred[side]

    def _causes_first(self, parts: list[Part]) -> list[Part]:
        if len({part.table for part in parts}) < 2:  # noqa: PLR2004
            return parts
        order = causes_first([part.table for part in parts], {**self.referred(0), **self.referred(1)})
        return sorted(parts, key=lambda part: order.index(folded(part.table)))

    @cached_property
    def ignored_tables(self) -> list[TableDifference]:
        """The tables that the policy leaves out."""
        return [self._table(part) for part in self._parts if part.kind == ROWS and self._is_ignored(part)]

    @cached_property
    def sequences(self) -> dict[str, tuple[Value, Value]]:
        """The AUTOINCREMENT sequences that moved, by table: before and after, None where there is none."""
        found: dict[str, list[Value]] = {}
        spelled: dict[str, str] = {}
        for part in self._parts:
            if part.kind == SEQUENCES and self._policy.sequences != "ignore":
                for change in part.changes():
                    for side, row in enumerate((change.before, change.after)):
                        if row is not None:
                            name = folded(str(row[0]))
                            spelled[name] = str(row[0]) if side else spelled.get(name, str(row[0]))
                            found.setdefault(name, [None, None])[side] = row[1]
        return {
            table: (before, after)
            for table, (before, after) in sorted((spelled[name], pair) for name, pair in found.items())
            if before != after and self.counts(*self._names(table))
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
        """Return the patch that turns the first state into the second, except for what the policy ignores."""
        from snapstore.database.sql_patch import SqlPatch  # most comparisons are not written as SQL

        for table in self.diff.tables:
            table.read_whole()

        def skips(table: TableDiff, change: rowdiff.RowChange | None) -> bool:
            if not self.counts(*self._names(table.name)):
                return True
            if change is None:
                return False
            return self._is_hidden(self._names(table.name)[-1], table, change) or self._rules(table).hides(change)

        return SqlPatch(self.diff, self.schema, skips)

    def script(self) -> Iterator[str]:
        """Yield the statements of the patch as a script, each without its semicolon; nothing if there is none to run.

        Raises PatchImpossible, DatabaseCorrupt.
        """
        from snapstore.database.patch_script import PatchScript

        patch = self.patch()
        return iter(()) if patch.is_empty() else PatchScript(patch).statements()

    def _differing_parts(self, kind: str) -> Iterator[Part]:
        return (part for part in self._parts if part.kind == kind and next(part.changes(), None))

    @cached_property
    def _owners(self) -> dict[str, Owner]:
        return owners(*self.diff.schemas)

    def _names(self, table: str) -> tuple[str, ...]:
        """Return all names by which a rule may mean a table; that of its virtual table comes last."""
        owner = self._owners.get(folded(table))
        return (table, owner.virtual.name) if owner else (table,)

    def counts(self, *names: str) -> bool:
        """Tell whether something with these names is neither ignored nor outside of what was asked for."""
        return not self._policy.ignores_table(*names) and (not self._only or matches_any(names, self._only))

    def moved(self) -> dict[str, int]:
        """Return how many rows only got another rowid, by table, of the tables whose rows were drawn."""
        return {table.name: table.moved for table in self.diff.tables if table.moved}

    def _is_hidden(self, name: str, table: TableDiff, change: rowdiff.RowChange) -> bool:
        """Tell whether a row differs only in ignored columns."""
        if change.before is None or change.after is None:
            return False
        names = table.table.names
        ignored = self._policy.ignored_columns(name, names) if self._policy.columns else frozenset()
        if not ignored:
            return False
        pairs = zip(names, table.aligned(change.before), change.after, strict=True)
        return all(column in ignored for column, old, new in pairs if old != new or type(old) is not type(new))

    def _table(self, part: Part) -> TableDifference:
        table = next((one for one in self.diff.tables if one.name == part.source), None) if self._policy.rows else None
        return TableDifference(part, self._policy, self._rules(table).hides if table else None)

    def _rules(self, table: TableDiff) -> TableRules:
        """Return the row rules of a table; the rows of a virtual table are not those of its shadow tables."""
        if table.name not in self._row_rules:
            owner = self._owners.get(folded(table.name))
            rules = () if owner and owner.virtual.is_decoded else self._policy.rows
            self._row_rules[table.name] = TableRules(rules, table)
        return self._row_rules[table.name]

    def _is_ignored(self, part: Part) -> bool:
        return self._policy.ignores_table(*part.names)


__all__ = ["ADDED", "CHANGED", "REMOVED", "DatabaseDifference", "TableDifference"]
