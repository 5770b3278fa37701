"""A chain: each test begins with what the one before left, and a retry with what its failed attempt began with.

The live state is taken at the end of a test. The next test begins with that snapshot, unless somebody has committed
since: then another one is taken. Nothing is verified. The ledger records the snapshots, so that a chain goes on in
another process, and prune keeps them until the suite ends.
"""

from __future__ import annotations

from snapstore.compare.state import against, snapshot_state
from snapstore.compare.verdicts import CLEAN
from snapstore.errors import NeverRight
from snapstore.results.hooks import HookRun
from snapstore.results.text import against_text
from snapstore.store import Store
from snapstore.suite.begun import BegunTests
from snapstore.suite.databases import SuiteDatabases
from snapstore.suite.teardown import TestSoFar


class Chain:
    """The states of a suite whose tests go on from one another; `last` is the newest snapshot, if one was taken."""

    def __init__(self, store: Store, begun: BegunTests, databases: SuiteDatabases) -> None:
        self._store = store
        self._begun = begun
        self._databases = databases
        self.last: str | None = None

    def return_before(self, suite: int, label: str, scenario: str) -> tuple[HookRun, ...] | None:
        """Restore what the last attempt at a test began with; return the hooks that ran, None if there was no attempt.

        What the tests after it began with is forgotten. Raises NeverRight, and what `restore` and `verify` raise.
        """
        attempts = (one for one in self._begun.of(suite) if (one.label, one.scenario) == (label, scenario))
        attempt = next(attempts, None)
        if attempt is None:
            return None
        target = snapshot_state(self._store, attempt.snapshot, f"what '{label}' began with")
        check = self._databases.verify(target)
        hooks: tuple[HookRun, ...] = ()
        if check.verdict != CLEAN:
            recovery = self._databases.restore(target, check, f"what an attempt at '{label}' left")
            hooks, check = recovery.hooks, recovery.check
        if not check.state_ok:
            raise NeverRight(against_text(check.compared_with), check.verdict)
        self._begun.forget(suite, attempt.test)
        self.last = attempt.snapshot
        return hooks

    def begin(self, test: int, label: str) -> str | None:
        """Note what a test begins with; return the snapshot, None where it could not be kept."""
        if self.last is None or self._databases.has_commits():
            self.last = self._databases.take(f"what '{label}' began with")
        if self.last is not None:
            self._begun.note(test, self.last)
        return self.last

    def end(self, result: TestSoFar, began_with: str | None) -> None:
        """Keep what a test leaves, and note both states in its result."""
        if began_with is not None:
            state = snapshot_state(self._store, began_with, "what it began with")
            result.compared_with = against(self._store, state)
        self.last = result.forensic = self._databases.take(f"what '{result.label}' left")
