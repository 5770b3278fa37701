"""`snap run`: the hybrid flow around a test command."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from snapstore.api.facade import Facade
from snapstore.cli.child import Child
from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.documents import Document
from snapstore.cli.hints import program_of_project
from snapstore.cli.options import pull_option
from snapstore.cli.types import PATH
from snapstore.errors import FileError, SnapError
from snapstore.ids import short
from snapstore.results.commands import changes_command, restore_command, rows_command
from snapstore.results.drifts import repaired_line, state_line
from snapstore.results.file_text import files_lines
from snapstore.results.hooks import required_failed
from snapstore.results.left import left_behind_lines, left_lines, table_lines
from snapstore.results.suites import RunEnded, SuiteEnded, TestEnded
from snapstore.results.text import against_text, baseline_text, one_line
from snapstore.suite.cleanup import DONE
from snapstore.suite.ledger import FAILED, INTERRUPTED, PASSED
from snapstore.suite.policy import KEEP, MODES

EXAMPLES = """
snap run -- npm test
snap run --baseline seeded -- pytest tests/e2e
snap run --mode backup -- npm test
snap run --junit report.xml -- npm test
snap run --keep-backup -v -- npx playwright test
"""
NOT_CLEAN, SIGNALLED = 1, 130


@click.command("run", cls=SnapCommand, examples=EXAMPLES)
@click.argument("arguments", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("--mode", type=click.Choice(MODES), help="hybrid; backup: no cleanup; cleanup: no backup, no restore.")
@click.option("--baseline", metavar="NAME", help="The state to start from [default: as configured].")
@click.option("--keep-backup", is_flag=True, help="Keep the backup at the end.")
@click.option("--keep", type=click.Choice(KEEP), help="Whose failing states get a name [default: failed].")
@click.option("--label", metavar="TEXT", help="Name the run in the ledger [default: the command].")
@click.option("--junit", type=PATH, metavar="FILE", help="Write the results as JUnit XML, for CI systems.")
@click.option("--scenario", default="", metavar="TEXT", help="A kind of test that the report counts together.")
@pull_option
@click.pass_obj
def command(
    context: Context,
    arguments: tuple[str, ...],
    baseline: str | None,
    mode: str | None,
    keep_backup: bool,
    keep: str | None,
    label: str | None,
    junit: str | None,
    scenario: str,
) -> int:
    """Run a test command in the hybrid flow.

    Brings the baseline back (any other state is kept as a snapshot), takes a backup, runs COMMAND, cleans up, verifies,
    restores if cleanup failed, and deletes the backup. Exits with the command's own code, with 3 if it passed but the
    state had to be restored, or with 1 if the state is still wrong. `run: exit_restored:` in snapstore.yaml moves the
    3; the last line says in words which it was. Cleanup steps, retries and what follows from each verdict are
    configured under `run:` in snapstore.yaml.

    The state in which the tests failed, before any cleanup, is kept: the output says how to restore it.
    """
    if shutil.which(arguments[0]) is None:  # before anything begins
        raise FileError(arguments[0], "no such command")
    snapstore, line = context.snapstore, shlex.join(arguments)
    snapstore.shortens = not context.json_output
    cases = Document(junit, snapstore) if junit else None
    with Child(afterwards=snapstore.stop_cleanup, meanwhile=snapstore.show_life) as child:
        snapstore.begin_suite(line, baseline=baseline, mode=mode, keep_backup=keep_backup or None, keep=keep)
        context.finish_progress()
        snapstore.begin_test(label or line, scenario=scenario)
        code, test = _run(context, child, arguments, snapstore.suite_environment(line))
        result = snapstore.end_suite(code, outcome=INTERRUPTED if child.signal else None)
        result = replace(result, tests=tuple(_with_rows(one, test) for one in result.tests))
        failure = _write(cases, snapstore, result) if cases else None
        status = _status(code, child.signal, result, context.locations.configuration.suite.exit_restored)
        if not (failure and context.output.json_output):  # then the error is the one document
            _print(context, result, code, status, _meaning(code, child.signal, result))
    if failure:
        raise failure
    return status


def _write(cases: Document, snapstore: Facade, result: SuiteEnded) -> SnapError | None:
    """Write the results; return the error that prevents it, to raise once the results are printed."""
    from snapstore.cli.junit import document

    try:
        cases.write(document(snapstore.ledger(), only=result.suite, program=program_of_project()))
    except SnapError as error:
        return error
    return None


def _with_rows(one: TestEnded, test: TestEnded) -> TestEnded:
    """Return a test of the suite with the rows that differed, which a suite does not keep."""
    is_same = one.label == test.label
    if not is_same:
        return one
    found = replace(one, databases=test.databases, databases_after=test.databases_after)
    return replace(found, files=test.files, files_after=test.files_after)


def _run(
    context: Context, child: Child, arguments: Sequence[str], environment: dict[str, str]
) -> tuple[int, TestEnded]:
    """Run the command, unless a signal came first, and end the test; return the command's exit code, and the test."""
    snapstore = context.snapstore
    start = time.monotonic()
    try:
        if not child.signal:
            child.start(arguments, environment, output=sys.stderr.fileno() if context.output.json_output else None)
    except FileError:
        snapstore.end_test(FAILED)
        snapstore.end_suite(outcome=FAILED)
        raise
    code = 128 + child.signal if child.signal and not child.is_started else child.wait()
    seconds = time.monotonic() - start
    context.output.detail(f"snap: the command ended with {code} ({seconds:.2f} s)")
    try:
        outcome = INTERRUPTED if child.signal else PASSED if code == 0 else FAILED
        test = snapstore.end_test(outcome, seconds=seconds)
    except SnapError:
        context.output.note("snap: the state was not restored; the next suite does that first, or 'snap restore' now")
        raise
    return code, test


def _status(code: int, signal: int, result: SuiteEnded, exit_restored: int) -> int:
    if signal:
        return SIGNALLED
    if code:
        return code
    if not result.ok:
        return NOT_CLEAN
    return exit_restored if result.cleanup_failed else 0


def _meaning(code: int, signal: int, result: SuiteEnded) -> str:
    """Return what the exit code means, in words: a test runner may use the same numbers."""
    if signal:
        return "interrupted"
    if code:
        return "the command failed" + ("" if result.ok or _is_state_right(result) else ", and the state is not right")
    if not result.ok:
        told = "a required hook failed" if _is_state_right(result) else "the state is not right"
        return f"the command passed, and {told}"
    return "the command passed, cleanup failed, the state was restored" if result.cleanup_failed else "passed"


def _is_state_right(result: SuiteEnded) -> bool:
    """Tell whether a suite that does not pass fails for its hooks alone."""
    return all(test.ok or (test.state_ok and required_failed(test.hooks)) for test in result.tests)


def _print(context: Context, result: SuiteEnded, code: int, status: int, meaning: str) -> None:
    if context.output.json_output:
        context.output.result(_document(result, code, status), ())
        return
    if made := result.baseline_made:
        context.output.note(f"snap: {baseline_text(made)}")
    for one in result.repaired:
        context.output.note(f"snap: {repaired_line(one)}")
    for what in result.left_alone:
        context.output.note(f"snap: left alone {what}")
    if result.mode == "cleanup":
        context.output.note("snap: no backup was taken (mode: cleanup, or E2E_NO_BACKUP); nothing is restored")
    for line in _test_lines(result):
        context.output.note(line)
    if status:
        context.output.note(f"snap: exit code {status}: {meaning}")


def _test_lines(result: SuiteEnded) -> Iterator[str]:
    for test in result.tests:
        yield from test_lines(test)
    yield from (f"snap: warning: {one_line(text)}" for text in result.warnings)
    if result.state and result.state.restored:
        yield f"snap: {state_line(result.state)}"


def test_lines(test: TestEnded) -> Iterator[str]:
    """Yield a line for the test, and where something was left behind a line for each table."""
    yield f"snap: {test.outcome}; state: {_state(test)}"
    yield from (f"  warning: {one_line(text)}" for text in test.warnings)
    for attempt in test.attempts:
        if attempt.status != DONE:
            why = f": {attempt.detail.splitlines()[-1]}" if attempt.detail else ""
            yield f"  cleanup {one_line(attempt.step)}, attempt {attempt.number}: {attempt.status}{why}"
    yield from (f"  {line}" for line in left_behind_lines(test.databases))
    yield from (f"  {line}" for line in table_lines(test.tables))
    yield from (f"  {line}" for line in files_lines(test.files))
    if test.restored and not test.state_ok:
        yield "  what differs now, after the restore:"
        yield from (f"    {line}" for line in left_lines(test.databases_after, files=test.files_after))
    yield from _kept_lines(test)
    if test.forensic and test.forensic not in [one.snapshot for one in test.kept]:
        kept = short(test.forensic)
        command = rows_command(test.compared_with, test.forensic) if test.compared_with else f"show {kept}"
        yield f"  the failing state is kept as {kept}; 'snap {command}' shows it"


def _kept_lines(test: TestEnded) -> Iterator[str]:
    """Yield the commands that bring back and show the states that tests failed with, each on a line of its own."""
    for one in test.kept:
        where = f" of '{one_line(one.label)}'" if one.label != test.label else ""
        yield f"  the state{where} when it failed is kept; to restore it, and to see what had changed:"
        program = program_of_project()
        yield from (f"    {words}" for words in (restore_command(one, program), changes_command(one, program)) if words)


def _state(test: TestEnded) -> str:
    """Return the verdict, the snapshot that it is against, and what followed from it."""
    state = test.verdict or "not verified"
    if test.verdict and test.compared_with:
        state += f", against {against_text(test.compared_with)}"
    if test.restored:
        return f"{state}, restored ({test.seconds['restore']:.2f} s), now {test.verdict_after}"
    if test.verdict and not test.state_ok:
        state += ", accepted" if test.ok else ", left as it is"
    return state


def _document(result: SuiteEnded, code: int, status: int) -> RunEnded:
    return RunEnded(
        suite=result.name,
        outcome=result.outcome,
        command_exit=code,
        exit=status,
        mode=result.mode,
        repaired=result.repaired,
        left_alone=result.left_alone,
        tests=result.tests,
        warnings=result.warnings,
        state=result.state,
        baseline_made=result.baseline_made,
        hooks=result.hooks,
        kept=result.kept,
        pushed=result.pushed,
    )
