"""The flow of a suite: begin, for each test begin and end, end.

Begin: a suite that died is repaired, the starting state is checked against the baseline where one is named (both in
repair.py), the backup is taken. End of a test: clean up, wait until nobody writes, verify, and where the verdict asks
for it keep the state that failed, restore, and verify again (aftermath.py). End: put right what a test left open,
delete the backup.

A test is compared with the state it began with. That is the backup, until a test is let pass, or fails, with rows left
behind: they are kept as they are, and the next test is not blamed for them. The way back is always to the backup.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from snapstore.actions.remove import remove
from snapstore.actions.state import State, snapshot_state
from snapstore.actions.take import TakeOptions, take
from snapstore.errors import DiskFull, FileError, SnapError
from snapstore.hybrid.aftermath import Aftermath, TestResult
from snapstore.hybrid.cleanup import CleanupRunner
from snapstore.hybrid.ledger import FAILED, PASSED, Ledger
from snapstore.hybrid.policy import Decision, Mode, SuitePolicy
from snapstore.hybrid.repair import Repaired, Repairer
from snapstore.hybrid.safety_net import SafetyNet, Say
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store

UNFINISHED, UNKNOWN = "unfinished", "unknown"


@dataclass(frozen=True)
class SuiteResult:
    """What a suite came to; `suite` is its number in the ledger, `left_alone` what was not put right before it."""

    suite: int
    name: str
    mode: Mode
    outcome: str
    tests: list[TestResult]
    repaired: list[Repaired]
    left_alone: list[str]

    @property
    def cleanup_failed(self) -> bool:
        """Whether the state had to be restored after a test that was to be cleaned up after."""
        return self.mode != "backup" and any(test.restored for test in self.tests)


class Suite:
    """A suite that runs. The caller holds the run mark (mark.py) from before `begin` until after `end`."""

    def __init__(
        self,
        store: Store,
        project: Project,
        policy: SuitePolicy,
        runner: CleanupRunner,
        say: Say,
        progress: Progress = SILENT,
    ) -> None:
        self._store = store
        self._progress = progress
        self._project = project
        self._policy = policy
        self._say = say
        self._ledger = Ledger(store, project.origin)
        self._net = SafetyNet(store, project, policy, say)
        self._aftermath = Aftermath(store, project, policy, runner, self._net, say)
        self._number = 0
        self._name = ""
        self._backup: State | None = None
        self._against: State | None = None
        self._is_right = True
        self._open: tuple[int, TestResult] | None = None
        self.tests: list[TestResult] = []
        self.repaired: list[Repaired] = []
        self.left_alone: list[str] = []

    @property
    def has_open_test(self) -> bool:
        """Whether a test was begun and not ended."""
        return self._open is not None

    def begin(self, name: str, command: str) -> None:
        """Repair, check, back up. Raises what `take`, `restore` and `verify` raise, NeverRight."""
        self._name = name
        repairer = Repairer(self._store, self._project, self._policy, self._net, self._say)
        for died in self._ledger.unended():
            self.repaired += repairer.after_death(died)
        if self._policy.baseline:
            self.repaired += repairer.to_baseline(self._policy.baseline)
        self.left_alone = repairer.left_alone
        backup = self._back_up()
        self._number = self._ledger.begin_suite(name, command, self._policy.mode, os.getpid(), backup)

    def begin_test(self, label: str, scenario: str = "") -> None:
        """Note that a test begins; one that was not ended is ended first."""
        if self._open:
            self.end_test(UNFINISHED)
        self._open = (self._ledger.begin_test(self._number, label, scenario), TestResult(label, "", scenario))

    def end_test(
        self, outcome: str, seconds: float | None = None, decisions: dict[str, Decision] | None = None
    ) -> TestResult:
        """Clean up after the test and see what it came to. Raises what `verify` and `restore` raise.

        On an error the test is on record with an unknown verdict, and the suite has to end: the next one repairs it.
        """
        assert self._open is not None
        number, result = self._open
        self._open = None
        result.outcome = outcome
        if seconds is not None:
            result.seconds["test"] = seconds
        try:
            self._aftermath.run(result, self._against, self._backup, decisions or {})
        except SnapError:
            result.verdict, result.decision = result.verdict or UNKNOWN, "fail"
            raise
        finally:
            self._enter(number, result)
            self.tests.append(result)
        self._go_on_from(result)
        return result

    def end(self, exit_code: int | None = None, outcome: str | None = None) -> SuiteResult:
        """End the suite: the last test, the backup, the books."""
        if self._open:
            self.end_test(UNFINISHED)
        said = outcome or (PASSED if not exit_code and all(test.passes for test in self.tests) else FAILED)
        if self._backup and not self._policy.keep_backup and self._is_right:
            if self._store.refs.get(self._policy.backup_name):  # unless a test did so itself
                remove(self._store, self._project, [self._policy.backup_name], force=True)
            self._say(f"deleted the backup {self._policy.backup_name}")
        elif self._backup:
            self._say(f"kept the backup {self._policy.backup_name}")
        self._ledger.end_suite(self._number, said, exit_code, store_bytes=self._store.bytes_used())
        self._ledger.bound(self._policy.ledger_suites)
        return SuiteResult(
            self._number, self._name, self._policy.mode, said, self.tests, self.repaired, self.left_alone
        )

    def _enter(self, number: int, result: TestResult) -> None:
        """Put the test on record; where there is no space for that, the state is more important."""
        try:
            self._ledger.end_test(number, result.columns(), result.attempts, result.stages)
        except (DiskFull, FileError) as error:
            self._say(f"'{result.label}' cannot be put on record: {error}")

    def _go_on_from(self, result: TestResult) -> None:
        """Note which state the next test begins with."""
        if result.restored:
            self._against, self._is_right = self._backup, bool(result.is_right)
        elif result.is_right is False and self._backup:
            self._is_right = False
            if result.forensic:
                self._against = snapshot_state(self._store, result.forensic, f"what '{result.label}' left")

    def _back_up(self) -> str | None:
        """Take the backup; without one, tests are compared with the baseline where one is named."""
        if self._policy.mode == "cleanup":
            if self._policy.baseline:
                id_ = self._store.revisions(self._project.origin).resolve(self._policy.baseline)
                self._against = snapshot_state(self._store, id_, self._policy.baseline)
            return None
        options = TakeOptions(
            self._policy.backup_name, f"suite {self._name}", "backup", force=True, timeout=self._policy.timeout
        )
        taken = take(self._store, self._project, options, self._progress)
        self._backup = self._against = snapshot_state(self._store, taken.snapshot, self._policy.backup_name)
        stored = sum(one.stored_bytes for one in taken.databases.values())
        self._say(f"backed up as {self._policy.backup_name}: {stored:,} bytes stored ({taken.seconds:.2f} s)")
        return taken.snapshot
