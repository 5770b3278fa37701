"""`snap run`: the hybrid flow around a test command."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from snapstore.actions.documents import plain
from snapstore.cli.child import Child
from snapstore.cli.command import Context, snap_command
from snapstore.cli.documents import Document
from snapstore.cli.environment import environment_of
from snapstore.cli.grid import counts_line
from snapstore.cli.output import one_line
from snapstore.cli.parameters import argument, option
from snapstore.cli.places import environment_says
from snapstore.cli.styles import unstyle
from snapstore.cli.upkeep import upkeep
from snapstore.errors import FileError, SnapError
from snapstore.hybrid.aftermath import TestResult
from snapstore.hybrid.cleanup import DONE, CleanupRunner
from snapstore.hybrid.documents import document_of
from snapstore.hybrid.flow import Suite, SuiteResult
from snapstore.hybrid.ledger import FAILED, INTERRUPTED, PASSED, Ledger
from snapstore.hybrid.mark import run_mark
from snapstore.hybrid.policy import SuitePolicy
from snapstore.ids import short

EXAMPLES = """
snap run -- npm test
snap run --baseline seeded -- pytest tests/e2e
snap run --junit report.xml -- npm test
snap run --keep-backup -v -- npx playwright test
"""
NOT_CLEAN, CLEANUP_FAILED, SIGNALLED = 1, 3, 130


@snap_command("run", EXAMPLES)
@argument("arguments", several=True, metavar="-- COMMAND...")
@option("--baseline", metavar="NAME", help="The state to start from; another one is kept and put right first.")
@option("--keep-backup", is_flag=True, help="Leave the backup's name in place at the end.")
@option("--label", metavar="TEXT", help="What is run, for the ledger [default: the command].")
@option("--junit", metavar="FILE", help="Write how it went as JUnit XML, for CI systems.")
@option("--scenario", default="", metavar="TEXT", help="A kind of test that the report counts together.")
def command(
    context: Context,
    arguments: tuple[str, ...],
    baseline: str | None,
    keep_backup: bool,
    label: str | None,
    junit: str | None,
    scenario: str,
) -> int:
    """Back up, run COMMAND, clean up, verify, restore where cleanup failed, delete the backup.

    Ends with the command's own code; 3 where it passed but cleanup had failed and the state was restored; 1 where
    the state is not what it was. Cleanup steps, retries and what follows from a verdict stand under `run:` in
    snapstore.yaml.
    """
    policy = _policy(context, baseline, keep_backup=keep_backup)
    line = shlex.join(arguments)
    project = context.places.project
    if shutil.which(arguments[0]) is None:  # before anything is begun
        raise FileError(arguments[0], "no such command")
    with context.places.create_store() as store, run_mark(store, project, line):
        cases = Document(junit, store, project) if junit else None
        environment = {**environment_of(context.places), "SNAPSTORE_SUITE": line}
        runner = CleanupRunner(project, environment, context.places.folder)
        suite = Suite(store, project, policy, runner, partial(_say, context), context.progress)
        with Child(afterwards=runner.stop) as child:
            suite.begin(line, line)
            context.finish_progress()
            suite.begin_test(label or line, scenario)
            code = _run(context, child, suite, arguments, environment)
            result = suite.end(code, INTERRUPTED if child.signal else None)
            failure = _write(cases, Ledger(store, project.origin), result) if cases else None
            status = _status(code, child.signal, result)
            if not (failure and context.output.as_json):  # which has one document
                _print(context, result, code, status)
        upkeep(context, store)
    if failure:
        raise failure
    return status


def _write(cases: Document, ledger: Ledger, result: SuiteResult) -> SnapError | None:
    """Write how the suite went; return what prevented that, since how it went is to be said all the same."""
    from snapstore.cli.junit import document

    try:
        cases.write(document(ledger, only=result.suite))
    except SnapError as error:
        return error
    return None


def _run(context: Context, child: Child, suite: Suite, arguments: Sequence[str], environment: dict[str, str]) -> int:
    """Run the command, unless a signal came first, and clean up after it; return its exit code."""
    start = time.monotonic()
    try:
        if not child.signal:
            child.start(arguments, environment, output=sys.stderr.fileno() if context.output.as_json else None)
    except FileError:
        suite.end_test(FAILED)
        suite.end(None, FAILED)
        raise
    code = 128 + child.signal if child.signal and not child.is_started else child.wait()
    seconds = time.monotonic() - start
    _say(context, f"the command ended with {code} ({seconds:.2f} s)")
    try:
        suite.end_test(PASSED if code == 0 else FAILED, seconds)
    except SnapError:
        context.output.note("snap: the state was not put back; the next 'snap run' does that first, or 'snap restore'")
        raise
    return code


def _say(context: Context, text: str) -> None:
    context.output.detail(f"snap: {text}")


def _policy(context: Context, baseline: str | None, *, keep_backup: bool) -> SuitePolicy:
    policy = context.places.suite_policy
    policy = replace(policy, mode="cleanup") if environment_says("E2E_NO_BACKUP") else policy
    policy = replace(policy, baseline=baseline) if baseline else policy
    return replace(policy, keep_backup=True) if keep_backup else policy


def _status(code: int, signal: int, result: SuiteResult) -> int:
    if signal:
        return SIGNALLED
    if code:
        return code
    if not all(test.passes for test in result.tests):
        return NOT_CLEAN
    return CLEANUP_FAILED if result.cleanup_failed else 0


def _print(context: Context, result: SuiteResult, code: int, status: int) -> None:
    if context.output.as_json:
        context.output.result(_document(result, code, status), ())
        return
    for one in result.repaired:
        kept = f", kept as {short(one.forensic)}" if one.forensic else ""
        context.output.note(f"snap: repaired {one.what}: it was {one.verdict}{kept}")
    for what in result.left_alone:
        context.output.note(f"snap: left alone {what}")
    if result.mode == "cleanup":
        context.output.note("snap: no backup was taken (mode: cleanup, or E2E_NO_BACKUP); nothing is put back")
    for test in result.tests:
        for line in _lines(test):
            context.output.note(line)


def _lines(test: TestResult) -> Iterator[str]:
    """Yield a line for the test, and where something was left behind a line for each table."""
    said = test.verdict or "not verified"
    if test.restored:
        said += f", restored ({test.seconds['restore']:.2f} s), now {test.final}"
    elif test.verdict and not test.is_right:
        said += ", let pass" if test.passes else ", left as it is"
    yield f"snap: {test.outcome}; state: {said}"
    for attempt in test.attempts:
        if attempt.status != DONE:
            why = f": {attempt.detail.splitlines()[-1]}" if attempt.detail else ""
            yield f"  cleanup {one_line(attempt.step)}, attempt {attempt.number}: {attempt.status}{why}"
    several = len(test.databases) > 1
    for name, one in test.databases.items():
        for table, counts in one.tables.items():
            yield f"  {one_line(f'{name}.' * several + table)}: {unstyle(counts_line(counts))}"
    if test.forensic:
        kept = short(test.forensic)
        yield f"  the state that failed is kept as {kept}; 'snap diff live {kept}' shows it"


def _document(result: SuiteResult, code: int, status: int) -> dict[str, Any]:
    return {
        "suite": result.name,
        "outcome": result.outcome,
        "command_exit": code,
        "exit": status,
        "mode": result.mode,
        "repaired": plain(result.repaired),
        "left_alone": result.left_alone,
        "tests": [document_of(test) for test in result.tests],
    }
