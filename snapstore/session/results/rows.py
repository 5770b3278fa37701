"""Rows and schemas that differ, as a session's client returns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Counts:
    """How many rows of a table were added, removed and changed."""

    added: int
    removed: int
    changed: int


@dataclass(frozen=True)
class RowChange:
    """A row that differs; `change` is added, removed or changed, `columns` those that differ in a changed one."""

    table: str
    key: Row
    change: str
    before: Row | None
    after: Row | None
    columns: list[str]


@dataclass(frozen=True)
class SchemaChange:
    """An object of the schema that differs; its SQL on each side, None where there is none."""

    type: str
    name: str
    table: str
    change: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class LeakOf:
    """The row of the baseline that a row left behind refers to."""

    table: str
    key: Row


@dataclass(frozen=True)
class Leak:
    """A row left behind; `under` counts, by table, those that hang on it."""

    table: str
    key: Row
    under: dict[str, int]
    of: LeakOf | None
