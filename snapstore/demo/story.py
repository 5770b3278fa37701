"""The demo's story: an application runs, a suite leaks, a restore and an undo under its open connection."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.demo import application
from snapstore.errors import DemoFailed
from snapstore.project import Project
from snapstore.store import Store


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
        before = app.ask("counts")
        yield Step("", "An application is running, its connection to db.sqlite3 open.", before)

        taken = take(store, project, TakeOptions("baseline", "before the suite"))
        pages = taken.databases["default"].pages
        yield Step("snap tag baseline", f"The whole state, {pages} pages, is kept under a name.", before)

        app.ask("suite")
        leaked = app.ask("counts")
        told = "A test suite leaves a user, three sessions and a bot behind, deletes bots and adds a table."
        yield Step("npx playwright test", told, leaked)

        changed = status(store, project).databases["default"].pages_changed
        yield Step("snap status", f"changed since baseline: {changed} pages.", leaked)

        restored = restore(store, project, RestoreOptions(taken.snapshot))
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


def _check(seen: str, wanted: str) -> None:
    if seen != wanted:
        raise DemoFailed(seen, wanted)
