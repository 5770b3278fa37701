"""The aftermath of a test: cleanup with retries, quiet, verify, and a restore where the verdict asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from snapstore.actions.compare import compare
from snapstore.actions.differences import Counts, DatabaseDifference
from snapstore.actions.keep import keep_state
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.state import State, live_state
from snapstore.actions.verify import VerifiedDatabase, VerifyOptions, VerifyResult, judge, verify
from snapstore.database.quiet import wait_until_quiet
from snapstore.errors import DatabaseUnusable
from snapstore.history.snapshot import FORENSIC
from snapstore.hybrid.cleanup import DONE, CleanupRunner
from snapstore.hybrid.ledger import Attempt, Leftovers
from snapstore.hybrid.policy import Decision, SuitePolicy
from snapstore.project import Project
from snapstore.store import Store

UNREADABLE = "unreadable"


@dataclass
class TestResult:
    """What a test left and what became of it.

    `stages` are the leftovers before cleanup and after each attempt; `final` is the verdict after everything; `seconds`
    by phase: test, cleanup, quiet, verify, restore.
    """

    label: str
    outcome: str
    verdict: str | None = None
    decision: Decision = "pass"
    final: str | None = None
    forensic: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    stages: list[Leftovers] = field(default_factory=list)
    databases: dict[str, VerifiedDatabase] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def restored(self) -> bool:
        """Whether the state had to be put back."""
        return "restore" in self.seconds

    @property
    def is_right(self) -> bool:
        """Whether the state is what it was before the test, as far as anybody looked."""
        return self.final in (None, "clean", "drifted")

    @property
    def passes(self) -> bool:
        """Whether neither the policy nor the state, as it is in the end, makes the test fail."""
        return self.decision in ("pass", "warn") or (self.restored and self.is_right)

    def columns(self) -> dict[str, object]:
        """Return what the ledger keeps."""
        names = ("test", "cleanup", "quiet", "verify", "restore")
        return {
            "outcome": self.outcome,
            "verdict": self.verdict,
            "decision": self.decision,
            "final": self.final,
            "forensic": self.forensic,
            **{f"{name}_s": self.seconds.get(name) for name in names},
        }


class Aftermath:
    """What follows one test; `against` is the state it began with, None where no backup was taken."""

    def __init__(
        self,
        store: Store,
        project: Project,
        policy: SuitePolicy,
        runner: CleanupRunner,
        say: Callable[[str], None],
        against: State | None,
    ) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._runner = runner
        self._say = say
        self._against = against

    def run(self, label: str, outcome: str, test_seconds: float | None) -> TestResult:
        """Clean up, wait, verify, decide, and put right. Raises what `verify` and `restore` raise."""
        result = TestResult(label, outcome)
        if test_seconds is not None:
            result.seconds["test"] = test_seconds
        if self._policy.mode != "backup":
            self._timed(result, "cleanup", lambda: self._clean_up(result))
        self._timed(result, "quiet", self._wait_until_quiet)
        if self._against is None:
            failed = {attempt.step for attempt in result.attempts} - _done(result.attempts)
            result.decision = "fail" if failed else "pass"
            return result
        self._timed(result, "verify", lambda: self._verify(result))
        assert result.verdict is not None
        result.decision = self._decide(result.verdict)
        if result.decision == "restore":
            self._put_right(result)
        return result

    def _clean_up(self, result: TestResult) -> None:
        """Run the steps; those that failed again, later each time, as often as the policy says."""
        pending = list(self._policy.cleanup)
        if not pending:
            return
        result.stages.append(self._leftovers())
        for number in range(1, self._policy.attempts + 1):
            for step in pending:
                attempt = self._runner.run(step, number)
                result.attempts.append(attempt)
                self._say(f"cleanup {step.name}, attempt {number}: {attempt.status} ({attempt.seconds:.2f} s)")
            result.stages.append(self._leftovers())
            self._say(f"left after attempt {number}: {_said(result.stages[-1])}")
            pending = [step for step in pending if step.name not in _done(result.attempts)]
            if not pending or number == self._policy.attempts:
                return
            time.sleep(self._policy.backoff * 2 ** (number - 1))

    def _leftovers(self) -> Leftovers:
        """Count what differs from the state before the test, by table; nothing can be said of what cannot be read."""
        if self._against is None:
            return {}
        found: dict[tuple[str, str], Counts] = {}
        try:
            with compare(self._store, self._project, (self._against, live_state()), self._policy.timeout) as compared:
                for name, one in compared.items():
                    judged = judge(DatabaseDifference(name, one, self._policy.rows))
                    found.update({(name, table): counts for table, counts in judged.tables.items()})
        except DatabaseUnusable:
            return {}
        return found

    def _wait_until_quiet(self) -> None:
        try:
            waited = wait_until_quiet(self._project.databases.values(), self._policy.quiet, self._policy.quiet_limit)
        except DatabaseUnusable:
            return  # verify will say so
        if not waited.is_quiet:
            self._say(f"still written to after {waited.seconds:.1f} s")

    def _verify(self, result: TestResult) -> None:
        try:
            found = self._look()
        except DatabaseUnusable as error:
            result.verdict = result.final = UNREADABLE
            self._say(f"verify: {error}")
            return
        result.verdict = result.final = found.verdict
        result.databases = found.databases
        self._say(f"verify: {found.verdict}")

    def _look(self) -> VerifyResult:
        assert self._against is not None
        return verify(
            self._store,
            self._project,
            VerifyOptions(self._against, policy=self._policy.rows, timeout=self._policy.timeout),
        )

    def _decide(self, verdict: str) -> Decision:
        decision = self._policy.decisions.get(verdict, "restore")
        return "fail" if decision == "restore" and self._policy.mode == "cleanup" else decision

    def _put_right(self, result: TestResult) -> None:
        def put_right() -> None:
            snapshots = self._against.snapshots if self._against else None
            assert snapshots is not None
            if result.verdict != UNREADABLE:
                result.forensic = keep_state(self._store, self._project, FORENSIC, result.label, self._policy.timeout)
            for id_ in dict.fromkeys(snapshots.values()):
                options = RestoreOptions(id_, force=result.verdict == UNREADABLE, timeout=self._policy.timeout)
                restore(self._store, self._project, options)
            result.final = self._look().verdict

        self._timed(result, "restore", put_right)
        self._say(f"restored ({result.seconds['restore']:.2f} s), now {result.final}")

    def _timed(self, result: TestResult, phase: str, work: Callable[[], None]) -> None:
        start = time.monotonic()
        try:
            work()
        finally:
            result.seconds[phase] = time.monotonic() - start


def _done(attempts: list[Attempt]) -> set[str]:
    return {attempt.step for attempt in attempts if attempt.status == DONE}


def _said(leftovers: Leftovers) -> str:
    rows = (f"{table} {counts.added + counts.removed + counts.changed}" for (_, table), counts in leftovers.items())
    return ", ".join(rows) or "nothing"
