"""What a suite is told: its mode, its cleanup steps, and what follows from each verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from snapstore.actions.policy import NOTHING_IGNORED, Policy
from snapstore.actions.verdicts import CLEAN, DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED
from snapstore.store import DEFAULT_TIMEOUT

Mode = Literal["hybrid", "backup", "cleanup"]
MODES: tuple[Mode, ...] = ("hybrid", "backup", "cleanup")
"""hybrid: clean up, restore where that failed; backup: restore without cleaning up; cleanup: no backup, no restore."""

Decision = Literal["pass", "warn", "fail", "restore"]
DECISIONS: tuple[Decision, ...] = ("pass", "warn", "fail", "restore")
DEFAULT_DECISIONS: dict[str, Decision] = {
    CLEAN: "pass",
    DRIFTED: "pass",
    LEAKED: "restore",
    DAMAGED: "restore",
    SCHEMA_CHANGED: "restore",
}


@dataclass(frozen=True)
class CleanupStep:
    """A command or a SQL script; `timeout` in seconds.

    A command is one line for the shell. A script runs on the live database `database`, in one transaction.
    """

    name: str
    command: str | None = None
    sql: str | None = None
    database: str | None = None
    timeout: float = 60.0


@dataclass(frozen=True)
class SuitePolicy:
    """How a suite is run.

    A step that fails is tried `attempts` times in all, `backoff` seconds later at first and twice as long each time.
    The database has to be `quiet` seconds without a write before it is verified; `quiet_limit` bounds the waiting.
    """

    mode: Mode = "hybrid"
    cleanup: tuple[CleanupStep, ...] = ()
    attempts: int = 3
    backoff: float = 0.5
    quiet: float = 0.1
    quiet_limit: float = 5.0
    decisions: dict[str, Decision] = field(default_factory=lambda: dict(DEFAULT_DECISIONS))
    baseline: str | None = None
    backup_name: str = "e2e-backup"
    keep_backup: bool = False
    rows: Policy = NOTHING_IGNORED
    timeout: float = DEFAULT_TIMEOUT
    ledger_suites: int = 1000
