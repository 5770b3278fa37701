"""Policy: which tables and columns a comparison leaves out, and what moved sequences mean.

A table rule is a name or a glob. A column rule is `COLUMN`, in every table, or `TABLE.COLUMN`; both parts
may be globs. Letter case does not matter, as in SQL. A rule that matches nothing is a mistake, and an error.
"""

from __future__ import annotations

from collections.abc import Iterable

from snapstore.errors import UnknownRule
from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from snapstore.database.diff import ImageDiff

    Sequences = Literal["report", "ignore", "fail"]
else:
    Sequences = str

_LOWER = {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}
SEQUENCES: tuple[Sequences, ...] = ("report", "ignore", "fail")


class Policy(Record):
    """What is ignored; `keep` are the tables that `clean` leaves alone."""

    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sequences: Sequences = "report"
    keep: tuple[str, ...] = ()

    def ignores_table(self, table: str) -> bool:
        """Tell whether a table is left out."""
        return matches_any(table, self.tables)

    def ignored_columns(self, table: str, names: Iterable[str]) -> frozenset[str]:
        """Return those of a table's columns that are left out."""
        return frozenset(name for name in names if any(_matches_column(rule, table, name) for rule in self.columns))

    def check(self, diffs: Iterable[ImageDiff]) -> None:
        """Raise UnknownRule for the first rule that matches no table or column of any of the databases."""
        if not (self.tables or self.columns or self.keep):
            return
        columns = _columns(diffs)
        for rule in (*self.tables, *self.keep):
            if not any(matches_any(table, (rule,)) for table in columns):
                raise unknown_rule("table", rule, columns)
        for rule in self.columns:
            if not any(_matches_column(rule, table, name) for table, names in columns.items() for name in names):
                qualified = "." in rule
                known = {f"{table}.{name}" if qualified else name for table, names in columns.items() for name in names}
                raise unknown_rule("column", rule, known)


NOTHING_IGNORED = Policy()


def _columns(diffs: Iterable[ImageDiff]) -> dict[str, set[str]]:
    """Return the columns of all tables of both sides."""
    from snapstore.database.virtual import logical_name  # a tag reads the policy too, and needs no diff

    columns: dict[str, set[str]] = {}
    for diff in diffs:
        for schema in diff.schemas:
            for table in schema.tables.values():
                columns.setdefault(logical_name(schema, table.name), set()).update(table.names)
    return columns


def matches_any(table: str, rules: Iterable[str]) -> bool:
    """Tell whether a table's name fits one of some names and globs."""
    return any(_fits(table, rule) for rule in rules)


def _matches_column(rule: str, table: str, name: str) -> bool:
    of_table, _, of_column = rule.rpartition(".")
    return _fits(name, of_column) and _fits(table, of_table or "*")


def _fits(name: str, rule: str) -> bool:
    from fnmatch import fnmatchcase  # by `re`, which many a command does without

    return fnmatchcase(_folded(name), _folded(rule))


def unknown_rule(kind: str, rule: str, known: Iterable[str]) -> UnknownRule:
    """Return the error for a rule that matches nothing, with the name that it may have meant."""
    from difflib import get_close_matches

    return UnknownRule(kind, rule, next(iter(get_close_matches(rule, sorted(known), n=1)), None))


def _folded(text: str) -> str:
    """Return text without the case of ASCII letters, as SQLite compares names."""
    return text.translate(_LOWER)
