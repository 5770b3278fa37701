"""Names of snapshots: tags, where they pointed, and their removal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tag:
    """A tag; `message` was given when it was set, at `updated`. `unchanged` says that nothing had to be done."""

    name: str
    snapshot: str
    message: str
    pinned: bool
    updated: str
    unchanged: bool = False


@dataclass(frozen=True)
class Moved:
    """A move of a name, or of HEAD, to a snapshot; None where the name was removed.

    `origin` is the project for HEAD and empty for a tag; `databases` are those that moved, None for all.
    """

    entry: int
    ref: str
    origin: str
    snapshot: str | None
    databases: tuple[str, ...] | None
    action: str
    message: str
    at: str


@dataclass(frozen=True)
class Removed:
    """A name that is gone, or with `name` None a snapshot that is forgotten."""

    name: str | None
    snapshot: str


@dataclass(frozen=True)
class Removal:
    """All that was removed at once."""

    removed: tuple[Removed, ...]


@dataclass(frozen=True)
class Deleted:
    """The backup whose name was removed; `skipped` where the environment switched backups off, `reason` says why."""

    name: str
    snapshot: str
    removed: tuple[Removed, ...] = ()
    skipped: bool = False
    reason: str | None = None
