"""The flow of a suite: begin, for each test begin and end, end.

Begin: repair a suite that died, take the baseline where it does not exist yet, restore it where the state differs (both
repairs are in repair.py), take the backup. End of a test: clean up, wait until nobody writes, verify, and where the
verdict asks for it keep the state that failed, restore, and verify again (teardown.py). End: end a test that is still
open, restore the backup's content, delete the backup.

A test is compared with the state it began with. At first that is the backup. Where a test passes or fails with rows
left behind, they stay, and the next test is not blamed for them. A restore always returns to the backup. What moves
beside the rows, such as sequences, is let pass from test to test and restored at the end. In the mode `chain` nothing
is verified: each test begins with what the one before left (chain.py).

A suite of a run may be paused and resumed, by another process too: the state and the backup stay as they are.
"""

from __future__ import annotations

import os
from dataclasses import replace

from snapstore.actions.check_rules import check_rules
from snapstore.actions.restore import Later
from snapstore.compare.state import State, snapshot_state
from snapstore.compare.verdicts import CLEAN, DRIFTED
from snapstore.database.file_watch import FileWatch
from snapstore.errors import DiskFull, FileError, SnapError
from snapstore.hooks.hooks import NO_HOOKS, Hooks
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.drifts import late_line
from snapstore.results.files import short
from snapstore.results.hooks import HookRun, failed, hook_text, required_failed
from snapstore.results.kept import KeptState
from snapstore.results.suites import BaselineMade, Late, Repaired, SuiteEnded, SuiteState, TestEnded, TestFailed
from snapstore.results.text import baseline_text
from snapstore.store import Store
from snapstore.suite.backup import BackupKeeper
from snapstore.suite.baseline import BaselineMaker
from snapstore.suite.chain import Chain
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.databases import Say, SuiteDatabases
from snapstore.suite.keeper import Failures, Home, Keeper
from snapstore.suite.kept_ledger import names_kept
from snapstore.suite.ledger import FAILED, PASSED, Ledger
from snapstore.suite.ledger_rows import SuiteRow
from snapstore.suite.parts import DIED
from snapstore.suite.policy import CHAIN, Decision, Keep, SuitePolicy
from snapstore.suite.repair import Repairer
from snapstore.suite.returning import Returner
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
        home: Home | None = None,
        later: Later | None = None,
    ) -> None:
        self._store = store
        self._watch = watch or FileWatch(project.databases, {})
        self._progress = progress
        self._project = project
        self._policy = policy
        self._runner = runner
        self._say = say
        self._ledger = ledger or Ledger(store, project.origin)
        self._databases = SuiteDatabases(store, project, policy, say, hooks, later)
        self._teardown = Teardown(store, project, policy, runner, self._databases, self._watch, say)
        self._chain = Chain(store, self._ledger.begun, self._databases) if policy.mode == CHAIN else None
        self._goes_on = policy.mode == CHAIN  # from something else than the backup
        self._number = self._last = 0  # of the suite and of its last test, in the ledger
        self._name = ""
        self._backup: State | None = None
        self._against: State | None = None
        self._state_ok = True
        self._open: tuple[int, TestSoFar] | None = None
        self.began_with: str | None = None  # the snapshot that the test that runs began with, in a chain
        self.is_back = False  # whether that is the state before an attempt that failed
        self.tests: list[TestEnded] = []
        self.repaired: list[Repaired] = []
        self.left_alone: list[str] = []
        self.late: Late | None = None  # before the test that runs
        self.baseline_made: BaselineMade | None = None
        self.hooks: list[HookRun] = []
        self._returner = Returner(self._databases, policy, self._watch, say, self.hooks)
        self._keeper = Keeper(self._databases, policy, store, home or Home(store, project), say)
        self._failures = Failures()

    @property
    def all_late(self) -> list[Late]:
        """What was written late in the whole suite, unless the policy lets that pass."""
        return self._returner.late

    @property
    def has_run(self) -> bool:
        """Whether it is part of a run of a test runner."""
        return self._policy.run is not None

    @property
    def has_open_test(self) -> bool:
        """Whether a test was begun and not ended."""
        return self._open is not None

    def begin(self, name: str, command: str, last_sign: float | None = None, *, resumes: bool = False) -> bool:
        """Repair, check, back up; `last_sign` is when a suite that died was last alive, a time of files.

        With `resumes`, go on with the suite of the policy's run if it has not ended; return whether that was so.
        Raises what `take`, `restore` and `verify` raise, NeverRight, HookFailed.
        """
        self._name = name
        if resumes and (paused := self._ledger.unended_of(self._policy.run)):
            self._resume(paused, name, command)
            return True
        repairer = Repairer(
            self._store, self._project, self._policy, self._databases, self._ledger, self._keeper, self._say
        )
        for died in self._ledger.unended():
            self.repaired += repairer.after_death(died, last_sign)
        self.baseline_made = self._ready_baseline()
        if self._is_backup_of_another_run():
            repairer.leave_later_work(self._policy.backup_name)
        elif self._policy.baseline:
            self.repaired += repairer.to_baseline(self._policy.baseline)
        self.left_alone = repairer.left_alone
        self.hooks += repairer.hooks
        check_rules(self._project, self._policy.rows, self._policy.timeout)
        backup = self._back_up()
        self._watch.note()
        self._number = self._ledger.begin_suite(name, command, self._policy.mode, os.getpid(), backup, self._policy.run)
        return False

    def begin_test(self, label: str, scenario: str = "", *, again: bool = False) -> None:
        """Note that a test begins; one that was not ended is ended first.

        In a chain, `again` restores what the last attempt at the test began with.
        """
        if self._open:
            self.end_test(UNFINISHED)
        self._failures = Failures()
        so_far = TestSoFar(label, "", scenario)
        so_far.warnings += self._watch.look()
        if self._chain and again:
            hooks = self._chain.return_before(self._number, label, scenario)
            self.is_back = hooks is not None
            self.hooks += hooks or ()
            self._watch.note()
        else:
            self.is_back = False
            self._take_back_late()
        number = self._ledger.begin_test(self._number, label, scenario)
        self.began_with = self._chain.begin(number, label) if self._chain else None
        self._open = (number, so_far)

    def fail_test(self, label: str | None = None, taken: str | None = None) -> TestFailed:
        """Keep the state of the test that runs, which has just failed; `label` names a part of it that did.

        With `taken`, the snapshot of that id has the state.
        """
        assert self._open is not None
        return self._keeper.at_once(self._failures, label or self._open[1].label, self._began(), taken)

    def end_test(
        self,
        outcome: str,
        seconds: float | None = None,
        decisions: dict[str, Decision] | None = None,
        *,
        fails_on_leaks: bool = False,
        keep: Keep | None = None,
    ) -> TestEnded:
        """Tear the test down; return what became of it. Raises what `verify` and `restore` raise.

        With `fails_on_leaks`, a test that passed and left something is recorded as failed. `keep` overrides the policy.
        On an error the test is recorded with an unknown verdict, and the suite must end; the next suite repairs it.
        """
        assert self._open is not None
        number, result = self._open
        self._last = number
        self._open = None
        result.outcome = outcome
        if seconds is not None:
            result.seconds["test"] = seconds
        began, inside = self._began(), self._ledger.kept.of_test(number)
        try:
            if not inside:  # a test runner in this test has kept the states of its own
                self._keeper.before_cleanup(self._failures, result, began, keep)
            if self._chain:
                self._chain.end(result, self.began_with)
            else:
                self._teardown.run(result, self._against, self._backup, decisions or {})
            if fails_on_leaks and outcome == PASSED and result.verdict not in (None, CLEAN, DRIFTED):
                result.outcome = FAILED
            if not inside:
                self._keeper.after_restore(self._failures, result, began, keep)
        except SnapError:
            result.verdict, result.decision = result.verdict or UNKNOWN, "fail"
            raise
        finally:
            result.kept = (*inside, *self._failures.kept)
            result.warnings += self._failures.warnings
            self._enter(number, result)
            ended = result.ended()
            # A suite may have thousands of tests, each with thousands of rows.
            self.tests.append(
                replace(ended, databases={}, databases_after={}, files=short(ended.files), files_after={})
            )
        self._go_on_from(ended)
        return ended

    def end(self, exit_code: int | None = None, outcome: str | None = None, *, pauses: bool = False) -> SuiteEnded:
        """End the suite: the last test, the backup, the ledger. With `pauses`, end the last test and leave the rest."""
        if self._open:
            self.end_test(UNFINISHED)
        warnings = self._watch.look()
        if warnings and self._last:
            self._ledger.warn(self._last, warnings)
        state = None if pauses else self._restore_content()
        told = not required_failed([*self.hooks, *(hook for test in self.tests for hook in test.hooks)])
        beside_tests = told and not (self.all_late and self._policy.late == "fail")
        is_ok = beside_tests and all(test.ok for test in self.tests)
        has_failed = bool(self._policy.run) and self._ledger.has_failed(self._number)
        ended = outcome or (PASSED if not exit_code and is_ok and not has_failed else FAILED)
        if pauses:
            self._note_left(self._chain.last if self._chain else None)
            self._ledger.pause(self._number)
        else:
            if self._backup and not self._policy.keep_backup and (self._state_ok or not self._restores):
                self._backups().delete()
            elif self._backup:
                self._say(f"kept the backup {self._policy.backup_name}")
            # A test that failed may pass in another worker, so the ledger judges the tests of a run when it is over.
            recorded = outcome or (PASSED if not exit_code and beside_tests and self._policy.run else ended)
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
            paused=pauses,
            kept=self.names_kept(),
        )

    @property
    def _restores(self) -> bool:
        """Whether the policy restores anything; where it does not, a suite that is resumed may have a backup."""
        return self._policy.mode != "cleanup"

    @property
    def _last_label(self) -> str:
        return self.tests[-1].label if self.tests else ""

    def _resume(self, paused: SuiteRow, name: str, command: str) -> None:
        """Go on with a suite: the state stays as it is, and a test that never ended is on record as died."""
        for test in self._ledger.open_tests(paused.suite):
            self._ledger.end_test(test, TestSoFar("", DIED).columns(), [], {})
        self._backup = self._backups().taken(paused.backup)
        self._against = self._backup or self._backups().stand_in()
        self._goes_on = True
        self._watch.note()
        mode, run = self._policy.mode, self._policy.run
        self._number = self._ledger.begin_suite(name, command, mode, os.getpid(), paused.backup, run)

    def _take_back_late(self) -> None:
        """Take back what was written since the last test was verified."""
        self.late = None
        goes_on_from_backup = self._against is self._backup
        if self._goes_on or not self._backup or not self._against or (goes_on_from_backup and not self._state_ok):
            return
        self.late = self._returner.take_back_late(self._against, self._last_label)
        if self.late in self.all_late and self._last:
            self._ledger.warn(self._last, [late_line(self.late)])

    def all_kept(self) -> list[KeptState]:
        """Return the states that tests of this suite failed with, in all workers of the run so far."""
        return self._ledger.kept.of_suite(self._number)

    def names_kept(self) -> tuple[str, ...]:
        """Return the names of the states that tests of this suite failed with, in all workers of the run so far."""
        return names_kept(self.all_kept())

    def _began(self) -> State | None:
        """Return what the test that runs began with, None where that is not known."""
        if not self._chain:
            return self._against
        return snapshot_state(self._store, self.began_with, "what it began with") if self.began_with else None

    def abandon(self) -> None:
        """Keep the state that the suite is left with, so that its repair knows what came later."""
        if self._backup:
            self._note_left(self._databases.keep(f"what suite {self._name} left when it was abandoned"))

    def _note_left(self, state: str | None) -> None:
        if state:
            self._ledger.abandon(self._number, state)

    def _restore_content(self) -> SuiteState | None:
        """Restore the backup's content, where nothing stays by policy; return what was there."""
        if not self._backup or not self._state_ok or not self._restores:
            return None
        told = len(self.all_late)
        ended_by = self._name if self._goes_on else None
        found, self._state_ok = self._returner.to_content(self._backup, self._last_label, ended_by)
        if self._last:
            self._ledger.warn(self._last, [late_line(late) for late in self.all_late[told:]])
        return found

    def _enter(self, number: int, result: TestSoFar) -> None:
        """Enter the test in the ledger. A full disk costs no more than that entry: the state is more important."""
        try:
            against = result.compared_with
            self._ledger.end_test(
                number, result.columns(), result.attempts, result.stages, against, warnings=result.warnings
            )
            for one in self._failures.kept:
                self._ledger.kept.note(number, one)
        except (DiskFull, FileError) as error:
            self._say(f"'{result.label}' cannot be recorded: {error}")

    def _go_on_from(self, result: TestEnded) -> None:
        """Note which state the next test begins with."""
        if self._chain:
            return
        self._goes_on = False
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
            self._policy = policy._replace(baseline=None)  # neither backups nor baselines are made
        maker = BaselineMaker(
            self._store, self._project, policy, self._databases, self._runner, self._say, self._progress
        )
        made = maker.ensure(self._name)
        if made:
            self._say(baseline_text(made))
        return made

    def _back_up(self) -> str | None:
        """Take the backup and return its snapshot; without one, tests are compared with the baseline."""
        if self._policy.mode == "cleanup":
            self._against = self._backups().stand_in()
            return None
        snapshot, self._backup = self._backups().take(self._name)
        self._against = self._backup
        return snapshot

    def _backups(self) -> BackupKeeper:
        return BackupKeeper(self._store, self._project, self._policy, self._say, self._progress)
