"""Suites of tests, run by a pytest of their own, with and without the plugin."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from textwrap import dedent

from snapstore.store import CATALOG
from tests.support import ENVIRONMENT, Snap, connect

TESTS = """
import os, signal, sqlite3
from contextlib import closing
import pytest

def write(sql="INSERT INTO note VALUES (1, 'left behind')"):
    with closing(sqlite3.connect(os.environ["SNAPSTORE_TEST_DB"], timeout=10)) as connection, connection:
        connection.execute(sql)
"""


class Tests:
    """A folder with a database, an ini file and tests; the database's state is the tag `baseline`."""

    __test__ = False

    def __init__(self, snap: Snap) -> None:
        self.snap = snap
        self.folder = snap.folder
        self.ini()
        snap("tag", "baseline")

    def ini(self, **keys: str) -> None:
        """Write the ini file, with snapstore's keys as they are given."""
        keys = {"snapstore_db": "db.sqlite3", "snapstore_store": "store", **keys}
        lines = ["[pytest]", "addopts = --strict-markers --strict-config -p no:cacheprovider"]
        (self.folder / "pytest.ini").write_text("\n".join([*lines, *(f"{key} = {keys[key]}" for key in keys)]) + "\n")

    def write(self, text: str, name: str = "test_suite.py") -> None:
        """Write a module of tests."""
        (self.folder / name).write_text(TESTS + dedent(text))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a run; its output is read by whoever waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, code: int) -> str:
        """Run the tests and demand an exit code; return what was printed."""
        out, _ = (process := self.start("--snap", *arguments)).communicate(timeout=120)
        assert process.returncode == code, out
        assert "INTERNALERROR" not in out
        return out

    def notes(self) -> int:
        """Return how many rows of `note` there are."""
        with closing(connect(self.snap.database)) as connection:
            return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])

    def recorded(self) -> dict[str, str]:
        """Return the verdict of each test on record, by label."""
        with closing(connect(self.snap.store / CATALOG)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'test'").fetchone():
                return {}
            return dict(connection.execute("SELECT label, verdict FROM test").fetchall())


def environment() -> dict[str, str]:
    """Return the environment without what the pytest around us says to its own workers."""
    return {name: value for name, value in ENVIRONMENT.items() if not name.startswith(("PYTEST_", "SNAPSTORE_"))}
