"""The Playwright example in Chromium: its server runs on, and the database is always what it was."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.playwright_example import TIMEOUT, Example, install, make
from tests.support import connect, count, make_database

SETUP, CLEANUP = "the database is repaired and backed up", "the database is restored"
PUT_BACK = {"first": ["seeded"], "second": ["seeded"], "integrity": "ok"}

WORKERS_CONFIGURATION = """
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

export default defineConfig({
  workers: 2,
  fullyParallel: true,
  use: { snapstore: { db: 'worker-{worker}.sqlite3', from: 'baseline' }, snapstoreLeaks: 'pass' },
  projects: [...databaseProjects(), { name: 'e2e', testMatch: '*.spec.mjs', dependencies: ['setup db'] }],
});
"""
WORKERS_TESTS = """
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from './snapstore/fixtures.mjs';

function forget(path) {
  const code = 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute("DELETE FROM item"); c.commit()';
  execFileSync('python3', ['-c', code, path]);
}

for (const number of [0, 1]) {
  test(`of worker ${number}`, async ({ database, databaseState }) => {
    expect((await databaseState.verify()).verdict).toBe('clean');
    writeFileSync(process.env.WAIT + number, '');
    while (!existsSync(process.env.WAIT + (1 - number))) await new Promise((go) => setTimeout(go, 20));
    forget(database.path); // both are in the middle of a test now, each on its own
    expect((await databaseState.verify()).databases.default.tables.item.removed).toBe(20);
  });
}

test('its session is killed', async ({ database }) => {
  forget(database.path);
  process.kill(database.session.pid, 'SIGKILL');
});

test('the one after it', async ({ databaseState }) => {
  expect((await databaseState.verify()).verdict).toBe('clean');
});
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("playwright"))


@pytest.fixture
def example(request: pytest.FixtureRequest, installed: Path, tmp_path: Path) -> Iterator[Example]:
    made = make(installed, tmp_path, getattr(request, "param", "wal"))
    with made.server():
        yield made


@pytest.mark.parametrize("example", ["wal", "delete"], indirect=True)
def test_browser_tests_pass_and_the_database_is_as_it_was(example: Example) -> None:
    before = example.rows()
    found = example.run()
    assert {one.status for one in found.values()} == {"passed"}, found
    assert {SETUP, CLEANUP, "every bot is deleted", "they are there again"} < found.keys()
    assert example.rows() == before
    assert found["every bot is deleted"].attachments["database"].startswith("database: damaged, against e2e-backup (")
    assert json.loads(found[SETUP].attachments["database"])["repaired"] == []
    example.snap("report", "--html", "report.html")
    assert "every bot is deleted" in (example.folder / "report.html").read_text()


def test_what_goes_wrong_is_named_and_put_right(example: Example) -> None:
    before = example.rows()
    found = example.run("--project", "mishaps", code=1, MISHAPS="1")
    assert {title: one.status for title, one in found.items()} == {
        SETUP: "passed",
        "the cleanup forgets the integration": "failed",
        "the next test does not see it": "passed",
        "a test runs out of time": "timedOut",
        "the test after it finds the right state": "passed",
        "the process of a test is killed": "failed",
        "the test after that one finds the right state": "passed",
        "a test is killed in the middle of an upload": "failed",
        "the test after the upload finds the right files": "passed",
        "a test stays until the whole run is killed": "skipped",
        CLEANUP: "passed",
    }
    forgotten = found["the cleanup forgets the integration"]
    assert 'left behind: bots_integration 3 "E2E forgotten"\nbots_integration: 1 added' in forgotten.said
    assert json.loads(forgotten.attachments["database.json"])["verdict"] == "leaked"
    out_of_time = found["a test runs out of time"].said
    assert re.search(r'bots_bottopic 4 "[^"]+" \(of auth_user 1\): 1 row in bots_activitylog', out_of_time)
    assert example.rows() == before


def test_a_run_that_was_killed_is_repaired_by_the_next(example: Example) -> None:
    before = example.rows()
    sign = example.folder / "staying"
    with (example.folder / "run.log").open("wb") as log:
        run = subprocess.Popen(
            example.playwright("--project", "mishaps", "-g", "a test stays"),
            cwd=example.folder,
            env=example.environment | {"MISHAPS": "1", "STAY": os.fspath(sign)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + TIMEOUT
    while not sign.exists():
        assert run.poll() is None, (example.folder / "run.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)  # the runner, the worker, its session, the browser
    run.wait()
    assert example.rows() != before

    found = example.run("-g", "they are there again")
    assert {one.status for one in found.values()} == {"passed"}, found
    (repaired,) = json.loads(found[SETUP].attachments["database"])["repaired"]
    assert (repaired["verdict"], "which never ended" in repaired["what"]) == ("leaked", True)
    assert example.rows() == before


def test_under_snap_run_each_test_is_put_right_too(example: Example) -> None:
    before = example.rows()
    command = example.playwright("forgetful", "--project", "mishaps")
    done = example.do([sys.executable, "-m", "snapstore", "run", "--", *command], 1, MISHAPS="1")
    assert "left behind: bots_integration 3" in done.stdout
    assert "snap: failed; state: clean" in done.stderr
    assert example.rows() == before


def test_without_backup_nothing_is_put_back_and_tests_run_all_the_same(example: Example) -> None:
    found = example.run("forgetful", "--project", "mishaps", code=1, MISHAPS="1", E2E_NO_BACKUP="true")
    assert found["the cleanup forgets the integration"].status == "passed"
    assert "E2E forgotten" in {row[1] for row in example.rows()["bots_integration"]}


def test_the_same_tests_with_a_copied_file_see_what_was_not_put_back(installed: Path, tmp_path: Path) -> None:
    example = make(installed, tmp_path, "wal")
    before = example.rows()
    with example.server():
        ours = example.run("-c", "manual-copy", DATABASE_HELPERS="snapstore")
        assert [one.status for one in ours.values()] == ["passed"] * 3, ours
        assert example.rows() == before
        copied = example.run("-c", "manual-copy", code=1, DATABASE_HELPERS="manual")
    assert {title: one.status for title, one in copied.items()} == {
        "a bot is created": "passed",
        "the next test does not see it, and deletes two": "failed",
        "the last test sees all of them": "failed",
    }
    with example.server():  # nor does a restart help
        assert "E2E bot" in {row[1] for row in example.rows()["bots_bottopic"]}


def test_what_init_writes_runs_as_it_is(installed: Path, tmp_path: Path) -> None:
    example = bare(installed, tmp_path)
    example.snap("init", "--playwright", "e2e", "--example")
    found = example.run("-c", "e2e")
    assert [one.status for one in found.values()] == ["passed"] * 3, found


def test_workers_have_a_copy_each_and_a_killed_session_is_survived(installed: Path, tmp_path: Path) -> None:
    example = bare(installed, tmp_path)
    example.snap("init", "--playwright", ".", "--example")
    example.snap("tag", "baseline")
    (tmp_path / "playwright.config.mjs").write_text(WORKERS_CONFIGURATION)
    (tmp_path / "example.spec.mjs").write_text(WORKERS_TESTS)
    found = example.run(code=1, WAIT=os.fspath(tmp_path / "met"))
    assert {title: one.status for title, one in found.items()} == {
        "of worker 0": "passed",
        "of worker 1": "passed",
        "its session is killed": "failed",
        "the one after it": "passed",
        SETUP: "skipped",
        CLEANUP: "skipped",
    }
    assert "session ended" in found["its session is killed"].said
    with closing(connect(tmp_path / "db.sqlite3")) as connection:
        assert count(connection) == 20
        connection.execute("DELETE FROM item WHERE id > 15")
    example.snap("tag", "baseline")
    example.run("--workers=1", "-g", "the one after it")
    with closing(connect(tmp_path / "worker-0.sqlite3")) as connection:
        assert count(connection) == 15
    report = json.loads(example.snap("report", "--json"))
    assert [one["workers"] for one in report["suites"]] == [["0"], ["0", "1"]]
    outcomes = [one["outcome"] for one in report["suites"]]
    assert outcomes[0] == "passed"
    assert outcomes[1] in ("failed", "died", "running")  # as a worker had the number of the one that was killed, or not
    assert sorted(os.listdir(tmp_path / "store" / "workers")) == ["0", "1"]


def bare(installed: Path, folder: Path) -> Example:
    """Return a folder with a database, Playwright, and nothing else."""
    make_database(folder / "db.sqlite3", journal_mode="wal", rows=20)
    (folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    (folder / "node_modules").symlink_to(installed / "node_modules")
    return Example(folder, "wal", 0)


def test_connections_beside_a_copy_see_old_mixed_or_stale_states(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "examples/django-playwright/manual-copy/beside_open_connections.py"
    done = subprocess.run(
        [sys.executable, script, "--json"],
        env=os.environ | {"SNAPSTORE_COMMAND": f"{sys.executable} -m snapstore", "TMPDIR": os.fspath(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT,
    )
    seen = json.loads(done.stdout)
    assert seen["wal_not_put_back ByCopy"]["second"] == ["seeded", "left behind"]
    assert "malformed" in seen["wal_mixed ByCopy"]["first"]
    stale = seen["delete_stale ByCopy"]
    assert stale["first"] != stale["second"]
    assert seen["wal_not_put_back BySnapstore"] == seen["wal_mixed BySnapstore"] == PUT_BACK
    assert seen["delete_stale BySnapstore"]["first"] == seen["delete_stale BySnapstore"]["second"] == ["seeded", "new"]
