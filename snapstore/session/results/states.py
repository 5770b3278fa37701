"""What a restore, a comparison, a clean or a query came to, as a session's client returns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from snapstore.session.results.rows import Counts, Leak, RowChange, SchemaChange


@dataclass(frozen=True)
class RestoredDatabase:
    """How one database came back: `in-place`, `replaced` or `none`."""

    method: str
    pages_written: int
    pages: int
    kept: str | None = None
    still_open: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Restored:
    """What a restore, undo or reset did; `safety` is the snapshot of the state before."""

    snapshot: str
    changed: bool
    safety: str | None
    databases: dict[str, RestoredDatabase]
    seconds: float
    dry_run: bool = False
    skipped: bool = False


@dataclass(frozen=True)
class DatabaseStatus:
    """One live database against its HEAD."""

    path: str
    head: str
    names: list[str]
    clean: bool
    verdict: str
    tables: dict[str, Counts]
    schema: list[str]
    pages_changed: int
    pages: int
    head_pages: int


@dataclass(frozen=True)
class Status:
    """All databases; `settled` is a restore that had been cut off and was put right in the books."""

    clean: bool
    databases: dict[str, DatabaseStatus]
    settled: dict[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class VerifiedDatabase:
    """One database: its verdict, and what it rests on."""

    verdict: str
    tables: dict[str, Counts]
    rows: list[RowChange]
    rows_left_out: int
    leaks: list[Leak]
    schema: list[SchemaChange]
    drift: dict[str, Any]


@dataclass(frozen=True)
class Verified:
    """The worst verdict, and whether it passes."""

    verdict: str
    ok: bool
    against: str
    restored: bool
    forensic: str | None
    label: str | None
    databases: dict[str, VerifiedDatabase]
    seconds: float


@dataclass(frozen=True)
class DatabaseDiff:
    """What differs in one database; `sequences` has their values on both sides."""

    schema: list[SchemaChange]
    tables: dict[str, Counts]
    rows: list[RowChange]
    sequences: dict[str, list[int | None]]


@dataclass(frozen=True)
class Diff:
    """What differs between two states; `from` is a word of Python's, so the attribute is `from_`."""

    from_: str
    to: str
    identical: bool
    databases: dict[str, DatabaseDiff]
    truncated: bool
    rows_left_out: int


@dataclass(frozen=True)
class CleanedDatabase:
    """What was put back, by table, and the SQL of a dry run."""

    tables: dict[str, Counts]
    statements: int
    sql: list[str]


@dataclass(frozen=True)
class Cleaned:
    """What a clean did; `safety` is the snapshot of the state before."""

    snapshot: str
    changed: bool
    safety: str | None
    databases: dict[str, CleanedDatabase]
    seconds: float
    dry_run: bool


@dataclass(frozen=True)
class Answer:
    """The rows of a query; `truncated` where there were more than the limit."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
