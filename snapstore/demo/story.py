"""The demo's story: an application runs, a suite leaks, restore and undo under its open connection, the whole flow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import snapshot_state
from snapstore.demo import application
from snapstore.errors import DemoFailed
from snapstore.files import sqlite_io_error
from snapstore.project import Project
from snapstore.results.text import counts_text, left_text
from snapstore.results.verdicts import Verified
from snapstore.store import Store
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.flow import Suite
from snapstore.suite.ledger import PASSED, Ledger
from snapstore.suite.policy import CleanupStep, SuitePolicy
from snapstore.suite.report import measure

SUITE = "npx playwright test"
CLEANUP = """
DELETE FROM session WHERE user_id = 900;
DELETE FROM user WHERE id = 900;
"""


@dataclass(frozen=True)
class Step:
    """One step: the command a user would type, what happened, and the row counts the application then sees."""

    command: str
    told: str
    application_sees: str


class Application:
    """The application's process."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = subprocess.Popen(
            [sys.executable, "-P", application.__file__, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def ask(self, request: str) -> str:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer.startswith(application.FAILED):
            raise sqlite_io_error(self._path, answer.removeprefix(application.FAILED))
        return answer


def tell(folder: str, store_folder: str) -> Iterator[Step]:
    """Play the story in a folder, and yield each step after it has happened. Raises DemoFailed, FileError, DiskFull."""
    path = os.path.join(folder, "db.sqlite3")
    try:
        application.create(path)
    except application.FAILURES as error:
        raise sqlite_io_error(path, str(error)) from error
    project = Project.of({"default": path})
    with Store.create(store_folder) as store, Application(path) as app:
        yield Step("", "An application is running and keeps its connection to db.sqlite3 open.", app.ask("counts"))
        taken = take(store, project, TakeOptions("baseline", "before the suite"))
        pages = taken.databases["default"].pages
        yield Step("snap tag baseline", f"The whole state, {pages} pages, is saved under a name.", app.ask("counts"))
        yield from _leak_and_restore(store, project, app, taken.snapshot)
        yield from _whole_flow(store, project, app, folder)


def _leak_and_restore(store: Store, project: Project, app: Application, baseline: str) -> Iterator[Step]:
    before = app.ask("counts")
    app.ask("suite")
    leaked = app.ask("counts")
    told = "A test suite leaves a user, three sessions and a bot behind, deletes bots and adds a table."
    yield Step(SUITE, told, leaked)

    found = verify(store, project, VerifyOptions(snapshot_state(store, baseline, "baseline")))
    told = (
        f"{found.verdict}, left behind: {_leaks(found)}."
        " Without verify, a cleanup that reports success would have been believed."
    )
    yield Step("snap verify baseline", told, leaked)

    told = f"Row by row, in text, JSON, SQL or HTML. In short: {_differences(found)}."
    yield Step("snap diff baseline", told, leaked)

    restored = restore(store, project, RestoreOptions(baseline))
    written = restored.databases["default"].pages_written
    seen = app.ask("counts")
    told = f"{written} pages are written back. The application kept running and sees the old rows and schema again."
    yield Step("snap restore baseline", told, seen)
    _check(seen, before)

    undo(store, project)
    seen = app.ask("counts")
    yield Step("snap undo", "Nothing is lost: undo brings back the state before the restore.", seen)
    _check(seen, leaked)

    undo(store, project)
    seen = app.ask("counts")
    yield Step("snap undo", "An undo can be undone as well.", seen)
    _check(seen, before)


def _whole_flow(store: Store, project: Project, app: Application, folder: str) -> Iterator[Step]:
    """Run the leaking suite in the hybrid flow, with a cleanup that forgets."""
    before = app.ask("counts")
    with open(os.path.join(folder, "cleanup.sql"), "w", encoding="utf-8") as file:
        file.write(CLEANUP)
    policy = SuitePolicy(cleanup=(CleanupStep("cleanup.sql", sql="cleanup.sql"),), quiet=0.0)
    suite = Suite(store, project, policy, CleanupRunner(project, {}, folder), lambda _: None)
    suite.begin(SUITE, SUITE)
    suite.begin_test(SUITE)
    app.ask("suite")
    test = suite.end_test(PASSED)
    ended = suite.end(0)
    seen = app.ask("counts")
    told = (
        f"All in one: back up, run, clean up, verify, delete the backup. The tests {ended.outcome}, the cleanup script"
        f" ran and forgot something ({test.verdict}), so the state was restored and is {test.verdict_after} now:"
        " exit code 3."
    )
    yield Step(f"snap run -- {SUITE}", told, seen)
    _check(seen, before)

    report = measure(Ledger(store, project.origin))
    cleanups, restores = report.cleanup, report.restore
    told = (
        f"Measured, not assumed: {cleanups.successes} of {cleanups.trials} cleanups and {restores.successes} of"
        f" {restores.trials} restores succeeded. The report says which test left what behind, and since when."
    )
    yield Step("snap report", told, seen)


def _leaks(found: Verified) -> str:
    """Return what was left behind, each root with the rows that refer to it."""
    return "; ".join(map(left_text, found.databases["default"].left_behind)) or "nothing"


def _differences(found: Verified) -> str:
    one = found.databases["default"]
    schema = [f"{change.type} {change.name} {change.change}" for change in one.schema]
    tables = [f"{table} {counts_text(counts)}" for table, counts in one.tables.items()]
    return ", ".join([*schema, *tables])


def _check(seen: str, wanted: str) -> None:
    if seen != wanted:
        raise DemoFailed(seen, wanted)
