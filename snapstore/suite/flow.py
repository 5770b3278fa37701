"""The flow of a suite: begin, for each test begin and end, end.

Begin: repair a suite that died, take the baseline where it does not exist yet, restore it where the state differs (both
repairs are in repair.py), take the backup. End of a test: clean up, wait until nobody writes, verify, and where the
verdict asks for it keep the state that failed, restore, and verify again (teardown.py). End: end a test that is still
open, restore the backup's content, delete the backup.

A test is compared with the state it began with. At first that is the backup. Where a test passes or fails with rows
left behind, they stay, and the next test is not blamed for them. A restore always returns to the backup. What moves
beside the rows, such as sequences, is let pass from test to test and restored at the end.
"""

from __future__ import annotations

import os
from dataclasses import replace

from snapstore.actions.check_rules import check_rules
from snapstore.actions.remove import remove
from snapstore.actions.take import TakeOptions, take
from snapstore.compare.state import State, snapshot_state
from snapstore.compare.verdicts import CLEAN, DRIFTED
from snapstore.database.file_watch import FileWatch
from snapstore.errors import DiskFull, FileError, SnapError
from snapstore.hooks.hooks import NO_HOOKS, Hooks
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.drifts import late_line, state_text
from snapstore.results.hooks import HookRun, failed, hook_text, required_failed
from snapstore.results.suites import BaselineMade, Late, Repaired, SuiteEnded, SuiteState, TestEnded
from snapstore.results.text import baseline_text
from snapstore.store import Store
from snapstore.suite.baseline import BaselineMaker
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.databases import UNREADABLE, Check, Say, SuiteDatabases
from snapstore.suite.ledger import FAILED, PASSED, Ledger
from snapstore.suite.policy import Decision, SuitePolicy
from snapstore.suite.repair import Repairer
from snapstore.suite.teardown import Teardown, TestSoFar

UNFINISHED, UNKNOWN = "unfinished", "unknown"


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
        watch: FileWatch | None = None,
        hooks: Hooks = NO_HOOKS,
        ledger: Ledger | None = None,
    ) -> None:
        self._store = store
        self._watch = watch or FileWatch(project.databases, {})
        self._progress = progress
        self._project = project
        self._policy = policy
        self._runner = runner
        self._say = say
        self._ledger = ledger or Ledger(store, project.origin)
        self._databases = SuiteDatabases(store, project, policy, say, hooks)
        self._teardown = Teardown(store, project, policy, runner, self._databases, self._watch, say)
        self._number = self._last = 0  # of the suite and of its last test, in the ledger
        self._name = ""
        self._backup: State | None = None
        self._against: State | None = None
        self._state_ok = True
        self._open: tuple[int, TestSoFar] | None = None
        self.tests: list[TestEnded] = []
        self.repaired: list[Repaired] = []
        self.left_alone: list[str] = []
        self.late: Late | None = None  # before the test that runs
        self.all_late: list[Late] = []
        self.baseline_made: BaselineMade | None = None
        self.hooks: list[HookRun] = []

    @property
    def has_open_test(self) -> bool:
        """Whether a test was begun and not ended."""
        return self._open is not None

    def begin(self, name: str, command: str, last_sign: float | None = None) -> None:
        """Repair, check, back up; `last_sign` is when a suite that died was last alive, a time of files.

        Raises what `take`, `restore` and `verify` raise, NeverRight, HookFailed.
        """
        self._name = name
        repairer = Repairer(self._store, self._project, self._policy, self._databases, self._ledger, self._say)
        for died in self._ledger.unended():
            self.repaired += repairer.after_death(died, last_sign)
        self.baseline_made = self._ready_baseline()
        if self._is_backup_of_another_run():
            repairer.leave_later_work(self._policy.backup_name)
        elif self._policy.baseline:
            self.repaired += repairer.to_baseline(self._policy.baseline)
        self.left_alone, self.hooks = repairer.left_alone, repairer.hooks
        check_rules(self._project, self._policy.rows, self._policy.timeout)
        backup = self._back_up()
        self._watch.note()
        self._number = self._ledger.begin_suite(name, command, self._policy.mode, os.getpid(), backup, self._policy.run)

    def begin_test(self, label: str, scenario: str = "") -> None:
        """Note that a test begins; one that was not ended is ended first."""
        if self._open:
            self.end_test(UNFINISHED)
        so_far = TestSoFar(label, "", scenario)
        so_far.warnings += self._watch.look()
        self._take_back_late()
        self._open = (self._ledger.begin_test(self._number, label, scenario), so_far)

    def end_test(
        self,
        outcome: str,
        seconds: float | None = None,
        decisions: dict[str, Decision] | None = None,
        *,
        fails_on_leaks: bool = False,
    ) -> TestEnded:
        """Tear the test down; return what became of it. Raises what `verify` and `restore` raise.

        With `fails_on_leaks`, a test that passed and left something is recorded as failed.
        On an error the test is recorded with an unknown verdict, and the suite must end; the next suite repairs it.
        """
        assert self._open is not None
        number, result = self._open
        self._last = number
        self._open = None
        result.outcome = outcome
        if seconds is not None:
            result.seconds["test"] = seconds
        try:
            self._teardown.run(result, self._against, self._backup, decisions or {})
            if fails_on_leaks and outcome == PASSED and result.verdict not in (None, CLEAN, DRIFTED):
                result.outcome = FAILED
        except SnapError:
            result.verdict, result.decision = result.verdict or UNKNOWN, "fail"
            raise
        finally:
            self._enter(number, result)
            ended = result.ended()
            # A suite may have thousands of tests, each with thousands of rows.
            self.tests.append(replace(ended, databases={}, databases_after={}))
        self._go_on_from(ended)
        return ended

    def end(self, exit_code: int | None = None, outcome: str | None = None) -> SuiteEnded:
        """End the suite: the last test, the backup, the ledger."""
        if self._open:
            self.end_test(UNFINISHED)
        warnings = self._watch.look()
        if warnings and self._last:
            self._ledger.warn(self._last, warnings)
        state = self._restore_content()
        told = not required_failed([*self.hooks, *(hook for test in self.tests for hook in test.hooks)])
        beside_tests = told and not (self.all_late and self._policy.late == "fail")
        is_ok = beside_tests and all(test.ok for test in self.tests)
        has_failed = bool(self._policy.run) and self._ledger.has_failed(self._number)
        ended = outcome or (PASSED if not exit_code and is_ok and not has_failed else FAILED)
        # A test that failed may pass in another worker, so the ledger judges the tests of a run when all of it is over.
        recorded = outcome or (PASSED if not exit_code and beside_tests and self._policy.run else ended)
        if self._backup and not self._policy.keep_backup and self._state_ok:
            if self._store.refs.get(self._policy.backup_name):  # unless a test did so itself
                remove(self._store, self._project, [self._policy.backup_name], force=True)
            self._say(f"deleted the backup {self._policy.backup_name}")
        elif self._backup:
            self._say(f"kept the backup {self._policy.backup_name}")
        self._ledger.end_suite(self._number, recorded, exit_code, store_bytes=self._store.bytes_used())
        self._ledger.bound(self._policy.ledger_suites)
        mode, tests = self._policy.mode, tuple(self.tests)
        return SuiteEnded(
            suite=self._number,
            name=self._name,
            mode=mode,
            outcome=ended,
            cleanup_failed=mode != "backup" and any(test.restored for test in tests),
            ok=is_ok,
            repaired=tuple(self.repaired),
            left_alone=tuple(self.left_alone),
            tests=tests,
            warnings=(*warnings, *map(hook_text, failed(self.hooks))),
            hooks=tuple(self.hooks),
            state=state,
            late=tuple(self.all_late),
            baseline_made=self.baseline_made,
        )

    def _take_back_late(self) -> None:
        """Take back what was written since the last test was verified."""
        self.late = None
        goes_on_from_backup = self._against is self._backup
        if not self._backup or not self._against or (goes_on_from_backup and not self._state_ok):
            return
        if not self._databases.has_commits():
            return
        check = self._databases.verify_settled(self._against)
        if check.state_ok or check.verdict == UNREADABLE:
            return
        self.late = self._put_back(check, self._against)

    def _put_back(self, check: Check, target: State) -> Late:
        """Restore a state that somebody wrote to after it was verified, and note what was written."""
        after = self.tests[-1].label if self.tests else ""
        recovery = self._databases.restore(target, check, f"written late, after {after}")
        self.hooks += recovery.hooks
        self._watch.note()
        tables = {name: one.tables for name, one in check.databases.items() if one.tables}
        text = state_text(check.databases) or check.verdict
        late = Late(after, check.verdict, text, tables, recovery.forensic, recovery.check.state_ok)
        self._say(late_line(late))
        if self._policy.late != "pass":
            self.all_late.append(late)
            if self._last:
                self._ledger.warn(self._last, [late_line(late)])
        return late

    def abandon(self) -> None:
        """Keep the state that the suite is left with, so that its repair knows what came later."""
        if self._backup and (kept := self._databases.keep(f"what suite {self._name} left when it was abandoned")):
            self._ledger.abandon(self._number, kept)

    def _restore_content(self) -> SuiteState | None:
        """Restore the backup's content, where nothing stays by policy; return what was there."""
        if not self._backup or not self._state_ok:
            return None
        check = self._databases.verify(self._backup)
        found = SuiteState(
            check.verdict,
            state_text(check.databases) or check.verdict,
            restored=False,
            verdict_after=None,
            kept=None,
            tables={name: one.tables for name, one in check.databases.items() if one.tables},
            compared_with=check.compared_with,
        )
        if check.verdict == CLEAN:
            return found
        if check.state_ok:
            done = self._databases.put_back_content(self._backup)
            kept, after = done.safety, done.check
            self.hooks += done.hooks
        else:
            late = self._put_back(check, self._backup)
            kept, after = late.kept, self._databases.verify(self._backup)
        self._state_ok = after.state_ok
        self._watch.note()
        return replace(found, restored=True, verdict_after=after.verdict, kept=kept)

    def _enter(self, number: int, result: TestSoFar) -> None:
        """Enter the test in the ledger. A full disk costs no more than that entry: the state is more important."""
        try:
            against = result.compared_with
            self._ledger.end_test(
                number, result.columns(), result.attempts, result.stages, against, warnings=result.warnings
            )
        except (DiskFull, FileError) as error:
            self._say(f"'{result.label}' cannot be recorded: {error}")

    def _go_on_from(self, result: TestEnded) -> None:
        """Note which state the next test begins with."""
        if result.restored:
            self._against, self._state_ok = self._backup, bool(result.state_ok)
        elif result.state_ok is False and self._backup:
            self._state_ok = False
            if result.forensic:
                self._against = snapshot_state(self._store, result.forensic, f"what '{result.label}' left")

    def _is_backup_of_another_run(self) -> bool:
        """Tell whether the baseline is a backup that an earlier run of a test runner left."""
        is_backup = self._policy.baseline == self._policy.backup_name
        return is_backup and self._policy.run is not None and self._ledger.suite_of(self._policy.run) is None

    def _ready_baseline(self) -> BaselineMade | None:
        """Take or make the baseline where that is needed; return it then."""
        policy = self._policy
        if policy.mode == "cleanup" and policy.takes_baseline and not self._store.refs.get(policy.baseline or ""):
            self._policy = replace(policy, baseline=None)  # neither backups nor baselines are made
        maker = BaselineMaker(
            self._store, self._project, policy, self._databases, self._runner, self._say, self._progress
        )
        made = maker.ensure(self._name)
        if made:
            self._say(baseline_text(made))
        return made

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
