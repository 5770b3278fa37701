"""Rows and schemas that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from snapstore.results.values import Row

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class Counts:
    """How many rows of a table were added, removed and changed; false where there are none."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.added + other.added, self.removed + other.removed, self.changed + other.changed)

    @property
    def total(self) -> int:
        """The number of all of them."""
        return self.added + self.removed + self.changed


class RowChange(NamedTuple):
    """A row that differs; `change` is added, removed or changed, `columns` those that differ in a changed row.

    `label` is what people know the row by, such as its name, if there is one.
    """

    table: str
    key: Row
    change: str
    before: Row | None
    after: Row | None
    columns: tuple[str, ...]
    label: str | None = None


class SchemaChange(NamedTuple):
    """An object of the schema, or a setting, that differs; its text on each side, None where there is none.

    `table` is the one it belongs to, its own name for a table or a view. `change` is added, removed or changed.
    """

    type: str
    name: str
    table: str
    change: str
    before: str | None
    after: str | None
