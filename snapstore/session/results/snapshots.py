"""Snapshots, as a session's client returns them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TakenDatabase:
    """One database of a snapshot; `stored_bytes` is what it added to the store."""

    content: str
    pages: int
    page_size: int
    bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class Taken:
    """The snapshot that a name has; `skipped` where the environment switched backups off, and ids are empty then."""

    snapshot: str
    name: str
    created: str
    moved_from: str | None
    unchanged: bool
    databases: dict[str, TakenDatabase]
    seconds: float
    skipped: bool = False


@dataclass(frozen=True)
class Removed:
    """A name or snapshot that was removed."""

    name: str | None
    snapshot: str


@dataclass(frozen=True)
class Deleted:
    """The backup whose name was removed; `skipped` where the environment switched backups off."""

    name: str
    snapshot: str
    removed: list[Removed] = field(default_factory=list)
    skipped: bool = False


@dataclass(frozen=True)
class Listed:
    """A snapshot in a list."""

    snapshot: str
    names: list[str]
    created: str
    message: str
    pinned: bool
    content: str
    bytes: int
    stored_bytes: int
    kind: str


@dataclass(frozen=True)
class ShownDatabase:
    """A database of a snapshot; `tables` maps to row counts, None where they cannot be counted."""

    content: str
    pages: int
    page_size: int
    bytes: int
    origin: str
    journal_mode: str
    schema: str
    user_version: int
    application_id: int
    tables: dict[str, int | None]


@dataclass(frozen=True)
class Shown:
    """A snapshot in full."""

    snapshot: str
    names: list[str]
    created: str
    message: str
    kind: str
    parent: str | None
    content: str
    bytes: int
    stored_bytes: int
    databases: dict[str, ShownDatabase]


@dataclass(frozen=True)
class Exported:
    """The file that was written."""

    snapshot: str
    database: str
    path: str
    pages: int
    bytes: int
    seconds: float
