"""Rows that a query gave, and files that an export wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.values import Value


@dataclass(frozen=True)
class Answer:
    """The rows of a query; `truncated` where there were more than the limit."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    truncated: bool


@dataclass(frozen=True)
class Exported:
    """The file that was written, `bytes` long; `files` are the folders and files beside it, by name."""

    snapshot: str
    database: str
    path: str
    pages: int
    bytes: int
    seconds: float
    files: Mapping[str, str] = field(default_factory=dict)
