"""Rows that were left behind, or are gone, each with the rows that refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from snapstore.results.values import Row


class LeakOf(NamedTuple):
    """The row of the baseline that a row left behind refers to."""

    table: str
    key: Row


class Leak(NamedTuple):
    """A row left behind; `under` counts, by table, the rows left behind that refer to it."""

    table: str
    key: Row
    under: Mapping[str, int]
    of: LeakOf | None
    label: str | None = None


class KeyRange(NamedTuple):
    """Keys that follow each other, from the first to the last; the same one twice where it is one row."""

    first: Row
    last: Row
    rows: int


class LeftBehind(NamedTuple):
    """The rows of a table that were left behind and refer to no other such row; `rows` of them, with these `keys`.

    `under` counts, by table, the rows left behind that refer to them; `of` are the rows of the baseline that they refer
    to, by table. `labels` are what people know the first few of them by. The same tells which rows are gone.
    """

    table: str
    rows: int
    keys: tuple[KeyRange, ...]
    under: Mapping[str, int]
    of: Mapping[str, tuple[KeyRange, ...]]
    labels: tuple[str, ...] = ()
