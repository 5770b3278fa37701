"""`snap init --pytest`: what it writes is all that pytest needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integrations.suites import python
from tests.support import Snap, dbhash, run

TEST = """
import sqlite3
from contextlib import closing

def test_leaves_a_note(snapstore_db):
    with closing(sqlite3.connect(snapstore_db)) as connection, connection:
        connection.execute("INSERT INTO note VALUES (1, 'left')")
"""


@pytest.mark.parametrize("is_configured", [False, True], ids=["new", "configured"])
def test_pytest_verifies_after_each_test_with_what_is_written(snap: Snap, *, is_configured: bool) -> None:
    if is_configured:
        (snap.folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    result = json.loads(run(["init", "--pytest", "--json"], snap.folder).stdout)
    assert result["pytest"] == str(snap.folder / "pytest.ini")
    assert result["created"] is not is_configured
    (snap.folder / "test_it.py").write_text(TEST)
    before = dbhash(snap.database)
    places = {"XDG_DATA_HOME": str(snap.folder / "data"), "XDG_CONFIG_HOME": str(snap.folder / "conf")}
    done = python(snap.folder, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider", **places)
    assert done.returncode == 0, done.stdout
    assert "test_it.py::test_leaves_a_note" in done.stdout.partition("snapstore: left behind")[2]
    assert dbhash(snap.database) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [("tox.ini", "put 'snapstore = true' into tox.ini"), ("pyproject.toml", "under [tool.pytest.ini_options]' into")],
)
def test_an_ini_file_that_is_there_is_left_alone(snap: Snap, name: str, said: str) -> None:
    path: Path = snap.folder / name
    path.write_text("# mine\n")
    done = run(["init", "--pytest"], snap.folder)
    assert said in done.stdout
    assert path.read_text() == "# mine\n"
    assert not (snap.folder / "pytest.ini").exists()
