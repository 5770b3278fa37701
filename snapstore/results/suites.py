"""Suites and their tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.against import Against
from snapstore.results.files import VerifiedFiles
from snapstore.results.hooks import HookRun
from snapstore.results.kept import KeptState
from snapstore.results.rows import Counts
from snapstore.results.verdicts import VerifiedDatabase


@dataclass(frozen=True)
class Repaired:
    """A state that was repaired before a suite began: its verdict, and the snapshot that keeps it, if one does.

    `compared_with` is the snapshot that the verdict is against, and that was restored; `found` is what was found, in
    words.
    """

    what: str
    verdict: str
    forensic: str | None
    compared_with: Against | None = None
    found: str = ""


@dataclass(frozen=True)
class SuiteState:
    """The state that a suite ended with, compared with its backup.

    `verdict` is what the tests left, `text` says it in words, `tables` counts the rows that differ, by database and
    table. `restored` tells whether the backup's content was restored, sequences and ignored rows with it;
    `verdict_after` is what was found then, and `kept` the snapshot of the state before it.
    """

    verdict: str
    text: str
    restored: bool
    verdict_after: str | None
    kept: str | None
    tables: Mapping[str, Mapping[str, Counts]]
    compared_with: Against | None = None
    files: Mapping[str, VerifiedFiles] = field(default_factory=dict)


@dataclass(frozen=True)
class Late:
    """Rows written after a test was verified, by what it had started: taken back before the next one begins.

    `after` is the test's label, empty for the beginning of the suite; `text` says what was written, `tables` counts it,
    by database and table. `kept` is the snapshot that has it, `state_ok` tells whether it was taken back.
    """

    after: str
    verdict: str
    text: str
    tables: Mapping[str, Mapping[str, Counts]]
    kept: str | None
    state_ok: bool
    files: Mapping[str, VerifiedFiles] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselineMade:
    """A baseline that had to be made: its name and its snapshot.

    `by` is the command that made it, None where the state that was there became it. `kept` is the snapshot of the state
    before the command ran, None where there was none.
    """

    rev: str
    snapshot: str
    by: str | None = None
    kept: str | None = None


@dataclass(frozen=True)
class SuiteBegun:
    """A suite that runs; `left_alone` names what was found wrong and not repaired.

    `baseline_made` is the baseline if it did not exist and had to be made.
    `hooks` ran because a state was repaired, or the baseline restored. `resumed` tells whether a suite of the same run
    goes on, with the state that it had.
    """

    name: str
    mode: str
    repaired: tuple[Repaired, ...]
    left_alone: tuple[str, ...]
    notes: tuple[str, ...]
    baseline_made: BaselineMade | None = None
    hooks: tuple[HookRun, ...] = ()
    resumed: bool = False


@dataclass(frozen=True)
class Attempt:
    """One attempt at a cleanup step."""

    step: str
    number: int
    status: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class TestEnded:
    """What a test left and what became of it.

    `verdict` is what cleanup left, `verdict_after` what a restore left; None where nobody looked. `state_ok` tells
    whether the state is right now, None where nobody looked; `ok` whether the test passes, by policy and state. In a
    chain nobody looks: `compared_with` is what the test began with, and `forensic` what it left.
    `tables` counts what was left, by database and table; `removed` what each attempt at cleaning up removed; `seconds`
    are by phase. `databases` names the rows, in the answer to the end of a test alone. `compared_with` is the snapshot
    that `verdict` is against. `tables_after` and `databases_after` are what still differed after a restore.
    `warnings` say that another file took the place of a database, before the test, in it or in its cleanup, or that a
    hook failed, or that the state it failed with could not be kept; `hooks` are all that ran around the restore. A test
    whose required hook failed is not `ok`. `files` and `files_after` have the folders and files beside the databases.
    `kept` are the states that it failed with.
    """

    __test__ = False  # pytest collects classes with such names

    label: str
    scenario: str
    outcome: str
    verdict: str | None
    ok: bool
    state_ok: bool | None
    restored: bool
    verdict_after: str | None
    forensic: str | None
    tables: Mapping[str, Mapping[str, Counts]]
    attempts: tuple[Attempt, ...]
    removed: Mapping[int, Mapping[str, Mapping[str, Counts]]]
    seconds: Mapping[str, float]
    databases: Mapping[str, VerifiedDatabase] = field(default_factory=dict)
    compared_with: Against | None = None
    tables_after: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    databases_after: Mapping[str, VerifiedDatabase] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hooks: tuple[HookRun, ...] = ()
    files: Mapping[str, VerifiedFiles] = field(default_factory=dict)
    files_after: Mapping[str, VerifiedFiles] = field(default_factory=dict)
    kept: tuple[KeptState, ...] = ()


@dataclass(frozen=True)
class TestFailed:
    """A test that was said to have failed; `kept` is the state it failed with, None where the policy keeps none.

    `problem` says why the state could not be kept. Then the end of the test tries again.
    """

    __test__ = False

    label: str
    kept: KeptState | None
    problem: str | None = None


@dataclass(frozen=True)
class TestBegun:
    """A test that runs; `unfinished` are tests that were ended for it, `late` what was written before it began.

    `snapshot` is what a test of a chain begins with; `brought_back` tells whether that was restored, because an attempt
    at the test had changed it.
    """

    __test__ = False

    label: str
    unfinished: tuple[TestEnded, ...]
    late: Late | None = None
    snapshot: str | None = None
    brought_back: bool = False


@dataclass(frozen=True)
class SuiteEnded:
    """What a suite came to; `ok` where every test passes, `cleanup_failed` where a state had to be restored.

    `state` is what the suite ended with, None where nobody looked: without a backup, or if rows stay by policy.
    `suite` is its number in the ledger, `baseline_made` the baseline if it had to be made at the beginning. `warnings`
    say that another file took the place of a database after the last test, or that a hook failed; `hooks` are those
    that ran outside of tests. `late` are rows written after a test was verified. A suite that is `paused` has not
    ended: the next one of its run goes on. `kept` are the names of the states that tests failed with, in all workers of
    the run so far, `pushed` those that they have on the remote now.
    """

    suite: int
    name: str
    mode: str
    outcome: str
    cleanup_failed: bool
    ok: bool
    repaired: tuple[Repaired, ...]
    left_alone: tuple[str, ...]
    tests: tuple[TestEnded, ...]
    warnings: tuple[str, ...] = ()
    state: SuiteState | None = None
    late: tuple[Late, ...] = ()
    baseline_made: BaselineMade | None = None
    hooks: tuple[HookRun, ...] = ()
    paused: bool = False
    kept: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunEnded:
    """What `snap run` came to: the exit code of the command, and its own; `hooks` ran when it began.

    `kept` are the names of the states that tests failed with, `pushed` those that they have on a remote.
    """

    suite: str
    outcome: str
    command_exit: int
    exit: int
    mode: str
    repaired: tuple[Repaired, ...]
    left_alone: tuple[str, ...]
    tests: tuple[TestEnded, ...]
    warnings: tuple[str, ...] = ()
    state: SuiteState | None = None
    baseline_made: BaselineMade | None = None
    hooks: tuple[HookRun, ...] = ()
    kept: tuple[str, ...] = ()
    pushed: tuple[str, ...] = ()
