"""What applying a patch did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snapstore.results.hooks import HookRun
from snapstore.results.rows import Counts


@dataclass(frozen=True)
class AppliedDatabase:
    """What was written: rows by table, statements in all.

    `is_start` tells whether the content was exactly the one that the patch starts from; None if the patch does not
    name it. In either case all rows and objects that the patch changes were as it expects them.
    """

    tables: Mapping[str, Counts]
    statements: int
    is_start: bool | None


@dataclass(frozen=True)
class Applied:
    """An applied patch; `safety` is the snapshot of the state before, None where nothing changed.

    `warnings` say that another file took the place of a database since the last call, or that a hook failed; `hooks`
    are all that ran.
    """

    changed: bool
    safety: str | None
    databases: Mapping[str, AppliedDatabase]
    seconds: float
    dry_run: bool
    warnings: tuple[str, ...] = ()
    hooks: tuple[HookRun, ...] = ()
