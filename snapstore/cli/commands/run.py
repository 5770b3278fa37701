"""`snap run`: the hybrid flow around a test command."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from snapstore.cli.child import Child
from snapstore.cli.command import Context, snap_command
from snapstore.cli.grid import counts_line
from snapstore.cli.output import one_line, plain
from snapstore.cli.places import environment_says
from snapstore.cli.upkeep import upkeep
from snapstore.errors import FileError
from snapstore.hybrid.aftermath import TestResult
from snapstore.hybrid.cleanup import CleanupRunner
from snapstore.hybrid.flow import Suite, SuiteResult
from snapstore.hybrid.ledger import FAILED, INTERRUPTED, PASSED
from snapstore.hybrid.mark import run_mark
from snapstore.hybrid.policy import SuitePolicy
from snapstore.ids import short

EXAMPLES = """
snap run -- npm test
snap run --baseline seeded -- pytest tests/e2e
snap run --keep-backup -v -- npx playwright test
"""
NOT_CLEAN, CLEANUP_FAILED, SIGNALLED = 1, 3, 130


@snap_command("run", EXAMPLES)
@click.argument("arguments", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option("--baseline", metavar="NAME", help="The state to start from; another one is kept and put right first.")
@click.option("--keep-backup", is_flag=True, help="Leave the backup's name in place at the end.")
@click.option("--label", metavar="TEXT", help="What is run, for the ledger [default: the command].")
@click.option("--scenario", default="", metavar="TEXT", help="A kind of test that the report counts together.")
def command(
    context: Context,
    arguments: tuple[str, ...],
    baseline: str | None,
    keep_backup: bool,
    label: str | None,
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
        environment = _environment(context, line)
        runner = CleanupRunner(project, environment, context.places.folder)
        suite = Suite(store, project, policy, runner, context.output.detail)
        suite.begin(line, line)
        suite.begin_test(label or line, scenario)
        child = Child(arguments, environment, output=sys.stderr.fileno() if context.output.as_json else None)
        try:
            start = time.monotonic()
            code = child.wait()
            suite.end_test(PASSED if code == 0 else FAILED, time.monotonic() - start)
            result = suite.end(code, INTERRUPTED if child.signal else None)
        finally:
            child.forget()
            upkeep(context, store)
    status = _status(code, child.signal, result)
    _print(context, result, code, status)
    return status


def _policy(context: Context, baseline: str | None, *, keep_backup: bool) -> SuitePolicy:
    policy = context.places.suite_policy
    policy = replace(policy, mode="cleanup") if environment_says("E2E_NO_BACKUP") else policy
    policy = replace(policy, baseline=baseline) if baseline else policy
    return replace(policy, keep_backup=True) if keep_backup else policy


def _environment(context: Context, line: str) -> dict[str, str]:
    """Return our own environment, with what tells the command and the cleanup steps where they are."""
    places = context.places
    databases = list(places.project.databases.items())
    named = {f"SNAPSTORE_DATABASE_{name.upper()}": path for name, path in databases}
    return {
        **os.environ,
        "SNAPSTORE_SUITE": line,
        "SNAPSTORE_STORE": places.store_path,
        "SNAPSTORE_DATABASE": databases[0][1],
        **named,
    }


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
    for repaired in result.repaired:
        context.output.note(f"repaired {repaired.what}: it was {repaired.verdict}, kept as {short(repaired.forensic)}")
    for test in result.tests:
        for line in _lines(test):
            context.output.note(line)


def _lines(test: TestResult) -> Iterator[str]:
    said = test.verdict or "not verified"
    if test.restored:
        said += f", restored ({test.seconds['restore']:.2f} s), now {test.final}"
    yield f"snap: {test.outcome}; state: {said}"
    for one in test.databases.values():
        for table, counts in one.tables.items():
            yield f"  {one_line(table)}: {click.unstyle(counts_line(counts))}"
    if test.forensic:
        yield f"  the state that failed is kept as {short(test.forensic)}; 'snap diff {short(test.forensic)}' shows it"


def _document(result: SuiteResult, code: int, status: int) -> dict[str, Any]:
    return {
        "suite": result.name,
        "outcome": result.outcome,
        "command_exit": code,
        "exit": status,
        "repaired": plain(result.repaired),
        "tests": [
            {
                "label": test.label,
                "outcome": test.outcome,
                "verdict": test.verdict,
                "decision": test.decision,
                "final": test.final,
                "restored": test.restored,
                "forensic": test.forensic,
                "tables": {name: plain(one.tables) for name, one in test.databases.items()},
                "attempts": plain(test.attempts),
                "seconds": test.seconds,
            }
            for test in result.tests
        ],
    }
