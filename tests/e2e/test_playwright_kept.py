"""The state that a Playwright test fails with: kept before its afterEach hooks, with a line to paste in its result."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from tests.e2e.playwright_example import Example, install
from tests.e2e.test_playwright_scopes import SERVER, rows
from tests.support import make_database

ANNOTATION = "state when it failed"
CONFIGURATION = """
import { accessSync, constants } from 'node:fs';
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

const { retries, pair = true, ...options } = JSON.parse(process.env.OPTIONS);
export default defineConfig({
  workers: 1,
  retries,
  timeout: 60_000,
  use: {
    baseURL: process.env.URL,
    launchOptions: { executablePath: process.env.BROWSER, args: ['--no-sandbox'] },
    snapstore: { config: 'snapstore.yaml', ...options },
  },
  projects: [
    ...(pair ? databaseProjects() : []),
    { name: 'e2e', testMatch: '*.spec.mjs', dependencies: pair ? ['setup db'] : [] },
  ],
});
"""
BEGINNING = """
import { expect, test } from './snapstore/fixtures.mjs';

const names = async (request) => (await request.get('/items')).json();
const add = async (request, name) => { await request.post('/items', { data: name }); };
test.afterEach(async ({ request }) => {
  for (const name of await names(request)) await request.delete('/items', { data: name });
});
"""
STORY = """
test('checkout pays twice', async ({ page, request }) => {
  await page.goto('/items');
  for (const name of ['paid once', 'paid twice'])
    await page.evaluate((body) => fetch('/items', { method: 'POST', body }), name);
  expect(await names(request)).toEqual(['paid once']);
});
test('pays once', async ({ request }) => {
  await add(request, 'paid once');
  expect(await names(request)).toEqual(['paid once']);
});
"""


class Result(NamedTuple):
    """What became of a test: the status of each attempt, and the line of each of its annotations."""

    attempts: list[str]
    lines: list[str]
    attached: str


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("playwright"))


@pytest.fixture(scope="module")
def oldest(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, npm = tmp_path_factory.mktemp("oldest"), shutil.which("npm")
    assert npm
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "@playwright/test@1.40.0"]
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install Playwright: {done.stderr.splitlines()[:2]}")
    return folder


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    """Return a project with an empty table and a server that has it open to the end."""
    installed: Path = request.getfixturevalue(getattr(request, "param", "installed"))
    make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=0)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\nbaseline: baseline\n")
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    (tmp_path / "playwright.config.mjs").write_text(CONFIGURATION)
    command = [sys.executable, os.fspath(SERVER), os.fspath(tmp_path / "db.sqlite3")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        example = Example(tmp_path, "wal", int(server.stdout.readline()))
        example.snap("init", "--playwright", ".")
        example.snap("tag", "baseline")
        yield example
        assert server.poll() is None
        server.kill()


def environment(example: Example, **options: object) -> dict[str, str]:
    browser = example.do(["sh", "-c", "command -v chromium || command -v google-chrome"]).stdout.strip()
    return {"URL": f"http://127.0.0.1:{example.port}", "BROWSER": browser, "OPTIONS": json.dumps(options)}


def play(example: Example, text: str, code: int = 1, **options: object) -> dict[str, Result]:
    """Run tests; return what became of each by its title."""
    (example.folder / "shop.spec.mjs").write_text(BEGINNING + text)
    return results(example.do(example.playwright(), code, **environment(example, **options)).stdout)


def results(printed: str) -> dict[str, Result]:
    """Return what the JSON reporter says."""
    found: dict[str, Result] = {}
    pending: list[Any] = list(json.loads(printed)["suites"])
    while pending:
        suite = pending.pop()
        pending += suite.get("suites", [])
        for spec in suite.get("specs", []):
            for test in spec["tests"]:
                of_results = [one for result in test["results"] for one in result.get("annotations", [])]
                annotations = [*test["annotations"], *of_results]  # Playwright 1.40 has the first alone
                lines = [one["description"] for one in annotations if one["type"] == ANNOTATION]
                attached = [one for result in test["results"] for one in result["attachments"]]
                text = "\n".join(_text(one["body"]) for one in attached if one["name"] == "database" and "body" in one)
                statuses = [one["status"] for one in test["results"]]
                found[spec["title"]] = Result(statuses, list(dict.fromkeys(lines)), text)
    return found


def _text(body: str) -> str:
    from base64 import b64decode

    return b64decode(body).decode()


def kept(example: Example) -> list[str]:
    return [name for one in json.loads(example.snap("tags", "--json")) for name in one["names"] if "failed" in name]


def paste(example: Example, line: str) -> list[str]:
    """Run a line in a shell; return the rows that the server sees then."""
    example.do(["sh", "-c", line])
    return rows(example)


def test_the_line_of_the_result_brings_back_what_broke_the_test(example: Example) -> None:
    found = play(example, STORY)
    assert rows(example) == []
    (line,) = found["checkout pays twice"].lines
    assert line.endswith("-m snapstore restore failed/shop-spec-mjs-checkout-pays-twice")
    assert f"\nwhen it failed: {line}" in found["checkout pays twice"].attached
    assert found["pays once"] == (["passed"], [], found["pays once"].attached)
    assert paste(example, line) == ["paid once", "paid twice"]
    report = ElementTree.parse(_junit(example)).getroot()
    values = {one.get("name"): one.get("value") for one in report.iter("property")}
    assert values[ANNOTATION] == line


def _junit(example: Example) -> Path:
    command = [*example.playwright()[:-1], "--reporter=junit"]
    variables = {**environment(example), "PLAYWRIGHT_JUNIT_OUTPUT_NAME": os.fspath(example.folder / "junit.xml")}
    example.do(command, 1, **variables)
    return example.folder / "junit.xml"


FAILURES = """
test('runs out of time', async ({ request }) => {
  test.setTimeout(5000);
  await add(request, 'late');
  await new Promise((resolve) => setTimeout(resolve, 1e6));
});
test('is expected to fail', async ({ request }) => {
  test.fail();
  await add(request, 'expected');
  expect(true).toBe(false);
});
test('passes against what it expects', async ({ request }) => {
  test.fail();
  await add(request, 'unexpected');
});
test('is skipped', async ({ request }) => {
  await add(request, 'skipped');
  test.skip();
});
test.describe('with a hook', () => {
  test.beforeEach(async ({ request }) => {
    await add(request, 'of the hook');
    expect(true).toBe(false);
  });
  test('fails before it begins', () => {});
});
"""


def test_what_fails_is_kept_and_nothing_else(example: Example) -> None:
    found = play(example, FAILURES)
    seen = {title: paste(example, one.lines[0]) for title, one in found.items() if one.lines}
    assert seen == {
        "runs out of time": ["late"],
        "passes against what it expects": ["unexpected"],
        "fails before it begins": ["of the hook"],
    }
    assert len(kept(example)) == len(seen)


RETRIED = """
test('is retried', async ({ request }, { retry }) => {
  await add(request, `attempt ${retry}`);
  expect(retry).toBe(2);
});
"""


@pytest.mark.parametrize("example", ["installed", "oldest"], indirect=True)
def test_each_attempt_moves_the_name(example: Example) -> None:
    found = play(example, RETRIED, code=0, retries=2)["is retried"]
    assert found.attempts == ["failed", "failed", "passed"]
    (line,) = {line.partition(": ")[2] for line in found.attached.splitlines() if line.startswith("when it failed: ")}
    assert paste(example, line) == ["attempt 1"]
    assert paste(example, f"{line}@{{1}}") == ["attempt 0"]


def test_tests_that_share_a_state_are_kept_one_by_one(example: Example) -> None:
    text = """
test('first', async ({ request }) => { await add(request, 'of the first'); expect(1).toBe(2); });
test('second', async ({ request }) => { await add(request, 'of the second'); });
"""
    found = play(example, text, scope="file")
    (line,) = found["first"].lines
    assert line.endswith("restore failed/shop-spec-mjs-first")
    assert found["first"].attached == f"when it failed: {line}"
    assert paste(example, line) == ["of the first"]
    assert kept(example) == ["failed/shop-spec-mjs-first"]


def test_a_chain_and_the_option_never(example: Example) -> None:
    found = play(example, STORY, mode="chain")
    assert paste(example, found["checkout pays twice"].lines[0]) == ["paid once", "paid twice"]
    example.snap("restore", "baseline")
    example.snap("rm", *kept(example))
    assert not play(example, STORY, keep="never")["checkout pays twice"].lines
    assert kept(example) == []


def test_inside_a_run_the_tests_are_kept_and_the_run_names_them(example: Example) -> None:
    (example.folder / "shop.spec.mjs").write_text(BEGINNING + STORY)
    command = [sys.executable, "-m", "snapstore", "run", "--json", "--junit", "run.xml", "--", *example.playwright()]
    done = example.do(command, 1, **environment(example))
    ended = json.loads(done.stdout)
    assert ended["kept"] == ["failed/shop-spec-mjs-checkout-pays-twice"]
    assert kept(example) == ended["kept"]
    assert f"restore {ended['kept'][0]}</failure>" in (example.folder / "run.xml").read_text()
    assert paste(example, shlex.join([sys.executable, "-m", "snapstore", "restore", *ended["kept"]])) == [
        *("paid once", "paid twice")
    ]


def test_a_worker_with_a_copy_keeps_its_state_in_the_project(example: Example) -> None:
    text = """
import { execFileSync } from 'node:child_process';
test('fails on a copy', async ({ database }) => {
  execFileSync('python3', ['-c', 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); '
    + 'c.execute("INSERT INTO item(name) VALUES (\\'of the copy\\')"); c.commit()', database.path]);
  expect(1).toBe(2);
});
"""
    options: dict[str, Any] = {"db": "worker-{worker}.sqlite3", "from": "baseline", "pair": False}
    (line,) = play(example, text, **options)["fails on a copy"].lines
    assert "--db" not in line
    assert paste(example, line) == ["of the copy"]
