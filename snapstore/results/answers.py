"""Rows that a query gave, and files that an export wrote."""

from __future__ import annotations

from dataclasses import dataclass

from snapstore.results.values import Value


@dataclass(frozen=True)
class Answer:
    """The rows of a query; `truncated` where there were more than the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool


@dataclass(frozen=True)
class Exported:
    """The file that was written, `bytes` long."""

    snapshot: str
    database: str
    path: str
    pages: int
    bytes: int
    seconds: float
