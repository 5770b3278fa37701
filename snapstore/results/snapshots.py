"""Snapshots: taken, listed and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.files import ShownFiles, TakenFiles


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
    """A snapshot and the name it was given, None for a file imported without one.

    `stored_bytes` is what all of it added to the store, as `log` lists it. `moved_from` is the snapshot that had the
    name before; `unchanged` says that the state was in the store already.
    Where the environment switched backups off, `skipped` is true, `reason` says why and `snapshot` is empty.
    `warnings` say that another file took the place of a database since the last call, that a database is damaged, or
    that a configured folder is not there.
    `files` has the folders and files beside the databases.
    """

    snapshot: str
    name: str | None
    created: str
    moved_from: str | None
    unchanged: bool
    databases: Mapping[str, TakenDatabase]
    seconds: float
    skipped: bool = False
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    stored_bytes: int = 0
    files: Mapping[str, TakenFiles] = field(default_factory=dict)


@dataclass(frozen=True)
class Listed:
    """A snapshot in a list; `content` is its content id, `stored_bytes` the length of the pack it came in.

    `kind` says what it was taken for, `forgotten` that it can only be brought back until its space is freed.
    """

    snapshot: str
    names: tuple[str, ...]
    created: str
    message: str
    pinned: bool
    content: str
    bytes: int
    stored_bytes: int
    kind: str
    forgotten: bool = False


@dataclass(frozen=True)
class ShownDatabase:
    """A database of a snapshot; `tables` maps to row counts, None where SQLite lacks what the table needs.

    A virtual table stands there without the tables it keeps its rows in. `collations` are those that only the
    application has: a query cannot compare by them.
    """

    content: str
    pages: int
    page_size: int
    bytes: int
    origin: str
    journal_mode: str
    schema: str
    user_version: int
    application_id: int
    tables: Mapping[str, int | None]
    collations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A snapshot in full."""

    snapshot: str
    names: tuple[str, ...]
    created: str
    message: str
    kind: str
    parent: str | None
    content: str
    bytes: int
    stored_bytes: int
    databases: Mapping[str, ShownDatabase]
    files: Mapping[str, ShownFiles] = field(default_factory=dict)
