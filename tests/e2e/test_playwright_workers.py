"""Playwright workers on copies of a project's database: one configuration, one suite, stores in the project's."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.contents import execute
from tests.e2e.playwright_example import TIMEOUT, Example, install

YAML = """
database: db.sqlite3
store: store
baseline: baseline
ignore: {tables: [sessions]}
run: {cleanup: [{name: sweep, sql: sweep.sql}]}
"""
MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY)",
    "INSERT INTO users(name) VALUES ('ada')",
)
CONFIGURATION = """
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

export default defineConfig({
  workers: 1,
  fullyParallel: true,
  use: { snapstore: %s, snapstoreLeaks: 'pass' },
  projects: [...databaseProjects(), { name: 'e2e', testMatch: '*.spec.mjs', dependencies: ['setup db'] }],
});
"""
BEGINNING = """
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { expect, test } from './snapstore/fixtures.mjs';

const sql = (path, text) => execFileSync('python3', ['-c',
  'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); r = c.execute(sys.argv[2]).fetchall(); c.commit();'
    + 'print(",".join(str(one[0]) for one in r))', path ?? 'db.sqlite3', text]).toString().trim();
"""
TESTS = """
for (const number of Array(4).keys()) {
  test(`meets the others ${number}`, async ({ database }) => {
    expect(sql(database.path, 'SELECT name FROM users')).toBe('ada');
    writeFileSync(`met-${number}`, '');
    while (readdirSync('.').filter((name) => name.startsWith('met-')).length < 4)
      await new Promise((go) => setTimeout(go, 20));
    sql(database.path, "INSERT INTO users(name) VALUES ('left')");
  });
}
for (const number of Array(8).keys()) {
  test(`is swept ${number}`, async ({ database }) => {
    expect(sql(database.path, 'SELECT name FROM users')).toBe('ada');
    sql(database.path, 'INSERT INTO sessions DEFAULT VALUES');
    sql(database.path, "INSERT INTO users(name) VALUES ('swept')");
  });
}
"""
KILLED = """
test('waits to be killed', async ({ database }) => {
  sql(database.path, "INSERT INTO users(name) VALUES ('left')");
  writeFileSync('pid', String(process.pid));
  await new Promise(() => {});
});
"""
COPIES = "{ db: 'copies/worker-{worker}.sqlite3', from: 'baseline' }"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("playwright"))


@pytest.fixture
def example(installed: Path, tmp_path: Path) -> Example:
    """Return a project that has a baseline, in which a developer has worked on."""
    execute(tmp_path / "db.sqlite3", *MADE)
    (tmp_path / "copies").mkdir()
    (tmp_path / "snapstore.yaml").write_text(YAML)
    (tmp_path / "sweep.sql").write_text("DELETE FROM users WHERE name = 'swept'")
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    example = Example(tmp_path, "delete", 0)
    example.snap("init", "--playwright", ".")
    example.snap("tag", "baseline")
    execute(tmp_path / "db.sqlite3", "INSERT INTO users(name) VALUES ('by hand')")
    return example


def configure(example: Example, options: str, tests: str) -> None:
    (example.folder / "playwright.config.mjs").write_text(CONFIGURATION % options)
    (example.folder / "a.spec.mjs").write_text(BEGINNING + tests)


def report(example: Example) -> Any:
    return json.loads(example.snap("report", "--json"))


def test_four_workers_are_one_suite_of_the_project(example: Example) -> None:
    configure(example, COPIES, TESTS)
    found, said = example.attempts("--workers=4")
    assert [one for title, one in found.items() if "the database" not in title] == [["passed"]] * 12, said
    (suite,) = report(example)["suites"]
    assert (suite["name"], suite["outcome"], suite["verdicts"]) == ("playwright", "passed", {"drifted": 8, "leaked": 4})
    assert suite["workers"] == ["0", "1", "2", "3"]
    stores = example.folder / "store" / "workers"
    assert sorted(os.listdir(stores)) == suite["workers"]
    assert sorted(os.listdir(example.folder / "copies")) == [f"worker-{name}.sqlite3" for name in suite["workers"]]
    shown = json.loads(example.snap("diff", "--test", "meets the others 1", "--json"))
    assert shown["databases"]["default"]["tables"]["users"]["added"] == 1
    for path in (example.folder / "copies").iterdir():
        path.unlink()
    removed = json.loads(example.snap("prune", "--gone", "0d", "--json"))["workers"]
    assert [one["worker"] for one in removed] == suite["workers"]
    assert os.listdir(stores) == []
    assert report(example)["tests"] == 12


LOGS = """
for (const number of Array(4).keys())
  test(`logs ${number}`, async ({ database }) => { sql(database.path, "INSERT INTO users(name) VALUES ('log')"); });
"""


def test_a_run_of_workers_in_which_most_tests_left_something_names_the_way_to_rules(example: Example) -> None:
    configure(example, COPIES, LOGS)
    done = example.do(example.playwright("--workers=2", "--reporter=line"))
    (command,) = re.findall(r"4 of 4 tests left something\..* '(.*)' proposes rules", done.stdout + done.stderr)
    assert "- users" in example.do(shlex.split(command)).stdout


def test_a_worker_that_was_killed_is_repaired_by_the_next_run(example: Example) -> None:
    configure(example, COPIES, KILLED)
    process = subprocess.Popen(
        example.playwright("--workers=2"), cwd=example.folder, env=example.environment, start_new_session=True
    )
    pid, deadline = example.folder / "pid", time.monotonic() + TIMEOUT
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    configure(example, COPIES, TESTS.replace("Array(4)", "Array(0)"))
    found, said = example.attempts("--workers=1")
    assert [one for title, one in found.items() if "the database" not in title] == [["passed"]] * 8, said
    assert [one["outcome"] for one in report(example)["suites"]] == ["passed", "died"]


def test_without_from_a_worker_begins_with_the_baseline_of_the_project(example: Example) -> None:
    configure(example, "{ db: 'copies/worker-{worker}.sqlite3' }", TESTS.replace("Array(4)", "Array(0)"))
    execute(example.folder / "copies" / "worker-0.sqlite3", *MADE, "INSERT INTO users(name) VALUES ('of another seed')")
    found, said = example.attempts("--workers=1")
    assert [one for title, one in found.items() if "the database" not in title] == [["passed"]] * 8, said


def test_the_databases_path_means_the_project(example: Example) -> None:
    seen = []
    for options in ("{}", "{ db: 'db.sqlite3' }", "{ config: './snapstore.yaml', db: './db.sqlite3' }"):
        configure(example, options, TESTS.replace("Array(4)", "Array(0)"))
        found, said = example.attempts()
        assert found["is swept 7"] == ["passed"], said
        seen.append(report(example)["suites"][0]["verdicts"])
        execute(example.folder / "db.sqlite3", "INSERT INTO users(name) VALUES ('by hand')")
    assert seen == [{"drifted": 8}] * 3
    assert len(report(example)["suites"]) == 3
    assert {name for one in json.loads(example.snap("tags", "--json")) for name in one["names"]} == {"baseline"}
    assert not (example.folder / "store" / "workers").exists()
