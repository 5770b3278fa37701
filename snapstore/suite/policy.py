"""What a suite is told: its mode, its cleanup steps, and what follows from each verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.verdicts import CLEAN, DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED
from snapstore.history.retention import MOST_STATES
from snapstore.store import DEFAULT_TIMEOUT

Mode = Literal["hybrid", "backup", "cleanup", "chain"]
MODES: tuple[Mode, ...] = ("hybrid", "backup", "cleanup")
"""hybrid: clean up, restore where that failed; backup: restore without cleaning up; cleanup: no backup, no restore.

These three are configured; a test runner may begin a suite in the mode `CHAIN` as well.
"""
CHAIN: Mode = "chain"
"""Each test begins with what the one before left; nothing is verified, and the backup is restored at the end."""

Decision = Literal["pass", "warn", "fail", "restore"]
DECISIONS: tuple[Decision, ...] = ("pass", "warn", "fail", "restore")
DEFAULT_DECISIONS: Mapping[str, Decision] = {
    CLEAN: "pass",
    DRIFTED: "pass",
    LEAKED: "restore",
    DAMAGED: "restore",
    SCHEMA_CHANGED: "restore",
}


Late = Literal["pass", "warn", "fail"]
LATE: tuple[Late, ...] = ("pass", "warn", "fail")
"""pass: say nothing; warn: name them; fail: the suite fails."""

Keep = Literal["failed", "left", "never"]
LEFT: Keep = "left"
NEVER: Keep = "never"
KEEP: tuple[Keep, ...] = ("failed", LEFT, NEVER)
"""Which states get a name: of tests that failed; also of those that passed and left something; or none."""

AUTO = "auto"
"""The word for a `quiet` of None, in the configuration and in calls."""

EXIT_RESTORED = 3  # of `snap run`: the command passed, cleanup failed, the state was restored


class CleanupStep(NamedTuple):
    """A command or a SQL script; `timeout` in seconds.

    A command is one line for the shell. A script runs on the live database `database`, in one transaction.
    """

    name: str
    command: str | None = None
    sql: str | None = None
    database: str | None = None
    timeout: float = 60.0


class Recipe(NamedTuple):
    """How the baseline `name` is made: a line for the shell, run in `folder` for `timeout` seconds at most.

    It is made again when the files that match `inputs` (globs relative to `folder`) have changed.
    """

    name: str
    make: str
    inputs: tuple[str, ...]
    folder: str
    timeout: float = 600.0


class PushTo(NamedTuple):
    """The remote that the states of failed tests are pushed to at the end of a suite, and what its run is called."""

    remote: str
    run: str

    def name_of(self, kept: str) -> str:
        """Return the name on the remote of a state that has a name here."""
        return f"{kept}@{self.run}"


class SuitePolicy(NamedTuple):
    """How a suite is run.

    A step that fails is tried `attempts` times in all, `backoff` seconds later at first and twice as long each time.
    `exit_restored` is what `snap run` ends with if the command passed and the state had to be restored.
    `baseline` is the state to begin with; where `takes_baseline`, the present state becomes it if it does not exist.
    With a `recipe`, the recipe makes it, and makes it again when its inputs change.
    The database must have no write for `quiet` seconds before it is verified; `quiet_limit` bounds the wait. With None
    it is verified at once, and again if somebody commits meanwhile; writers are waited for.
    `run` names a run of a test runner: all suites of it are one suite in the ledger.
    `late` says what becomes of rows that are written after a test was verified; they are taken back in any case.
    `keep` says which states get a name, and `keep_states` how many stay. `push_states` is the remote that those of the
    suite are pushed to at its end, `push_to` the same with the name of the run.
    If it `shortens`, the rows of results have a LongValue for each long value.
    """

    mode: Mode = "hybrid"
    cleanup: tuple[CleanupStep, ...] = ()
    attempts: int = 3
    backoff: float = 0.5
    quiet: float | None = None
    quiet_limit: float = 5.0
    decisions: Mapping[str, Decision] = DEFAULT_DECISIONS
    late: Late = "warn"
    baseline: str | None = None
    takes_baseline: bool = False
    run: str | None = None
    recipe: Recipe | None = None
    backup_name: str = "e2e-backup"
    keep_backup: bool = False
    keep: Keep = "failed"
    keep_states: int = MOST_STATES
    push_states: str | None = None
    push_to: PushTo | None = None
    rows: Policy = NOTHING_IGNORED
    timeout: float = DEFAULT_TIMEOUT
    ledger_suites: int = 1000
    exit_restored: int = EXIT_RESTORED
    shortens: bool = False
