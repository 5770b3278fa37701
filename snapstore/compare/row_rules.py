"""Row rules: conditions in SQL that say which rows of a table a comparison leaves out.

A row is left out if a condition of its table is true for it on every side that has it. So a row that becomes one that
would be left out, or was one, counts: whether such rows come and go says nothing, but that one of the others is gone
does. A condition that SQLite cannot decide is an error, never a row that is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from snapstore.compare.rule_names import fits, rule_for
from snapstore.errors import ConfigurationError, SqlFailed

if TYPE_CHECKING:
    from snapstore.database.condition import Condition
    from snapstore.database.image import Image
    from snapstore.database.rowdiff import RowChange, TableDiff
    from snapstore.database.spool import Row
    from snapstore.database.tables import Table


class RowRule(NamedTuple):
    """A condition on the rows of one table, and where the configuration has it."""

    table: str
    condition: str
    file: str | None = None
    line: int | None = None

    def error(self, problem: str) -> ConfigurationError:
        """Return an error about this rule."""
        return ConfigurationError(f"'ignore.rows.{self.table}': {problem}", self.file, self.line)

    def fits(self, table: str) -> bool:
        """Tell whether a table has the name of this rule, which may be in quotes, and is no glob."""
        return fits(table, self.table if self.table.startswith('"') else rule_for(self.table))

    def compiled(self, image: Image, table: Table) -> Condition:
        """Return the condition, ready for the rows of a table. Raises SqlFailed."""
        from snapstore.database.condition import Condition  # most comparisons have no such rule
        from snapstore.database.schema_reader import collations_of

        return Condition(self.condition, table.columns, collations_of(image, table), image.encoding)


class TableRules:
    """The row rules of one table that is compared. Conditions that its columns do not fit say nothing about it."""

    def __init__(self, rules: Iterable[RowRule], table: TableDiff) -> None:
        self._rules = [rule for rule in rules if rule.fits(table.name)]
        self._table = table
        if self._rules:
            table.read_whole()  # for SQLite, which decides

    def hides(self, change: RowChange) -> bool:
        """Tell whether a row is left out. Raises ConfigurationError."""
        if not self._rules:
            return False
        before = self._table.aligned(change.before) if change.before is not None else None
        return all(self._holds(row) for row in (before, change.after) if row is not None)

    def _holds(self, row: Row) -> bool:
        for rule, condition in self._conditions:
            try:
                if condition.holds(row):
                    return True
            except SqlFailed as error:
                raise rule.error(f"a row cannot be decided on: {error}") from error
        return False

    @cached_property
    def _conditions(self) -> list[tuple[RowRule, Condition]]:
        side = self._table.after or self._table.before
        assert side is not None
        found = []
        for rule in self._rules:
            try:
                found.append((rule, rule.compiled(side.reader.image, side.table)))
            except SqlFailed:
                continue  # `Policy.check` has demanded that it fits in one of the databases
        return found
