"""The teardown of a test: cleanup with retries, quiet, verify, and a restore where the policy asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from snapstore.compare.compare import compare
from snapstore.compare.judging import judge
from snapstore.compare.state import State, live_state
from snapstore.compare.verdicts import CLEAN, DRIFTED, LEAKED
from snapstore.database.file_watch import FileWatch
from snapstore.errors import DatabaseLocked, DatabaseUnusable, FilesChanging
from snapstore.project import Project
from snapstore.results.against import Against
from snapstore.results.files import VerifiedFiles
from snapstore.results.hooks import HookRun, failed, hook_text, required_failed
from snapstore.results.kept import KeptState
from snapstore.results.rows import Counts
from snapstore.results.suites import Attempt, TestEnded
from snapstore.results.verdicts import VerifiedDatabase
from snapstore.store import Store
from snapstore.suite.cleanup import DONE, CleanupRunner
from snapstore.suite.databases import Check, Recovery, Say, SuiteDatabases
from snapstore.suite.ledger import RESTORED, VERIFIED, Leftovers
from snapstore.suite.policy import Decision, SuitePolicy

T = TypeVar("T")
PHASES = ("test", "cleanup", "quiet", "verify", "restore")


@dataclass
class TestSoFar:
    """What is known about a test so far.

    `stages` are the leftovers before cleanup (0), after attempt n, as they were verified (VERIFIED), and what differed
    after a restore (RESTORED), where they could be counted. The other fields are those of TestEnded; `decision` is what
    the policy says about the verdict.
    """

    __test__ = False  # pytest collects classes with such names

    label: str
    outcome: str
    scenario: str = ""
    verdict: str | None = None
    decision: Decision = "pass"
    state_ok: bool | None = None
    verdict_after: str | None = None
    forensic: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    stages: dict[int, Leftovers] = field(default_factory=dict)
    databases: Mapping[str, VerifiedDatabase] = field(default_factory=dict)
    databases_after: Mapping[str, VerifiedDatabase] = field(default_factory=dict)
    compared_with: Against | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    hooks: tuple[HookRun, ...] = ()
    files: Mapping[str, VerifiedFiles] = field(default_factory=dict)
    files_after: Mapping[str, VerifiedFiles] = field(default_factory=dict)
    kept: tuple[KeptState, ...] = ()

    @property
    def restored(self) -> bool:
        """Whether a restore was needed."""
        return "restore" in self.seconds

    @property
    def ok(self) -> bool:
        """Whether the test passes: by policy, or because the state was restored and the application was told."""
        if required_failed(self.hooks):
            return False
        return self.decision in ("pass", "warn") or bool(self.restored and self.state_ok)

    def note_check(self, check: Check) -> None:
        """Note what was found after cleanup."""
        self.verdict, self.state_ok, self.databases = check.verdict, check.state_ok, check.databases
        self.files = check.files
        self.compared_with = check.compared_with
        self.stages[VERIFIED] = check.leftovers

    def note_recovery(self, recovery: Recovery) -> None:
        """Note what a restore came to."""
        self.forensic, check = recovery.forensic, recovery.check
        self.verdict_after, self.state_ok, self.databases_after = check.verdict, check.state_ok, check.databases
        self.files_after = check.files
        self.stages[RESTORED] = check.leftovers
        self.hooks = recovery.hooks
        self.warnings += map(hook_text, failed(recovery.hooks))

    def removed(self, attempt: int) -> Leftovers:
        """Return the rows that an attempt removed or restored, by table; none where they could not be counted."""
        before, after = self.stages.get(attempt - 1), self.stages.get(attempt)
        if before is None or after is None:
            return {}
        fewer = {place: _less(counts, after.get(place, Counts())) for place, counts in before.items()}
        return {place: counts for place, counts in fewer.items() if counts}

    def columns(self) -> dict[str, object]:
        """Return what the ledger keeps; `final` is the verdict after everything."""
        return {
            "outcome": self.outcome,
            "verdict": self.verdict,
            "decision": self.decision,
            "final": None if self.state_ok is None else self.verdict_after or self.verdict,
            "forensic": self.forensic,
            **{f"{name}_s": self.seconds.get(name) for name in PHASES},
        }

    def ended(self) -> TestEnded:
        """Return what became of the test."""
        return TestEnded(
            label=self.label,
            scenario=self.scenario,
            outcome=self.outcome,
            verdict=self.verdict,
            ok=self.ok,
            state_ok=self.state_ok,
            restored=self.restored,
            verdict_after=self.verdict_after,
            forensic=self.forensic,
            tables={name: one.tables for name, one in self.databases.items()},
            attempts=tuple(self.attempts),
            removed={number: _by_database(self.removed(number)) for number in self.stages if number > 0},
            seconds=dict(self.seconds),
            databases=self.databases,
            compared_with=self.compared_with,
            warnings=tuple(self.warnings),
            tables_after={name: one.tables for name, one in self.databases_after.items() if one.tables},
            databases_after=self.databases_after,
            hooks=self.hooks,
            files={name: one for name, one in self.files.items() if one.verdict != CLEAN},
            files_after={name: one for name, one in self.files_after.items() if one.verdict != CLEAN},
            kept=self.kept,
        )


class Teardown:
    """The teardown of the tests of a suite."""

    def __init__(
        self,
        store: Store,
        project: Project,
        policy: SuitePolicy,
        runner: CleanupRunner,
        databases: SuiteDatabases,
        watch: FileWatch,
        say: Say,
    ) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._runner = runner
        self._databases = databases
        self._watch = watch
        self._say = say

    def run(
        self, result: TestSoFar, against: State | None, backup: State | None, decisions: dict[str, Decision]
    ) -> None:
        """Clean up, wait, verify, decide, and restore where that was decided. Raises what the verbs raise.

        `against` is the state that the test began with, `backup` the one to return to; None where there is none.
        `decisions` override those of the policy.
        """
        self._look(result)
        if self._policy.mode != "backup" and self._policy.cleanup:
            self._timed(result, "cleanup", lambda: self._clean_up(result, against))
            self._look(result)
        self._timed(result, "quiet", self._databases.wait_until_quiet)
        if against is None:
            failed = {attempt.step for attempt in result.attempts} - _done(result.attempts)
            result.decision = "fail" if failed else "pass"
            return
        check = self._timed(result, "verify", lambda: self._databases.verify_settled(against, decisions))
        result.note_check(check)
        result.decision = self._decide(check, decisions)
        if result.decision == "restore" and backup:
            recovery = self._timed(result, "restore", lambda: self._databases.restore(backup, check, result.label))
            result.note_recovery(recovery)
            self._watch.note()
        elif not result.state_ok and backup and result.databases:
            result.forensic = self._databases.keep(result.label)

    def _look(self, result: TestSoFar) -> None:
        """Note that another file has taken the place of a database."""
        for text in self._watch.look():
            result.warnings.append(text)
            self._say(text)

    def _clean_up(self, result: TestSoFar, against: State | None) -> None:
        """Run the steps; repeat those that failed, later each time, as often as the policy says."""
        pending = list(self._policy.cleanup)
        self._count(result, 0, against)
        for number in range(1, self._policy.attempts + 1):
            for step in pending:
                attempt = self._runner.run(step, number)
                result.attempts.append(attempt)
                why = f": {attempt.detail}" if attempt.detail and attempt.status != DONE else ""
                self._say(f"cleanup {step.name}, attempt {number}: {attempt.status} ({attempt.seconds:.2f} s){why}")
            self._count(result, number, against)
            if removed := result.removed(number):
                self._say(f"attempt {number} removed: {_text(removed)}")
            pending = [step for step in pending if step.name not in _done(result.attempts)]
            if not pending or number == self._policy.attempts or self._runner.is_stopped:
                return
            self._runner.pause(self._policy.backoff * 2 ** (number - 1))

    def _count(self, result: TestSoFar, stage: int, against: State | None) -> None:
        """Count what differs from the state before the test, by table, where that can be told now."""
        if against is None:
            return
        found: dict[tuple[str, str], Counts] = {}
        try:
            states = against, live_state()
            with compare(self._store, self._project, states, self._policy.timeout, shortens=True) as compared:
                differing = ((name, one) for name, one in compared.items() if not one.is_same)
                for name, one in differing:
                    judged = judge(name, one, self._policy.rows, may_pass=())
                    found.update({(name, table): counts for table, counts in judged.tables.items()})
            found.update(self._databases.files_left(against))
        except (DatabaseUnusable, DatabaseLocked, FilesChanging) as error:
            self._say(f"what is left cannot be counted: {error}")
            return
        result.stages[stage] = found
        self._say(f"left {f'after attempt {stage}' if stage else 'by the test'}: {_text(found)}")

    def _decide(self, check: Check, decisions: dict[str, Decision]) -> Decision:
        is_failed_drift = check.verdict == DRIFTED and not check.state_ok  # the policy lets moved sequences fail
        verdict = LEAKED if is_failed_drift else check.verdict
        decision = {**self._policy.decisions, **decisions}.get(verdict, "restore")
        return "fail" if decision == "restore" and self._policy.mode == "cleanup" else decision

    def _timed(self, result: TestSoFar, phase: str, work: Callable[[], T]) -> T:
        start = time.monotonic()
        try:
            return work()
        finally:
            result.seconds[phase] = time.monotonic() - start


def _done(attempts: list[Attempt]) -> set[str]:
    return {attempt.step for attempt in attempts if attempt.status == DONE}


def _less(before: Counts, after: Counts) -> Counts:
    pairs = ((getattr(before, kind), getattr(after, kind)) for kind in ("added", "removed", "changed"))
    return Counts(*(max(0, one - other) for one, other in pairs))


def _by_database(rows: Leftovers) -> dict[str, dict[str, Counts]]:
    found: dict[str, dict[str, Counts]] = {}
    for (database, table), counts in rows.items():
        found.setdefault(database, {})[table] = counts
    return found


def _text(leftovers: Leftovers) -> str:
    rows = (f"{counts.total} of {table}" for (_, table), counts in leftovers.items())
    return ", ".join(rows) or "nothing"
