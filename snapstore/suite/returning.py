"""The way back outside of a test's teardown: what was written late, and the backup's content at the end of a suite."""

from __future__ import annotations

from dataclasses import replace

from snapstore.compare.state import State
from snapstore.compare.verdicts import CLEAN
from snapstore.database.file_watch import FileWatch
from snapstore.results.drifts import late_line
from snapstore.results.hooks import HookRun
from snapstore.results.suites import Late, SuiteState
from snapstore.suite.databases import UNREADABLE, Check, Recovery, Say, SuiteDatabases
from snapstore.suite.policy import SuitePolicy


class Returner:
    """Returns the databases of a suite to a state; `hooks` gets the hooks that ran, `late` what was written late."""

    def __init__(
        self, databases: SuiteDatabases, policy: SuitePolicy, watch: FileWatch, say: Say, hooks: list[HookRun]
    ) -> None:
        self._databases = databases
        self._policy = policy
        self._watch = watch
        self._say = say
        self._hooks = hooks
        self.late: list[Late] = []

    def take_back_late(self, target: State, after: str) -> Late | None:
        """Restore the state that the test `after` was verified to have left, and return what was written since."""
        if not self._databases.has_commits():
            return None
        check = self._databases.verify_settled(target)
        if check.state_ok or check.verdict == UNREADABLE:
            return None
        return self._put_back_late(check, target, after)[0]

    def to_content(self, backup: State, after: str, ended_by: str | None) -> tuple[SuiteState, bool]:
        """Restore the backup's content; return what was there, and whether the state is right now.

        Rows that differ were written late, after the test `after`; with `ended_by` the suite of that name left them.
        """
        check = self._databases.verify(backup)
        found = SuiteState(
            check.verdict,
            check.text,
            restored=False,
            verdict_after=None,
            kept=None,
            tables={name: one.tables for name, one in check.databases.items() if one.tables},
            compared_with=check.compared_with,
            files=check.files,
        )
        if check.verdict == CLEAN:
            return found, True
        if check.state_ok:
            done = self._databases.put_back_content(backup)
            kept, now = done.safety, done.check
            self._hooks += done.hooks
        elif ended_by is not None:
            recovery = self._restore(check, backup, f"what suite {ended_by} ended with")
            kept, now = recovery.forensic, recovery.check
        else:
            late, now = self._put_back_late(check, backup, after)
            kept = late.kept
        self._watch.note()
        return replace(found, restored=True, verdict_after=now.verdict, kept=kept), now.state_ok

    def _put_back_late(self, check: Check, target: State, after: str) -> tuple[Late, Check]:
        recovery = self._restore(check, target, f"written late, after {after}")
        tables = {name: one.tables for name, one in check.databases.items() if one.tables}
        late = Late(
            after, check.verdict, check.text, tables, recovery.forensic, recovery.check.state_ok, files=check.files
        )
        self._say(late_line(late))
        if self._policy.late != "pass":
            self.late.append(late)
        return late, recovery.check

    def _restore(self, check: Check, target: State, label: str) -> Recovery:
        recovery = self._databases.restore(target, check, label)
        self._hooks += recovery.hooks
        self._watch.note()
        return recovery
