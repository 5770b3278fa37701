"""What a clean did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.against import Against
from snapstore.results.files import RestoredFiles
from snapstore.results.hooks import HookRun
from snapstore.results.rows import Counts


@dataclass(frozen=True)
class CleanedDatabase:
    """The rows that were written, by table: inserted again, deleted, changed back; `sql` is that of a dry run."""

    tables: Mapping[str, Counts]
    statements: int
    sql: tuple[str, ...]


@dataclass(frozen=True)
class Cleaned:
    """A return to the rows of a snapshot; `safety` is the snapshot of the state before, None where nothing changed.

    `compared_with` names the snapshot. `warnings` say that another file took the place of a database since the last
    call, or that a hook failed; `hooks` are all that ran. `files` has the folders and files beside the databases,
    `left_alone` says which of them were not cleaned because only one side has them.
    """

    snapshot: str
    changed: bool
    safety: str | None
    databases: Mapping[str, CleanedDatabase]
    seconds: float
    dry_run: bool
    warnings: tuple[str, ...] = ()
    compared_with: Against | None = None
    hooks: tuple[HookRun, ...] = ()
    files: Mapping[str, RestoredFiles] = field(default_factory=dict)
    left_alone: tuple[str, ...] = ()
