"""What stores there are, and what they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StoreProject:
    """A project in a store: the paths of its databases by name, its snapshots; `gone` if no database of it exists.

    `worker` has a copy of a project's database, and a store of its own inside this one; None for the project itself.
    """

    databases: Mapping[str, str]
    snapshots: int
    last_used: str
    gone: bool
    worker: str | None = None


@dataclass(frozen=True)
class StoreSummary:
    """A store; `gone` if all its projects are, `problem` says why it cannot be read, in which case it has none here."""

    path: str
    bytes: int
    last_used: str | None
    gone: bool
    projects: tuple[StoreProject, ...]
    problem: str | None


@dataclass(frozen=True)
class Stores:
    """The stores of this user and the one in force; `removed` are the paths of those that were removed."""

    stores: tuple[StoreSummary, ...]
    removed: tuple[str, ...]
