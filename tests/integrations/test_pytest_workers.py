"""pytest-xdist on copies of a project's database: one configuration, one suite on record, stores in the project's."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contents import execute
from tests.integrations.suites import environment
from tests.support import run

YAML = """
database: app.db
store: kept
baseline: baseline
ignore: {tables: [sessions]}
run: {cleanup: [{name: sweep, sql: sweep.sql}]}
"""
MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY)",
    "INSERT INTO users VALUES (1, 'ada')",
)
HEAD = """
import os, signal, sqlite3, pytest
from contextlib import closing
def write(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
def users(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name FROM users").fetchall()
"""
TESTS = """
@pytest.mark.parametrize("n", range(16))
def test_is_swept(snapstore_db, n):
    assert users(snapstore_db) == [("ada",)]
    write(snapstore_db, "INSERT INTO sessions DEFAULT VALUES", "INSERT INTO users(name) VALUES ('swept')")
@pytest.mark.parametrize("n", range(4))
def test_leaves(snapstore_db, n):
    assert users(snapstore_db) == [("ada",)]
    write(snapstore_db, "INSERT INTO users(name) VALUES ('left')")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a project that has a baseline, in which a developer has worked on."""
    execute(tmp_path / "app.db", *MADE)
    (tmp_path / "snapstore.yaml").write_text(YAML)
    (tmp_path / "sweep.sql").write_text("DELETE FROM users WHERE name = 'swept'")
    (tmp_path / "pytest.ini").write_text("[pytest]\nsnapstore = true\n")
    run(["tag", "baseline"], tmp_path)
    execute(tmp_path / "app.db", "INSERT INTO users(name) VALUES ('by hand')")
    return tmp_path


def pytest_in(folder: Path, text: str, *arguments: str, code: int = 0) -> str:
    (folder / "test_it.py").write_text(HEAD + text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", *arguments],
        cwd=folder,
        env=environment()
        | {"XDG_CONFIG_HOME": str(folder / "conf"), "XDG_DATA_HOME": str(folder / "data"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def report(folder: Path) -> Any:
    return json.loads(run(["report", "--json"], folder).stdout)


def test_four_workers_are_one_suite_of_the_project(folder: Path) -> None:
    said = pytest_in(folder, TESTS, "--snap-db=copy-{worker}.db", "-n4")
    assert "20 passed" in said
    assert said.count("users 1 added  (restored)\n") == 4
    assert "snapstore: left behind, against e2e-backup =" in said  # each worker has one of its own
    found = report(folder)
    (suite,) = found["suites"]
    assert (suite["name"], suite["outcome"], suite["verdicts"]) == ("pytest", "passed", {"drifted": 16, "leaked": 4})
    assert suite["workers"] == ["gw0", "gw1", "gw2", "gw3"]
    assert [one["name"] for one in found["steps"]] == ["sweep"]
    assert sorted(os.listdir(folder / "kept" / "workers")) == suite["workers"]
    assert not (folder / "data").exists()
    assert json.loads(run(["diff", "baseline", "--json"], folder).stdout)["databases"]["default"]["tables"]["users"]
    removed = json.loads(run(["prune", "--gone", "0d", "--json"], folder).stdout)["workers"]
    assert [one["worker"] for one in removed] == suite["workers"]
    assert os.listdir(folder / "kept" / "workers") == []
    assert report(folder)["tests"] == 20


def test_the_next_run_begins_with_the_baseline_that_the_project_has_then(folder: Path) -> None:
    text = "def test_users(snapstore_db): assert len(users(snapstore_db)) == {}\n"
    pytest_in(folder, text.format(1), "--snap-db=copy-{worker}.db", "-n2")
    run(["tag", "baseline"], folder)
    pytest_in(folder, text.format(2), "--snap-db=copy-{worker}.db", "-n2")
    assert [one["outcome"] for one in report(folder)["suites"]] == ["passed", "passed"]


def test_a_test_that_fails_for_what_it_left_is_recorded_as_failed(folder: Path) -> None:
    pytest_in(folder, TESTS, "--snap-db=copy-{worker}.db", "-n2", "--snap-leaks=fail", code=1)
    assert [one["outcome"] for one in report(folder)["suites"]] == ["failed"]


def test_the_command_in_the_report_shows_what_was_left_after_the_copy_is_gone(folder: Path) -> None:
    text = """
def test_leaves(snapstore_db):
    write(snapstore_db, "INSERT INTO users(name) VALUES ('left')")
"""
    said = pytest_in(folder, text, "--snap-db=copy-{worker}.db", "--snap-leaks=fail", code=1)
    found = re.search(r"'snap (.*)' shows it", said)
    assert found
    assert not (folder / "copy-master.db").exists()
    assert "left" in run(shlex.split(found[1]), folder).stdout


def test_most_tests_that_leave_something_name_the_way_to_rules(folder: Path) -> None:
    text = """
@pytest.mark.parametrize("n", range(4))
def test_logs(snapstore_db, n):
    write(snapstore_db, "INSERT INTO users(name) VALUES ('log')")
"""
    said = pytest_in(folder, text, "--snap-db=copy-{worker}.db", "-n2")
    (words,) = re.findall(r"snapstore: 4 of 4 tests left something; .*'snap (.*)' proposes rules", said)
    assert "- users" in run(shlex.split(words), folder).stdout
    assert "left something" not in pytest_in(folder, f"{text}{TESTS}", "--snap-db=copy-{worker}.db", "-n2")


def test_a_baseline_of_another_schema_is_named(folder: Path) -> None:
    text = "def test_users(snapstore_db): assert len(users(snapstore_db)) == 1\n"
    execute(folder / "app.db", "ALTER TABLE users ADD COLUMN email")
    said = pytest_in(folder, text, "--snap-db=copy-{worker}.db", "-n2")
    assert said.count("the schema has changed since 'baseline', of which the copies are made") == 1
    (words,) = re.findall(r"; 'snap (.*)' makes the present state the baseline", said)
    run(shlex.split(words), folder)
    execute(folder / "app.db", "DELETE FROM users")  # rows are as they may be
    assert "the schema" not in pytest_in(folder, text.replace("== 1", "== 2"), "--snap-db=copy-{worker}.db", "-n2")


def test_a_baseline_that_is_made_belongs_to_the_suite_of_the_run(folder: Path) -> None:
    (folder / "make.sh").write_text("""python3 -c "
import sqlite3
connection = sqlite3.connect('app.db')
connection.execute('DELETE FROM users')
connection.execute('INSERT INTO users(name) VALUES (\\'made\\')')
connection.commit()"
""")
    made = "baseline: {name: made, make: sh make.sh, inputs: [make.sh]}"
    (folder / "snapstore.yaml").write_text(YAML.replace("baseline: baseline", made))
    text = """
@pytest.mark.parametrize("n", range(4))
def test_users(snapstore_db, n): assert users(snapstore_db) == [("made",)]
"""
    pytest_in(folder, text, "--snap-db=copy-{worker}.db", "-n2")
    (suite,) = report(folder)["suites"]
    assert (suite["outcome"], suite["workers"]) == ("passed", ["gw0", "gw1"])


def test_a_baseline_of_a_marker_is_that_of_the_project(folder: Path) -> None:
    run(["tag", "by-hand"], folder)
    text = """
def test_first(snapstore_db): assert len(users(snapstore_db)) == 1
@pytest.mark.snapstore(baseline="by-hand")
def test_second(snapstore_db): assert len(users(snapstore_db)) == 2
def test_third(snapstore_db): assert len(users(snapstore_db)) == 1
"""
    pytest_in(folder, text, "--snap-db=copy-{worker}.db")
    (suite,) = report(folder)["suites"]
    assert suite["verdicts"] == {"clean": 3}


def test_a_worker_that_is_killed_is_repaired_by_the_next_run(folder: Path) -> None:
    text = """
def test_killed(snapstore_db):
    write(snapstore_db, "INSERT INTO users(name) VALUES ('left')")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    pytest_in(folder, text, "--snap-db=copy-{worker}.db", "-n1", "--max-worker-restart=0", code=1)
    assert [one["outcome"] for one in report(folder)["suites"]] == ["died"]
    said = pytest_in(folder, TESTS, "--snap-db=copy-{worker}.db", "-n1")
    assert "20 passed" in said
    assert [one["outcome"] for one in report(folder)["suites"]] == ["passed", "died"]


def test_one_run_on_the_projects_own_database_is_one_suite(folder: Path) -> None:
    run(["tag", "by-hand"], folder)
    text = """
def test_first(snapstore_db): assert len(users(snapstore_db)) == 1
@pytest.mark.snapstore(baseline="by-hand")
def test_second(snapstore_db): assert len(users(snapstore_db)) == 2
"""
    for places in ((), ("--snap-db=app.db",), (f"--snap-db={folder / 'app.db'}",)):
        assert "2 passed" in pytest_in(folder, text, *places)
    assert [(one["outcome"], one["verdicts"], one["workers"]) for one in report(folder)["suites"]] == [
        ("passed", {"clean": 2}, [])
    ] * 3
    assert {name for one in json.loads(run(["tags", "--json"], folder).stdout) for name in one["names"]} == {
        "baseline",
        "by-hand",
    }
    assert not (folder / "data").exists()
