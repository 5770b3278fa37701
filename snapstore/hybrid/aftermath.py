"""The aftermath of a test: cleanup with retries, quiet, verify, and a restore where the verdict asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from snapstore.actions.compare import compare
from snapstore.actions.differences import Counts, DatabaseDifference
from snapstore.actions.state import State, live_state
from snapstore.actions.verdicts import DRIFTED, LEAKED
from snapstore.actions.verify import VerifiedDatabase, judge
from snapstore.errors import DatabaseLocked, DatabaseUnusable
from snapstore.hybrid.cleanup import DONE, CleanupRunner
from snapstore.hybrid.ledger import VERIFIED, Attempt, Leftovers
from snapstore.hybrid.policy import Decision, SuitePolicy
from snapstore.hybrid.safety_net import Found, SafetyNet, Say
from snapstore.project import Project
from snapstore.store import Store

T = TypeVar("T")
PHASES = ("test", "cleanup", "quiet", "verify", "restore")


@dataclass
class TestResult:
    """What a test left and what became of it.

    `stages` are the leftovers before cleanup (0), after attempt n, and as they were verified (VERIFIED), where they
    could be counted. `final` is the verdict after everything, `is_right` whether it passes; None where nobody looked.
    `forensic` keeps the state that was not right. `seconds` are by phase.
    """

    label: str
    outcome: str
    scenario: str = ""
    verdict: str | None = None
    decision: Decision = "pass"
    final: str | None = None
    is_right: bool | None = None
    forensic: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    stages: dict[int, Leftovers] = field(default_factory=dict)
    databases: dict[str, VerifiedDatabase] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def restored(self) -> bool:
        """Whether the state had to be put back."""
        return "restore" in self.seconds

    @property
    def passes(self) -> bool:
        """Whether neither the policy nor the state, as it is in the end, makes the test fail."""
        return self.decision in ("pass", "warn") or bool(self.restored and self.is_right)

    def see(self, found: Found) -> None:
        """Note what was found, for the last time so far."""
        self.final, self.is_right = found.verdict, found.is_right

    def removed(self, attempt: int) -> Leftovers:
        """Return the rows that an attempt removed or put back, by table; none where they could not be counted."""
        before, after = self.stages.get(attempt - 1), self.stages.get(attempt)
        if before is None or after is None:
            return {}
        fewer = {place: _less(counts, after.get(place, Counts())) for place, counts in before.items()}
        return {place: counts for place, counts in fewer.items() if counts}

    def columns(self) -> dict[str, object]:
        """Return what the ledger keeps."""
        return {
            "outcome": self.outcome,
            "verdict": self.verdict,
            "decision": self.decision,
            "final": self.final,
            "forensic": self.forensic,
            **{f"{name}_s": self.seconds.get(name) for name in PHASES},
        }


class Aftermath:
    """What follows the tests of a suite."""

    def __init__(
        self, store: Store, project: Project, policy: SuitePolicy, runner: CleanupRunner, net: SafetyNet, say: Say
    ) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._runner = runner
        self._net = net
        self._say = say

    def run(
        self, result: TestResult, against: State | None, backup: State | None, decisions: dict[str, Decision]
    ) -> None:
        """Clean up, wait, verify, decide, and put right.

        `against` is the state that the test began with, `backup` the one to go back to; None where there is none.
        `decisions` come before those of the policy.
        Raises what `verify` and `restore` raise.
        """
        if self._policy.mode != "backup" and self._policy.cleanup:
            self._timed(result, "cleanup", lambda: self._clean_up(result, against))
        self._timed(result, "quiet", self._net.wait_until_quiet)
        if against is None:
            failed = {attempt.step for attempt in result.attempts} - _done(result.attempts)
            result.decision = "fail" if failed else "pass"
            return
        found = self._timed(result, "verify", lambda: self._net.look(against))
        result.verdict, result.databases = found.verdict, found.databases
        result.see(found)
        result.stages[VERIFIED] = tables_of(found.databases)
        result.decision = self._decide(found, decisions)
        if result.decision == "restore" and backup:
            put_back = self._timed(result, "restore", lambda: self._net.put_back(backup, found, result.label))
            result.forensic = put_back.forensic
            result.see(put_back.found)
        elif not result.is_right and backup and result.databases:
            result.forensic = self._net.keep(result.label)

    def _clean_up(self, result: TestResult, against: State | None) -> None:
        """Run the steps; those that failed again, later each time, as often as the policy says."""
        pending = list(self._policy.cleanup)
        self._count(result, 0, against)
        for number in range(1, self._policy.attempts + 1):
            for step in pending:
                attempt = self._runner.run(step, number)
                result.attempts.append(attempt)
                said = f": {attempt.detail}" if attempt.detail and attempt.status != DONE else ""
                self._say(f"cleanup {step.name}, attempt {number}: {attempt.status} ({attempt.seconds:.2f} s){said}")
            self._count(result, number, against)
            if removed := result.removed(number):
                self._say(f"attempt {number} removed: {_said(removed)}")
            pending = [step for step in pending if step.name not in _done(result.attempts)]
            if not pending or number == self._policy.attempts or self._runner.is_stopped:
                return
            self._runner.pause(self._policy.backoff * 2 ** (number - 1))

    def _count(self, result: TestResult, stage: int, against: State | None) -> None:
        """Count what differs from the state before the test, by table, where that can be told now."""
        if against is None:
            return
        found: dict[tuple[str, str], Counts] = {}
        try:
            with compare(self._store, self._project, (against, live_state()), self._policy.timeout) as compared:
                for name, one in compared.items():
                    judged = judge(DatabaseDifference(name, one, self._policy.rows))
                    found.update({(name, table): counts for table, counts in judged.tables.items()})
        except (DatabaseUnusable, DatabaseLocked) as error:
            self._say(f"what is left cannot be counted: {error}")
            return
        result.stages[stage] = found
        self._say(f"left {f'after attempt {stage}' if stage else 'by the test'}: {_said(found)}")

    def _decide(self, found: Found, decisions: dict[str, Decision]) -> Decision:
        is_failed_drift = found.verdict == DRIFTED and not found.is_right  # the policy lets sequences fail
        verdict = LEAKED if is_failed_drift else found.verdict
        decision = {**self._policy.decisions, **decisions}.get(verdict, "restore")
        return "fail" if decision == "restore" and self._policy.mode == "cleanup" else decision

    def _timed(self, result: TestResult, phase: str, work: Callable[[], T]) -> T:
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


def tables_of(databases: dict[str, VerifiedDatabase]) -> Leftovers:
    """Return the rows that differ, by database and table."""
    return {(name, table): counts for name, one in databases.items() for table, counts in one.tables.items()}


def _said(leftovers: Leftovers) -> str:
    rows = (f"{counts.added + counts.removed + counts.changed} of {table}" for (_, table), counts in leftovers.items())
    return ", ".join(rows) or "nothing"
