"""How long a state lives in Playwright: for a test, a file, a block or the whole run, and in a chain."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.playwright_example import Example, install
from tests.support import connect, make_database

SETUP, CLEANUP = "the database is repaired and backed up", "the database is restored"
SERVER = Path(__file__).with_name("item_server.py")
DEADLINE_SECONDS = 120
CONFIGURATION = """
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

const { leaks, alone, retries, own, ...options } = JSON.parse(process.env.OPTIONS);
export default defineConfig({
  workers: 1,
  retries,
  use: { baseURL: process.env.URL, snapstore: { config: 'snapstore.yaml', ...options }, snapstoreLeaks: leaks },
  projects: [
    ...databaseProjects(),
    { name: 'e2e', testMatch: '*.spec.mjs', dependencies: alone ? [] : ['setup db'], use: own },
  ],
});
"""
BEGINNING = """
import { writeFileSync } from 'node:fs';
import { expect, test } from './snapstore/fixtures.mjs';

const names = async (request) => (await request.get('/items')).json();
const add = async (request, name) => { await request.post('/items', { data: name }); };
const remove = async (request, name) => { await request.delete('/items', { data: name }); };
const sees = (...wanted) => async ({ request }) => { expect(await names(request)).toEqual(wanted); };
const adds = (name) => async ({ request }) => { await add(request, name); };
"""
STORY = """
test.beforeAll(adds('of the file'));
test('makes a row', async ({ request }) => {
  await sees('of the file')({ request });
  await add(request, 'for the next');
});
test('sees it', sees('of the file', 'for the next'));
"""
OWN = """
test('leaves a row', adds('left'));
test('sees none of it', sees());
"""
THEN = """
test('begins clean', sees());
"""
TIDY = """
test.beforeAll(adds('of the file'));
test.afterAll(async ({ request }) => { await remove(request, 'of the file'); });
test('sees the row', sees('of the file'));
test('sees the row, too', sees('of the file'));
"""
BLOCKS = """
test('leaves none outside', sees());
test.describe('outer', () => {
  test.beforeAll(adds('of the block'));
  test('makes a row', adds('for the next'));
  test.describe('inner', () => {
    test('sees both', sees('of the block', 'for the next'));
  });
});
test.describe('other', () => {
  test('begins clean', sees());
});
"""
GOES_ON = """
test('sees all', sees('of the file', 'for the next'));
"""
CHAIN = """
test('one', adds('of one'));
test('two', async ({ request }, testInfo) => {
  await sees('of one')({ request });
  await add(request, 'of two');
  expect(testInfo.retry).toBe(1);
});
test('three', sees('of one', 'of two'));
"""
GIVES_UP = """
test('fails', async ({ request }) => {
  await add(request, 'half');
  expect(1).toBe(2);
});
test('goes on', sees('half'));
"""
KILLED = """
test('one', adds('of one'));
test('is killed', async ({ request }, testInfo) => {
  await sees('of one')({ request });
  await add(request, 'of the killed');
  if (testInfo.retry === 0) process.kill(process.pid, 'SIGKILL');
});
test('then', sees('of one', 'of the killed'));
"""
SERIAL = """
test.describe.serial('group', () => {
  test('first', async ({ request }, testInfo) => {
    await sees()({ request });
    await add(request, `first ${testInfo.retry}`);
  });
  test('second', async ({ request }, testInfo) => {
    await sees(`first ${testInfo.retry}`)({ request });
    await add(request, `second ${testInfo.retry}`);
    expect(testInfo.retry).toBe(1);
  });
  test('third', sees('first 1', 'second 1'));
});
"""
HANGS = """
test('one', adds('of one'));
test('hangs', async ({ request }) => {
  await add(request, 'of the run');
  writeFileSync('hangs', '');
  await new Promise((resolve) => setTimeout(resolve, 1e6));
});
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("playwright"))


@pytest.fixture
def example(installed: Path, tmp_path: Path) -> Iterator[Example]:
    """Return a project with an empty table and a server that has it open to the end."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=0)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    (tmp_path / "playwright.config.mjs").write_text(CONFIGURATION)
    command = [sys.executable, os.fspath(SERVER), os.fspath(tmp_path / "db.sqlite3")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        example = Example(tmp_path, "wal", int(server.stdout.readline()))
        example.snap("init", "--playwright", ".")
        yield example
        assert server.poll() is None
        server.kill()


def environment(example: Example, **options: object) -> dict[str, str]:
    return {"URL": f"http://127.0.0.1:{example.port}", "OPTIONS": json.dumps(options)}


def play(example: Example, files: dict[str, str], code: int = 0, **options: object) -> tuple[dict[str, list[str]], str]:
    """Run tests in files, which run in the order of their names; return what became of each attempt, and all errors."""
    for name, text in files.items():
        (example.folder / f"{name}.spec.mjs").write_text(BEGINNING + text)
    return example.attempts(code=code, **environment(example, **options))


def rows(example: Example) -> list[str]:
    with closing(connect(example.folder / "db.sqlite3")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM item")]


def kept(example: Example) -> list[str]:
    """Return the tags; where nobody took one, they are the states of failed tests."""
    return sorted(name for one in json.loads(example.snap("tags", "--json")) for name in one["names"])


def test_the_tests_of_a_file_share_a_state_with_what_before_all_made(example: Example) -> None:
    files = {"a": STORY, "b": THEN, "c": TIDY}
    found, said = play(example, files, scope="file", leaks="pass")
    assert said == ""
    assert found["begins clean"] == ["passed"]
    assert rows(example) == []
    found, said = play(example, files, code=1, scope="file")
    assert "a.spec.mjs: database: leaked" in said
    assert "left behind: item" in said
    (command,) = re.findall(r"^(.* diff --test .*) shows the rows$", said, re.MULTILINE)
    assert "'for the next'" in example.do(shlex.split(command)).stdout
    assert "c.spec.mjs: database" not in said  # its own afterAll hook removed the row before it was verified
    assert {status for one in found.values() for status in one} == {"passed"}  # the error is the worker's


def test_the_tests_of_an_outermost_block_share_a_state(example: Example) -> None:
    found, said = play(example, {"a": BLOCKS}, code=1, scope="describe")
    assert "a.spec.mjs > outer: database: leaked" in said
    assert {status for one in found.values() for status in one} == {"passed"}
    assert rows(example) == []


def test_each_test_has_its_own_state_by_default(example: Example) -> None:
    found, said = play(example, {"a": OWN}, code=1, scope="test")
    assert found["leaves a row"] == ["failed"]
    assert "database: leaked" in said
    assert found["sees none of it"] == ["passed"]


def test_one_state_for_the_whole_run_is_verified_at_its_end(example: Example) -> None:
    files = {"a": STORY, "b": GOES_ON}
    found, said = play(example, files, code=1, scope="suite")
    assert [name for name, one in found.items() if one != ["passed"]] == [CLEANUP]
    assert "the whole run: database: leaked, against e2e-backup" in said
    assert 'left behind: item 1-2 ("of the file", "for the next")' in said
    assert rows(example) == []
    found, said = play(example, files, scope="suite", leaks="warn")
    assert (said, rows(example)) == ("", [])
    found, _ = play(
        example, {"a": GIVES_UP, "b": "test('goes on, too', sees('half'));"}, 1, scope="suite", leaks="pass"
    )
    assert (found["fails"], found["goes on"], found["goes on, too"]) == (["failed"], ["passed"], ["passed"])
    assert rows(example) == []
    _, said = play(example, files, code=1, scope="suite", mode="cleanup")
    assert "the whole run: database: leaked" in said
    assert len(rows(example)) == 2
    assert kept(example) == ["failed/a-spec-mjs-fails", "failed/the-whole-run"]


def test_a_retry_in_a_chain_begins_with_the_state_before_the_failed_attempt(example: Example) -> None:
    found, _ = play(example, {"a": CHAIN, "b": "test('four', sees('of one', 'of two'));"}, mode="chain", retries=1)
    assert (found["two"], found["three"], found["four"]) == (["failed", "passed"], ["passed"], ["passed"])
    assert found[CLEANUP] == ["passed"]
    assert rows(example) == []
    assert kept(example) == ["failed/a-spec-mjs-two"]
    (suite,) = json.loads(example.snap("report", "--json"))["suites"]
    assert suite["outcome"] == "passed"
    assert "'of two'" in example.snap("diff", "--test", "a.spec.mjs > two")


def test_a_chain_goes_on_after_a_failed_test(example: Example) -> None:
    for name, text in {"a": GIVES_UP, "b": "test('to the end', sees('half'));"}.items():
        (example.folder / f"{name}.spec.mjs").write_text(BEGINNING + text)
    found = example.run(code=1, **environment(example, mode="chain"))
    statuses = [found[name].status for name in ("fails", "goes on", "to the end", CLEANUP)]
    assert statuses == ["failed", "passed", "passed", "passed"]
    assert "database" not in found["fails"].said
    program = rf"{re.escape(sys.executable)} -m snapstore"
    assert re.fullmatch(
        rf"database: not verified; '{program} diff \w{{10}} \w{{10}}' shows what .*\n"
        rf"when it failed: {program} restore failed/a-spec-mjs-fails",
        found["fails"].attachments["database"],
    )
    assert "database.html" in found["fails"].attachments
    assert "database.html" not in found["goes on"].attachments
    assert rows(example) == []


def test_a_chain_survives_a_worker_that_is_killed(example: Example) -> None:
    found, _ = play(example, {"a": KILLED}, mode="chain", retries=1)
    assert (found["is killed"], found["then"]) == (["failed", "passed"], ["passed"])
    assert rows(example) == []


def test_a_serial_group_in_a_chain_is_repeated_from_its_beginning(example: Example) -> None:
    found, _ = play(example, {"a": SERIAL}, mode="chain", retries=1)
    assert found["first"] == ["passed", "passed"]
    assert found["second"] == ["failed", "passed"]
    assert found["third"][-1] == "passed"
    assert rows(example) == []


def test_the_run_after_a_killed_chain_begins_with_the_state_before_it(example: Example) -> None:
    (example.folder / "a.spec.mjs").write_text(BEGINNING + HANGS)
    command = example.playwright()
    variables = example.environment | environment(example, mode="chain")
    with subprocess.Popen(
        command, cwd=example.folder, env=variables, stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (example.folder / "hangs").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert rows(example) == ["of one", "of the run"]
    found, _ = play(example, {"a": "test('begins again', sees());"}, mode="chain")
    assert found["begins again"] == ["passed"]
    report = json.loads(example.snap("report", "--json"))
    assert [one["outcome"] for one in report["suites"]] == ["passed", "died"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"scope": "files"}, "scope: must be one of test, file, describe, suite, not 'files'"),
        ({"mode": "chain", "scope": "file"}, "mode: 'chain' and scope: 'file' exclude each other"),
        ({"mode": "chains"}, "'mode' must be one of hybrid, backup, cleanup, chain, not 'chains'"),
        ({"mode": "chain", "db": "{worker}.sqlite3"}, "mode: 'chain' needs one database, not one for each worker"),
        ({"own": {"snapstore": {"mode": "chain"}}}, "mode: 'chain' holds for the whole run"),
        ({"scope": "suite", "alone": True}, "scope: 'suite' needs the projects 'setup db' and 'cleanup db'"),
    ],
)
def test_a_wrong_option_fails_before_the_first_test(example: Example, options: dict[str, object], wanted: str) -> None:
    found, said = play(example, {"a": THEN}, code=1, **options)
    assert wanted in said
    assert "passed" not in found["begins clean"]
