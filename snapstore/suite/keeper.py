"""Keeps the states that tests fail with, under names in the store of the project.

A state is taken when the test runner says that the test has failed, before anything is torn down or cleaned up; else
when it says that the test has ended. That of a worker's copy is copied into the store of the project, as a state of the
project's own database. Keeping never fails a suite: what goes wrong is a warning.
"""

from __future__ import annotations

from typing import NamedTuple

from snapstore.actions.bring import bring_home, bring_home_once
from snapstore.actions.kept_states import KeptStates
from snapstore.compare.state import State, against, snapshot_state
from snapstore.compare.verdicts import CLEAN, DRIFTED
from snapstore.errors import SnapError
from snapstore.project import Project
from snapstore.results.against import Against
from snapstore.results.commands import NOT_KEPT
from snapstore.results.kept import KeptState
from snapstore.results.suites import TestFailed
from snapstore.store import Store
from snapstore.suite.databases import Say, SuiteDatabases
from snapstore.suite.ledger import FAILED, PASSED, Ledger
from snapstore.suite.policy import LEFT, NEVER, Keep, SuitePolicy
from snapstore.suite.teardown import TestSoFar

AT_ONCE = 1.0
"""Seconds to wait for locks in the middle of a test, whose own transaction may hold them until it is torn down."""


class Home(NamedTuple):
    """Where states are kept: the store of the project, and its databases, which a worker has copies of."""

    store: Store
    project: Project


class Failures:
    """What failed in the test that runs: the state of each label that was kept, or None and why it was not."""

    def __init__(self) -> None:
        self._found: dict[str, KeptState | None] = {}
        self._problems: dict[str, str] = {}

    def note(self, label: str, kept: KeptState | None, problem: str | None) -> None:
        """Note an attempt at keeping the state of a label."""
        self._found[label] = kept
        if problem is None:
            self._problems.pop(label, None)
        else:
            self._problems[label] = problem

    def has(self, label: str) -> bool:
        """Tell whether the state of a label has been kept."""
        return self._found.get(label) is not None

    def to_retry(self, label: str) -> list[str]:
        """Return the labels whose states could not be kept so far; if nothing was, that of the test."""
        return [label] if self.is_empty else [one for one, kept in self._found.items() if kept is None]

    def told(self, label: str) -> TestFailed:
        """Return what came of a label."""
        return TestFailed(label, self._found.get(label), self._problems.get(label))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was tried."""
        return not self._found

    @property
    def kept(self) -> tuple[KeptState, ...]:
        """The states that were kept."""
        return tuple(one for one in self._found.values() if one)

    @property
    def warnings(self) -> list[str]:
        """Why others were not."""
        return [f"{NOT_KEPT}: {problem}" for problem in self._problems.values()]


class Keeper:
    """Keeps states of the tests of a suite, as its policy says."""

    def __init__(self, databases: SuiteDatabases, policy: SuitePolicy, store: Store, home: Home, say: Say) -> None:
        self._databases = databases
        self._policy = policy
        self._store = store
        self._home = home
        self._say = say

    def at_once(self, failures: Failures, label: str, began: State | None, taken: str | None = None) -> TestFailed:
        """Keep the state of a test that has just failed, unless that is done; return what came of it."""
        if self._policy.keep != NEVER and not failures.has(label):
            self._keep(failures, label, began, taken, timeout=AT_ONCE)
        return failures.told(label)

    def before_cleanup(self, failures: Failures, result: TestSoFar, began: State | None, keep: Keep | None) -> None:
        """Keep the state of a test that has ended and failed, where that is not done; `keep` overrides the policy."""
        if (keep or self._policy.keep) == NEVER or result.outcome != FAILED:
            return
        for label in failures.to_retry(result.label):
            self._keep(failures, label, began)

    def after_restore(self, failures: Failures, result: TestSoFar, began: State | None, keep: Keep | None) -> None:
        """Name the failing state of a test that fails for what it left, or that left something if those count, too."""
        policy = keep or self._policy.keep
        is_failed = result.outcome == FAILED or (result.outcome == PASSED and not result.ok)
        is_left = policy == LEFT and result.outcome == PASSED and result.verdict not in (None, CLEAN, DRIFTED)
        is_there = result.forensic is not None or not result.restored
        if policy != NEVER and (is_failed or is_left) and is_there and failures.is_empty:
            self._keep(failures, result.label, began, result.forensic)

    def after_death(self, label: str, began: State, taken: str) -> tuple[KeptState, ...]:
        """Name the state of a test during which its suite died; `taken` is the snapshot that has it."""
        failures = Failures()
        if self._policy.keep != NEVER:
            self._keep(failures, label, began, taken)
        return failures.kept

    def _keep(
        self,
        failures: Failures,
        label: str,
        began: State | None,
        taken: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Keep the live state as that of a failed test, and note it; with `taken`, the snapshot that has it already."""
        kept, problem = None, None
        try:
            kept = self._kept(label, began, taken or self._databases.keep_failed(label, timeout))
            self._say(f"kept as {kept.name}")
        except SnapError as error:
            problem = str(error)
            self._say(f"{NOT_KEPT}: {problem}")
        failures.note(label, kept, problem)

    def _kept(self, label: str, began: State | None, taken: str) -> KeptState:
        snapshot, began_with = self._at_home(label, began, taken)
        states = KeptStates(self._home.store, self._home.project.origin, self._policy.keep_states)
        name, to = states.name(label, snapshot), self._policy.push_to
        return KeptState(name, snapshot, label, began_with, *((to.remote, to.name_of(name)) if to else ()))

    def _at_home(self, label: str, began: State | None, taken: str) -> tuple[str, Against | None]:
        """Return the snapshot of the project that holds a state, and what the test began with there."""
        began = began if began and began.snapshots else None
        if self._home.store is self._store:
            return taken, against(self._store, began) if began else None
        store, project = self._home
        like = began.id if began and "," not in began.id else None
        snapshot = bring_home(self._store, taken, store, project, label, like)
        if like is None or began is None:
            return snapshot, None
        before = bring_home_once(self._store, like, store, project, f"what '{label}' began with")
        return snapshot, against(store, snapshot_state(store, before, began.label))


def keep_outside(
    store: Store,
    project: Project,
    policy: SuitePolicy,
    home: Home,
    ledger: Ledger,
    label: str,
    began: State | None,
    taken: str | None = None,
) -> TestFailed:
    """Keep the live state as that of a test which no suite of this process has begun.

    It is noted with the test that runs in another process, such as `snap run`, if one does.
    """
    databases = SuiteDatabases(store, project, policy, lambda _: None)
    failures = Failures()
    told = Keeper(databases, policy, store, home, lambda _: None).at_once(failures, label, began, taken)
    suites = ledger.unended()
    tests = ledger.open_tests(suites[0].suite) if suites else []
    if told.kept and tests:
        ledger.kept.note(tests[-1], told.kept)
    return told
