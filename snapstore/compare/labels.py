"""Labels: what people know a row by, such as its name, where its key says nothing to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from snapstore.compare.rule_names import fits
from snapstore.database.identifiers import folded
from snapstore.results.long_value import LongValue
from snapstore.results.values import Row

USUAL = ("name", "title", "username", "email", "slug")
"""The columns that people know rows by, where the configuration names none; the likeliest first."""

_LONGEST = 200  # characters


class Label(NamedTuple):
    """A rule of the configuration: the column that people know a table's rows by; None if there is none."""

    table: str
    column: str | None


def label_columns(rules: Sequence[Label], table: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of a table's columns that people may know its rows by, the likeliest first."""
    spelled = {folded(name): name for name in names}
    if rule := next((one for one in rules if fits(table, one.table)), None):
        return tuple(name for name in spelled.values() if rule.column and fits(name, rule.column))
    return tuple(spelled[name] for name in USUAL if name in spelled)


def label_of(row: Row, columns: Iterable[str]) -> str | None:
    """Return the first text or number that a row has in some columns; the beginning of a long text."""
    for name in columns:
        value = row.get(name)
        text = value.head if isinstance(value, LongValue) else value
        if isinstance(text, str | int | float) and text != "":
            return str(text)[:_LONGEST]
    return None
