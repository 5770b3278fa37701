"""Policy: which tables, columns and rows a comparison leaves out, and what moved sequences mean.

A table rule is a name or a glob. A column rule is `COLUMN`, in every table, or `TABLE.COLUMN`; rule_names.py says how
names are written. A rule that matches nothing is a mistake, and an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from snapstore.compare.labels import Label
from snapstore.compare.row_rules import RowRule
from snapstore.compare.rule_names import fits, fits_column, rule_for
from snapstore.errors import SqlFailed, UnknownRule

if TYPE_CHECKING:
    from snapstore.database.diff import ImageDiff

Sequences = Literal["report", "ignore", "fail"]
SEQUENCES: tuple[Sequences, ...] = ("report", "ignore", "fail")


class Reference(NamedTuple):
    """A rule of the configuration: columns (`TABLE.COLUMN`, both may be globs) and the table that they refer to.

    `target` is a table or `TABLE.COLUMN`; None if the columns refer to nothing, whatever they are called.
    """

    columns: str
    target: str | None


class Policy(NamedTuple):
    """What is ignored; `keep` are the tables that `clean` leaves alone, `references` what refers to what.

    `labels` are the columns that people know rows by.
    """

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sequences: Sequences = "report"
    keep: tuple[str, ...] = ()
    rows: tuple[RowRule, ...] = ()
    references: tuple[Reference, ...] = ()
    labels: tuple[Label, ...] = ()

    def ignores_table(self, *names: str) -> bool:
        """Tell whether a table that has these names is left out."""
        return matches_any(names, self.tables)

    def ignored_columns(self, table: str, names: Iterable[str]) -> frozenset[str]:
        """Return those of a table's columns that are left out."""
        return frozenset(name for name in names if any(fits_column(table, name, rule) for rule in self.columns))

    def check(self, diffs: Iterable[ImageDiff]) -> None:
        """Check that each rule matches something in one of the databases. Raises UnknownRule, ConfigurationError."""
        if not any((self.tables, self.columns, self.keep, self.rows, self.references, self.labels)):
            return
        diffs = list(diffs)
        names, columns = _known(diffs)
        for rule in (*self.tables, *self.keep):
            if not matches_any(names, (rule,)):
                raise unknown_rule("table", rule, map(rule_for, names))
        for rule in self.columns:
            if not any(fits_column(table, name, rule) for table, names in columns.items() for name in names):
                pairs = [(table, name) for table, names in columns.items() for name in names]
                known = [rule_for(*pair) if "." in rule else rule_for(pair[1]) for pair in pairs]
                raise unknown_rule("column", rule, known)
        for row_rule in self.rows:
            _check_condition(row_rule, columns, diffs)
        _check_names(self, columns)


NOTHING_IGNORED = Policy()


def _known(diffs: Iterable[ImageDiff]) -> tuple[list[str], dict[str, set[str]]]:
    """Return what both sides of some databases have: all names that a rule may have, and the columns of all tables."""
    from snapstore.database.virtual import known_columns, known_names  # a tag reads the policy too, but needs no diff

    names: list[str] = []
    columns: dict[str, set[str]] = {}
    for diff in diffs:
        names += known_names(diff.schemas)
        for table, of_table in known_columns(diff.schemas).items():
            columns.setdefault(table, set()).update(of_table)
    return names, columns


def _check_condition(rule: RowRule, columns: dict[str, set[str]], diffs: Iterable[ImageDiff]) -> None:
    """Check that a condition fits the table of its name in one of the databases.

    Raises UnknownRule, ConfigurationError.
    """
    from snapstore.database.shadows import shadow_tables

    if not any(rule.fits(table) for table in columns):
        raise unknown_rule("table", rule.table, map(rule_for, columns))
    problem = "the table is virtual, and has no rows of its own"
    for diff in diffs:
        for image, schema in zip((diff.before, diff.after), diff.schemas, strict=True):
            tables = (table for table in schema.tables.values() if rule.fits(table.name))
            if (table := next(tables, None)) and table.name not in shadow_tables(schema):
                try:
                    rule.compiled(image, table)
                except SqlFailed as error:
                    problem = f"{error}; the columns are {', '.join(table.names)}"
                else:
                    return
    raise rule.error(problem)


def _check_names(policy: Policy, columns: dict[str, set[str]]) -> None:
    """Check what says how rows are told; `columns` are those of all tables. Raises UnknownRule."""
    for reference in policy.references:
        _check_reference(reference, columns)
    for label in policy.labels:
        _check_label(label, columns)


def _check_reference(rule: Reference, columns: dict[str, set[str]]) -> None:
    """Check that both sides of a reference match something; `columns` are those of all tables. Raises UnknownRule."""
    pairs = [(table, name) for table, names in columns.items() for name in names]
    if not any(fits_column(table, name, rule.columns) for table, name in pairs):
        raise unknown_rule("column of a reference", rule.columns, [rule_for(*pair) for pair in pairs])
    if rule.target is None or any(fits(table, rule.target) for table in columns):
        return
    if not any(fits_column(table, name, rule.target) for table, name in pairs):
        raise unknown_rule("table of a reference", rule.target, map(rule_for, columns))


def _check_label(rule: Label, columns: dict[str, set[str]]) -> None:
    """Check that a label names a table, and a column of it. Raises UnknownRule."""
    tables = [table for table in columns if fits(table, rule.table)]
    if not tables:
        raise unknown_rule("table of a label", rule.table, map(rule_for, columns))
    names = [name for table in tables for name in columns[table]]
    if rule.column and not any(fits(name, rule.column) for name in names):
        raise unknown_rule("column of a label", rule.column, names)


def matches_any(names: Iterable[str], rules: Sequence[str]) -> bool:
    """Tell whether one of the names of a table matches one of some names and globs."""
    return any(fits(name, rule) for name in names for rule in rules)


def unknown_rule(kind: str, rule: str, known: Iterable[str]) -> UnknownRule:
    """Return the error for a rule that matches nothing, with the nearest name."""
    from difflib import get_close_matches

    return UnknownRule(kind, rule, next(iter(get_close_matches(rule, sorted(known), n=1)), None))
