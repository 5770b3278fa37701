"""Repair before a suite begins: after a suite that died, or where the state is not the baseline."""

from __future__ import annotations

import time
from collections.abc import Sequence

from snapstore.compare.state import State, snapshot_state
from snapstore.compare.verdicts import CLEAN
from snapstore.errors import HookFailed, NeverRight
from snapstore.history.reflog import HEAD, UNDOABLE
from snapstore.ids import short
from snapstore.project import Project
from snapstore.results.drifts import state_text
from snapstore.results.file_text import files_text
from snapstore.results.hooks import HookRun, required_failed
from snapstore.results.left import tables_text
from snapstore.results.suites import Repaired
from snapstore.results.text import against_text
from snapstore.store import Store
from snapstore.suite.databases import UNREADABLE, Check, Say, SuiteDatabases
from snapstore.suite.keeper import Keeper
from snapstore.suite.ledger import Ledger
from snapstore.suite.ledger_rows import SuiteRow
from snapstore.suite.parts import DIED
from snapstore.suite.policy import SuitePolicy
from snapstore.suite.teardown import TestSoFar

AFTERMATH_SECONDS = 5.0
"""How long after its last sign of life a run may still write: the requests that it made go on without it."""


class Repairer:
    """Repairs the live databases of a project before a suite begins; where there is no backup, only reports."""

    def __init__(
        self,
        store: Store,
        project: Project,
        policy: SuitePolicy,
        databases: SuiteDatabases,
        ledger: Ledger,
        keeper: Keeper,
        say: Say,
    ) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._databases = databases
        self._keeper = keeper
        self._say = say
        self._ledger = ledger
        self.left_alone: list[str] = []
        self.hooks: list[HookRun] = []

    def after_death(self, died: SuiteRow, last_sign: float | None = None) -> list[Repaired]:
        """Restore the state before a suite that never ended, and end it in the ledger. Raises NeverRight, HookFailed.

        What somebody else wrote after its last sign of life, a time of files, is kept. The state of a test that was
        under way then gets the name of a failed test.
        """
        what = f"suite '{died.name}' of {died.started[:19]}Z, which never ended"
        if self._policy.mode == "cleanup":
            self.left_alone.append(f"{what}; there is no backup and no restore this time")
            return []
        repaired = []
        open_test, open_tests = TestSoFar("", DIED), self._ledger.open_tests(died.suite)
        if died.backup is None or not self._store.snapshots.exists(died.backup):
            self.left_alone.append(f"{what}; it had no backup")
        elif self._was_left(died, died.backup):
            self.left_alone.append(f"{what}; the databases were put into another state since")
        else:
            target = snapshot_state(self._store, died.backup, "the state before it")
            self._databases.wait_until_quiet()  # what it started may still be at work
            if later := self._written_later(died, target, last_sign):
                bring = f"'snap restore {short(died.backup)}' brings the state before it"
                self.left_alone.append(f"{what}; what was written after it is kept: {later}; {bring}")
            else:
                repaired = self._restored(target, what, open_test)
        if open_test.forensic and len(open_tests) == 1:
            self._name_state(died, open_tests[0], open_test)
        for test in open_tests:
            self._ledger.end_test(test, open_test.columns(), [], open_test.stages, open_test.compared_with)
        self._ledger.end_suite(
            died.suite, DIED, repaired=bool(died.backup), store_bytes=self._store.bytes_used() if died.backup else 0
        )
        return repaired

    def _name_state(self, died: SuiteRow, test: int, found: TestSoFar) -> None:
        """Name the state that a test died in."""
        began = next((one.snapshot for one in self._ledger.begun.of(died.suite) if one.test == test), died.backup)
        if began is None or found.forensic is None:
            return
        state = snapshot_state(self._store, began, "the state before it")
        for kept in self._keeper.after_death(self._ledger.label(test), state, found.forensic):
            self._ledger.kept.note(test, kept)

    def _written_later(self, died: SuiteRow, backup: State, last_sign: float | None) -> str:
        """Return what somebody else wrote after a suite died, in words; empty where nobody did.

        The rows are compared with those that the suite was left with. Where they are not known, all that differs from
        the backup may be somebody's.
        """
        if last_sign is None or self._databases.last_written() <= last_sign + AFTERMATH_SECONDS:
            return ""
        known = self._ledger.abandoned_state(died.suite)
        is_known = known is not None and self._store.snapshots.exists(known)
        state = snapshot_state(self._store, known, "the state it was left with") if known and is_known else backup
        check = self._databases.verify(state)
        if check.state_ok or check.verdict == UNREADABLE:
            return ""
        return state_text(check.databases, check.files)

    def to_baseline(self, baseline: str) -> list[Repaired]:
        """Restore the baseline where the live databases differ from it.

        Raises UnknownRevision, NeverRight, HookFailed.
        """
        id_ = self._store.revisions(self._project.origin).resolve(baseline)
        target = snapshot_state(self._store, id_, baseline)
        if self._policy.mode == "cleanup":
            check = self._databases.verify(target)
            if not check.state_ok:
                against = against_text(check.compared_with)
                self.left_alone.append(
                    f"a state that is not {against} ({check.verdict}); there is no restore this time"
                )
            return []
        return self._restored(target, f"a state that was not {baseline}", TestSoFar("", DIED))

    def _moved_back(self, target: State, what: str, check: Check) -> list[Repaired]:
        """Restore the target's content where only something beside the rows differs."""
        if check.verdict == CLEAN:
            return []
        done = self._databases.put_back_content(target)
        self._check_told(done.hooks)
        self._say(f"repaired {what}: {check.text}, against {against_text(check.compared_with)}")
        return [Repaired(what, check.verdict, done.safety, check.compared_with, check.text)]

    def _check_told(self, hooks: Sequence[HookRun]) -> None:
        """Note the hooks that ran. Raises HookFailed."""
        self.hooks += hooks
        for hook in required_failed(hooks):
            raise HookFailed(hook.when, hook.what, hook.detail)

    def leave_later_work(self, backup: str) -> None:
        """Say what differs from the backup that an earlier run left, and leave it: somebody worked on since."""
        id_ = self._store.revisions(self._project.origin).resolve(backup)
        check = self._databases.verify(snapshot_state(self._store, id_, backup))
        if not check.state_ok:
            found = check.text
            bring = f"'snap restore {short(id_)}' brings that"
            self.left_alone.append(f"what is not in {backup}, which an earlier run left: {found}; {bring}")

    def _was_left(self, died: SuiteRow, backup: str) -> bool:
        """Tell whether a user has gone to another state on purpose since the backup.

        A chain goes to what its tests began with.
        """
        own = {backup, *(one.snapshot for one in self._ledger.begun.of(died.suite))}
        if own.intersection(self._store.refs.head(self._project.origin).values()):
            return False
        moves = (
            entry
            for entry in self._store.reflog.entries(HEAD, self._project.origin)
            if entry.action.split()[0] in UNDOABLE or entry.snapshot in own
        )
        newest = next(moves, None)
        return newest is not None and newest.snapshot not in own

    def _restored(self, target: State, what: str, result: TestSoFar) -> list[Repaired]:
        """Restore the target where the state is not right, and note in `result` what was found."""
        check = self._databases.verify(target)
        result.note_check(check)
        if check.state_ok:
            return self._moved_back(target, what, check)
        start = time.monotonic()
        recovery = self._databases.restore(target, check, f"before repair: {what}")
        result.seconds["restore"] = time.monotonic() - start
        result.decision = "restore"
        result.note_recovery(recovery)
        if not recovery.check.state_ok:
            now = recovery.check
            rows = tables_text({name: one.tables for name, one in now.databases.items()})
            left = "; ".join(filter(None, (rows, files_text(now.files))))
            raise NeverRight(against_text(now.compared_with), now.verdict, left)
        self._check_told(recovery.hooks)
        kept = f", kept as {short(recovery.forensic)}" if recovery.forensic else ""
        against = against_text(check.compared_with)
        self._say(f"repaired {what}: it was {check.verdict}, against {against}{kept}")
        return [Repaired(what, check.verdict, recovery.forensic, check.compared_with, check.text)]
