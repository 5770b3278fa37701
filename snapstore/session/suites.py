"""The hybrid flow as methods of a session: suites and their tests, begun and ended by a test runner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from snapstore.actions.documents import plain, verified_document
from snapstore.actions.verdicts import VERDICTS
from snapstore.hybrid.aftermath import TestResult
from snapstore.hybrid.cleanup import CleanupRunner
from snapstore.hybrid.documents import document_of
from snapstore.hybrid.flow import Suite
from snapstore.hybrid.ledger import FAILED, INTERRUPTED, PASSED
from snapstore.hybrid.mark import run_mark
from snapstore.hybrid.policy import DECISIONS, MODES, SuitePolicy
from snapstore.refusals import OutOfOrder
from snapstore.session.methods import method
from snapstore.session.parameters import COUNT, FLAG, SECONDS, TEXT, WORDS, Parameter
from snapstore.session.protocol import INVALID_PARAMS, Fault
from snapstore.session.workplace import Workplace

OUTCOMES = (PASSED, FAILED, "skipped", INTERRUPTED)


@method(
    "begin_suite",
    Parameter("name", TEXT, "what is run, for the ledger", required=True),
    Parameter("command", TEXT, "the command line, for the ledger; the name where none is given"),
    Parameter("baseline", TEXT, "the state to start from; another one is kept and put right first"),
    Parameter("mode", TEXT, "`hybrid`, `backup` or `cleanup`; the configuration's where none is given"),
    Parameter("backup_name", TEXT, "the backup's name; the configuration's where none is given"),
    Parameter("keep_backup", FLAG, "leave the backup's name in place at the end"),
    Parameter("quiet", SECONDS, "how long nobody may write before a test is verified"),
    Parameter("verdicts", WORDS, "what follows from each verdict: `pass`, `warn`, `fail` or `restore`"),
)
def _begin_suite(at: Workplace, name: str, command: str | None, **said: Any) -> Any:
    """Begin a suite: repair one that died, go to the baseline, take the backup."""
    if at.suite:
        raise OutOfOrder("a suite is running in this session")
    policy = _policy(at, said)
    store = at.store(create=True)
    notes: list[str] = []
    with at.marks:
        at.marks.enter_context(run_mark(store, at.project, command or name))
        runner = CleanupRunner(at.project, {**at.setting.environment, "SNAPSTORE_SUITE": name}, at.setting.folder)
        suite = Suite(store, at.project, policy, runner, notes.append)
        suite.begin(name, command or name)
        at.marks = at.marks.pop_all()
    at.suite = suite
    return {
        "name": name,
        "mode": policy.mode,
        "repaired": plain(suite.repaired),
        "left_alone": suite.left_alone,
        "notes": notes,
    }


@method(
    "begin_test",
    Parameter("label", TEXT, "which test, for the ledger", required=True),
    Parameter("scenario", TEXT, "a kind of test that the report counts together", ""),
)
def _begin_test(at: Workplace, label: str, scenario: str) -> Any:
    """Note that a test begins; one that was not ended is ended first."""
    suite = _suite(at)
    ended = len(suite.tests)
    suite.begin_test(label, scenario)
    return {"label": label, "unfinished": [_test_document(test) for test in suite.tests[ended:]]}


@method(
    "end_test",
    Parameter("outcome", TEXT, "`passed`, `failed`, `skipped` or `interrupted`", PASSED),
    Parameter("seconds", SECONDS, "how long the test took"),
    Parameter("verdicts", WORDS, "what follows from each verdict for this test, in place of the suite's"),
)
def _end_test(at: Workplace, outcome: str, seconds: float | None, verdicts: dict[str, str] | None) -> Any:
    """End a test: clean up, verify, and put right what the policy says."""
    _one_of("outcome", outcome, OUTCOMES)
    decisions = _decisions(verdicts)
    suite = _suite(at)
    if not suite.has_open_test:
        raise OutOfOrder("no test is running in this session")
    return _test_document(suite.end_test(outcome, seconds, decisions))


@method(
    "end_suite",
    Parameter("exit_code", COUNT, "that of the test runner"),
    Parameter("outcome", TEXT, "`passed`, `failed` or `interrupted`; by exit code and tests where none is given"),
)
def _end_suite(at: Workplace, exit_code: int | None, outcome: str | None) -> Any:
    """End the suite: the last test, the backup, the books."""
    if outcome is not None:
        _one_of("outcome", outcome, (PASSED, FAILED, INTERRUPTED))
    suite = _suite(at)
    at.check()
    result = suite.end(exit_code, outcome)
    at.suite = None
    at.marks.close()
    return {
        "suite": result.suite,
        "name": result.name,
        "mode": result.mode,
        "outcome": result.outcome,
        "cleanup_failed": result.cleanup_failed,
        "ok": all(test.passes for test in result.tests),
        "repaired": plain(result.repaired),
        "left_alone": result.left_alone,
        "tests": [document_of(test) for test in result.tests],
    }


def _suite(at: Workplace) -> Suite:
    if at.suite is None:
        raise OutOfOrder("no suite is running in this session")
    return at.suite


def _policy(at: Workplace, said: dict[str, Any]) -> SuitePolicy:
    """Return the configuration's policy with what was said for this suite."""
    policy = at.setting.suite_policy
    if said["mode"] is not None:
        _one_of("mode", said["mode"], MODES)
    names = ("baseline", "mode", "backup_name", "keep_backup", "quiet")
    given = {name: said[name] for name in names if said[name] is not None}
    policy = replace(policy, **given, decisions={**policy.decisions, **_decisions(said["verdicts"])})
    return replace(policy, mode="cleanup") if at.setting.switched_off else policy


def _decisions(verdicts: dict[str, str] | None) -> dict[str, Any]:
    """Return what was said for verdicts, once it is made of words there are."""
    for verdict, decision in (verdicts or {}).items():
        _one_of("verdicts", verdict, VERDICTS)
        _one_of("verdicts", decision, DECISIONS)
    return dict(verdicts or {})


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise Fault(INVALID_PARAMS, f"'{name}': '{value}' is none of {', '.join(known)}")


def _test_document(test: TestResult) -> dict[str, Any]:
    """Return what became of a test, with the rows that were left behind."""
    found = {name: verified_document(one) for name, one in test.databases.items()}
    return {**document_of(test), "scenario": test.scenario, "ok": test.passes, "databases": found}
