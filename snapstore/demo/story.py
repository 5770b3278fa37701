"""The demo's story: an application runs, a suite leaks, a restore and an undo under its open connection, the flow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.state import snapshot_state
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.actions.verify import VerifyOptions, VerifyResult, verify
from snapstore.demo import application
from snapstore.errors import DemoFailed
from snapstore.hybrid.cleanup import CleanupRunner
from snapstore.hybrid.flow import Suite
from snapstore.hybrid.ledger import PASSED, Ledger
from snapstore.hybrid.policy import CleanupStep, SuitePolicy
from snapstore.hybrid.report import measure
from snapstore.project import Project
from snapstore.store import Store

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
        self._process = subprocess.Popen(
            [sys.executable, application.__file__, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Application:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)

    def ask(self, request: str) -> str:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def tell(folder: str) -> Iterator[Step]:
    """Play the story in a folder, yielding each step when it has happened. Raises DemoFailed."""
    path = os.path.join(folder, "db.sqlite3")
    application.create(path)
    project = Project.of({"default": path})
    with Store.create(os.path.join(folder, "store")) as store, Application(path) as app:
        yield Step("", "An application is running, its connection to db.sqlite3 open.", app.ask("counts"))
        taken = take(store, project, TakeOptions("baseline", "before the suite"))
        pages = taken.databases["default"].pages
        yield Step("snap tag baseline", f"The whole state, {pages} pages, is kept under a name.", app.ask("counts"))
        yield from _leak_and_restore(store, project, app, taken.snapshot)
        yield from _whole_flow(store, project, app, folder)


def _leak_and_restore(store: Store, project: Project, app: Application, baseline: str) -> Iterator[Step]:
    before = app.ask("counts")
    app.ask("suite")
    leaked = app.ask("counts")
    told = "A test suite leaves a user, three sessions and a bot behind, deletes bots and adds a table."
    yield Step(SUITE, told, leaked)

    found = verify(store, project, VerifyOptions(snapshot_state(store, baseline, "baseline")))
    told = f"{found.verdict}: {_leaks(found)}. A cleanup that reports success would have been believed."
    yield Step("snap verify baseline", told, leaked)

    told = f"Row by row, in text, JSON, SQL or HTML. In short: {_differences(found)}."
    yield Step("snap diff baseline", told, leaked)

    restored = restore(store, project, RestoreOptions(baseline))
    written = restored.databases["default"].pages_written
    seen = app.ask("counts")
    told = f"{written} pages are written back. The application, never stopped, sees the old rows and schema."
    yield Step("snap restore baseline", told, seen)
    _check(seen, before)

    undo(store, project)
    seen = app.ask("counts")
    yield Step("snap undo", "Nothing was lost: the state before the restore is back too.", seen)
    _check(seen, leaked)

    undo(store, project)
    seen = app.ask("counts")
    yield Step("snap undo", "And undo takes back an undo.", seen)
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
        f" ran and forgot something ({test.verdict}), so the state was restored, and is {test.final}: exit code 3."
    )
    yield Step(f"snap run -- {SUITE}", told, seen)
    _check(seen, before)

    report = measure(Ledger(store, project.origin))
    cleanup, again = report.cleanup, report.restore
    told = (
        f"Measured instead of believed: cleanup worked {cleanup.successes} of {cleanup.trials} times, restore"
        f" {again.successes} of {again.trials}; what is left behind, by which test, since when."
    )
    yield Step("snap report", told, seen)


def _leaks(found: VerifyResult) -> str:
    """Return what was left behind, each root with the rows that hang on it."""
    leaks = found.databases["default"].leaks
    said = []
    for leak in leaks:
        under = ", ".join(f"{number} {table}" for table, number in leak.under.items())
        key = ", ".join(str(value) for value in leak.key.values())
        said.append(f"{leak.table} {key} was left behind" + (f" with {under}" if under else ""))
    return "; ".join(said) or "nothing was left behind"


def _differences(found: VerifyResult) -> str:
    one = found.databases["default"]
    schema = [f"{change.type} {change.name} {change.change}" for change in one.schema]
    tables = [f"{table} +{counts.added} -{counts.removed} ~{counts.changed}" for table, counts in one.tables.items()]
    return ", ".join([*schema, *tables])


def _check(seen: str, wanted: str) -> None:
    if seen != wanted:
        raise DemoFailed(seen, wanted)
