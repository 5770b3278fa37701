"""A run of Playwright is one suite, over its setup, workers and retries."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.playwright_example import Example, install
from tests.support import connect, count, make_database

SETUP = "the database is repaired and backed up"
CONFIGURATION = """
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

export default defineConfig({
  workers: 1,
  retries: 1,
  use: { snapstore: { config: 'snapstore.yaml' } },
  projects: [...databaseProjects(), { name: 'e2e', testMatch: '*.spec.mjs', dependencies: ['setup db'] }],
});
"""
BEGINNING = """
import { execFileSync } from 'node:child_process';
import { expect, test } from './snapstore/fixtures.mjs';

const sql = (text) => execFileSync('python3', ['-c',
  'import sqlite3, sys; c = sqlite3.connect("db.sqlite3"); r = c.execute(sys.argv[1]).fetchall(); c.commit();'
    + 'print(r[0][0] if r else "")', text]).toString().trim();
const rows = () => Number(sql('SELECT count(*) FROM item'));
"""
RETRIED = """
test('leaves a row once', async ({}, testInfo) => {
  expect(rows()).toBe(20);
  if (testInfo.retry === 0) sql("INSERT INTO item(name) VALUES ('left')");
});
test('leaves none', async () => {
  expect(rows()).toBe(20);
});
"""
SHARED = """
import { shareState } from './snapstore/fixtures.mjs';

test.describe.configure({ mode: 'serial' });
shareState(test, { leaks: process.env.LEAKS });
test.beforeAll(() => { sql("INSERT INTO item(name) VALUES ('of the file')"); });
test('makes a row', async ({}, testInfo) => {
  expect(rows()).toBe(21);
  sql("INSERT INTO item(name) VALUES ('for the next')");
});
test('sees it', async ({}, testInfo) => {
  expect(rows()).toBe(22);
  expect(testInfo.retry).toBe(1);
});
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("playwright"))


@pytest.fixture
def example(installed: Path, tmp_path: Path) -> Example:
    make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=20)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    example = Example(tmp_path, "wal", 0)
    example.snap("init", "--playwright", ".")
    (tmp_path / "playwright.config.mjs").write_text(CONFIGURATION)
    return example


def rows(example: Example) -> int:
    with closing(connect(example.folder / "db.sqlite3")) as connection:
        return count(connection)


def test_setup_workers_and_retries_are_one_suite(example: Example) -> None:
    (example.folder / "a.spec.mjs").write_text(BEGINNING + RETRIED)
    found, _ = example.attempts()
    assert (found["leaves a row once"], found["leaves none"]) == (["failed", "passed"], ["passed"])
    report = json.loads(example.snap("report", "--json"))
    (suite,) = report["suites"]
    assert (suite["name"], suite["outcome"], report["tests"]) == ("playwright", "passed", 3)
    assert rows(example) == 20

    found, said = example.attempts("--workers=4", code=1)
    assert found[SETUP] == ["failed"]
    assert "4 workers would share one database" in said
    assert "set workers: 1, or give each worker its own database" in said
    assert found["leaves none"] == []


REPLACE = """
test('puts another file there', async () => {
  execFileSync('sh', ['-c', 'cp db.sqlite3 new && mv new db.sqlite3']);
});
"""


def test_a_file_that_takes_the_place_of_the_database_is_named(example: Example) -> None:
    (example.folder / "db.sqlite3").unlink()
    make_database(example.folder / "db.sqlite3", rows=20)
    (example.folder / "a.spec.mjs").write_text(BEGINNING + REPLACE)
    done = example.do(example.playwright("--reporter=line"))
    assert "puts another file there: another file took the place of database 'default'" in done.stdout + done.stderr


LEAVE = """
for (const name of ['one', 'two', 'three'])
  test(`${name} leaves a row`, async () => {
    sql("INSERT INTO item(name) VALUES ('left')");
  });
"""
PROPOSAL = "-m snapstore diff --suggest-ignore --of-tests"


def test_a_run_in_which_most_tests_left_something_names_the_way_to_rules(example: Example) -> None:
    (example.folder / "a.spec.mjs").write_text(f"{BEGINNING}test.use({{ snapstoreLeaks: 'warn' }});{LEAVE}")
    done = example.do(example.playwright("--reporter=line"))
    said = done.stdout + done.stderr
    assert "3 of 3 tests left something" in said
    assert PROPOSAL in said
    assert "- item" in example.snap("diff", "--suggest-ignore", "--of-tests")
    clean = "".join(f"test('clean {number}', async () => {{ rows(); }});\n" for number in range(4))
    (example.folder / "a.spec.mjs").write_text(f"{BEGINNING}test.use({{ snapstoreLeaks: 'warn' }});{LEAVE}{clean}")
    done = example.do(example.playwright("--reporter=line"))
    assert PROPOSAL not in done.stdout + done.stderr


def test_tests_of_a_file_may_share_a_state_and_are_repeated_from_its_beginning(example: Example) -> None:
    (example.folder / "shared.spec.mjs").write_text(BEGINNING + SHARED)
    (example.folder / "then.spec.mjs").write_text(BEGINNING + RETRIED.replace("testInfo.retry === 0", "false"))
    found, _ = example.attempts(LEAKS="pass")
    assert found["makes a row"] == ["passed", "passed"]
    assert found["sees it"] == ["failed", "passed"]
    assert found["leaves none"] == ["passed"]
    assert rows(example) == 20
    _, said = example.attempts("shared", code=1, LEAKS="fail")
    assert "shared.spec.mjs: database: leaked" in said
    assert rows(example) == 20
