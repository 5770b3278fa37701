"""The flow of a suite: begin, for each test begin and end, end.

Begin: a suite that died is repaired, the starting state is checked against the baseline where one is named, the
backup is taken. End of a test: clean up, wait until nobody writes, verify, and where the verdict asks for it keep the
state that failed, restore, and verify again (aftermath.py). End: put right what a test left open, delete the backup.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from snapstore.actions.keep import keep_state
from snapstore.actions.remove import remove
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.state import State, snapshot_state
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.errors import NoSnapshot
from snapstore.history.snapshot import FORENSIC
from snapstore.hybrid.aftermath import Aftermath, TestResult
from snapstore.hybrid.cleanup import CleanupRunner
from snapstore.hybrid.ledger import DIED, FAILED, PASSED, Ledger, SuiteRow
from snapstore.hybrid.policy import SuitePolicy
from snapstore.project import Project
from snapstore.store import Store

Say = Callable[[str], None]
"""Told each step that was done, in a line."""


@dataclass(frozen=True)
class Repaired:
    """What was put right before a suite began: a suite that died, or a state that was not the baseline."""

    what: str
    verdict: str
    forensic: str


@dataclass(frozen=True)
class SuiteResult:
    """What a suite came to."""

    name: str
    outcome: str
    tests: list[TestResult]
    repaired: list[Repaired]

    @property
    def cleanup_failed(self) -> bool:
        """Whether the state of any test had to be restored."""
        return any(test.restored for test in self.tests)


class Suite:
    """A suite that runs. The caller holds the run mark (mark.py) from before `begin` until after `end`."""

    def __init__(self, store: Store, project: Project, policy: SuitePolicy, runner: CleanupRunner, say: Say) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._runner = runner
        self._say = say
        self._ledger = Ledger(store, project.origin)
        self._number = 0
        self._name = ""
        self._against: State | None = None
        self._open: tuple[int, str, str] | None = None
        self.tests: list[TestResult] = []
        self.repaired: list[Repaired] = []

    def begin(self, name: str, command: str) -> None:
        """Repair, check, back up. Raises what `take`, `restore` and `verify` raise, NoSnapshot."""
        self._name = name
        for died in self._ledger.unended():
            self._repair(died)
        if self._policy.baseline:
            self._check_baseline(self._policy.baseline)
        backup = self._back_up()
        self._number = self._ledger.begin_suite(name, command, self._policy.mode, os.getpid(), backup)

    def begin_test(self, label: str, scenario: str = "") -> None:
        """Note that a test begins; one that was not ended is ended first."""
        if self._open:
            self.end_test("unfinished")
        self._open = (self._ledger.begin_test(self._number, label, scenario), label, scenario)

    def end_test(self, outcome: str, seconds: float | None = None) -> TestResult:
        """Clean up after the test and see what it came to."""
        assert self._open is not None
        number, label, _ = self._open
        after = Aftermath(self._store, self._project, self._policy, self._runner, self._say, self._against)
        result = after.run(label, outcome, seconds)
        self._open = None
        self._ledger.end_test(number, result.columns(), result.attempts, result.stages)
        self.tests.append(result)
        return result

    def end(self, exit_code: int | None = None, outcome: str | None = None) -> SuiteResult:
        """End the suite: the last test, the backup, the books."""
        if self._open:
            self.end_test("unfinished")
        said = outcome or (PASSED if not exit_code and all(test.passes for test in self.tests) else FAILED)
        is_right = all(test.is_right for test in self.tests)
        if self._policy.mode != "cleanup" and not self._policy.keep_backup and is_right:
            remove(self._store, self._project, [self._policy.backup_name], force=True)
            self._say(f"deleted the backup {self._policy.backup_name}")
        self._ledger.end_suite(self._number, said, exit_code, store_bytes=self._store.bytes_used())
        self._ledger.bound(self._policy.ledger_suites)
        return SuiteResult(self._name, said, self.tests, self.repaired)

    def _repair(self, died: SuiteRow) -> None:
        """Put back the state before a suite that never ended."""
        if died.backup and self._store.snapshots.exists(died.backup):
            self._put_right(died.backup, f"suite '{died.name}' of {died.started}, which never ended")
        self._ledger.end_suite(died.suite, DIED, repaired=bool(died.backup))

    def _check_baseline(self, baseline: str) -> None:
        id_ = self._store.revisions(self._project.origin).resolve(baseline)
        self._put_right(id_, f"a state that is not {baseline}")

    def _put_right(self, id_: str, what: str) -> None:
        """Restore a snapshot where the live databases are not clean against it."""
        options = VerifyOptions(
            snapshot_state(self._store, id_, id_), policy=self._policy.rows, timeout=self._policy.timeout
        )
        found = verify(self._store, self._project, options)
        if found.ok:
            return
        forensic = keep_state(self._store, self._project, FORENSIC, f"before repair: {what}", self._policy.timeout)
        restore(self._store, self._project, RestoreOptions(id_, timeout=self._policy.timeout))
        if not verify(self._store, self._project, options).ok:
            raise NoSnapshot("clean state to start from")
        self.repaired.append(Repaired(what, found.verdict, forensic))
        self._say(f"repaired {what}: it was {found.verdict}, kept as {forensic[:10]}")

    def _back_up(self) -> str | None:
        if self._policy.mode == "cleanup":
            if self._policy.baseline:
                id_ = self._store.revisions(self._project.origin).resolve(self._policy.baseline)
                self._against = snapshot_state(self._store, id_, self._policy.baseline)
            return None
        taken = take(
            self._store,
            self._project,
            TakeOptions(
                self._policy.backup_name, f"suite {self._name}", "backup", force=True, timeout=self._policy.timeout
            ),
        )
        self._against = snapshot_state(self._store, taken.snapshot, self._policy.backup_name)
        self._say(f"backed up as {self._policy.backup_name} ({taken.seconds:.2f} s)")
        return taken.snapshot
