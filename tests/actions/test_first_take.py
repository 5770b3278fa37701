"""The first take of a large database keeps no writer waiting while it compresses."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions import take as module
from snapstore.actions.export import ExportOptions, export
from snapstore.actions.take import TakeOptions, take
from snapstore.project import Project
from snapstore.store import Store
from tests.support import Application, connect, dbhash, is_intact, make_database

PIECES = 3  # a piece is 4 MiB, so writes come between pieces that are read


class Writing:
    """A progress bar that lets the application write after the first part, once in each pass over the file."""

    def __init__(self, application: Application, *statements: str) -> None:
        self.application, self.statements, self.answers = application, list(statements), list[object]()

    def start(self, what: str, total_bytes: int) -> None:
        """Begin a pass."""

    def advance(self, done_bytes: int) -> None:
        """Write, if a write is left."""
        if self.statements:
            self.answers.append(self.application.ask(self.statements.pop(0)))


@pytest.mark.parametrize("statement", ["UPDATE item SET name = 'x' || name", "DELETE FROM item", "VACUUM"])
def test_a_writer_is_not_kept_waiting_and_its_write_is_in_the_snapshot(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr(module, "MANY_BLOCKS", 16)
    path = make_database(tmp_path / "db", rows=40_000)
    with closing(connect(path)) as connection:
        connection.execute("DELETE FROM item WHERE id % 2")
    assert path.stat().st_size > PIECES * (4 << 20)
    project = Project.of({"default": path})
    with Application(path) as application:
        application.ask("PRAGMA busy_timeout = 0")
        progress = Writing(application, statement)
        taken = take(store, project, TakeOptions("first"), progress)
        assert progress.answers == [[]]
    export(store, project, ExportOptions(taken.snapshot, str(tmp_path / "copy")))
    assert dbhash(tmp_path / "copy") == dbhash(path)
    assert is_intact(tmp_path / "copy")
    assert take(store, project, TakeOptions("again")).unchanged
