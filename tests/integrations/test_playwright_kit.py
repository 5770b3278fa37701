"""The kit for JavaScript: from plain Node, as ES module and CommonJS, its types, and what `init` writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from snapstore.integrations import playwright
from tests.cli.hands import error_of
from tests.support import ENVIRONMENT, connect, make_database, run

ROOT = Path(__file__).parents[2]
KIT = Path(playwright.__file__).parent / "kit"
NAMES = (
    *("backupDatabase", "restoreDatabase", "deleteBackup", "setupTestEnvironment", "teardownTestEnvironment"),
    *("enhancedCleanupTestData", "emergencyReset"),
)
ADD = "INSERT INTO item(id, name) VALUES (9001, 'left')"
BEGINNING = """
const {{ execFileSync }} = require('node:child_process');
const kit = require({kit});
const python = {python};
const options = {{ db: 'db.sqlite3', store: 'store', command: [python, '-m', 'snapstore'] }};
const sql = (text) => execFileSync(python, ['-c',
  'import sqlite3, sys; c = sqlite3.connect("db.sqlite3"); c.execute(sys.argv[1]); c.commit()', text]);
const seen = {{}};
(async () => {{
  await kit.configure(options);
  {body}
  console.log(JSON.stringify(seen));
}})();
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")


def node(folder: Path, body: str, code: int = 0, **environment: str) -> Any:
    """Run JavaScript with the kit beside a database; return what it has `seen`."""
    if not (folder / "db.sqlite3").exists():
        make_database(folder / "db.sqlite3", journal_mode="wal", rows=20)
    script = folder / "script.cjs"
    values = {"kit": json.dumps(str(KIT / "snapstore.cjs")), "python": json.dumps(sys.executable)}
    script.write_text(BEGINNING.format(body=body, **values))
    done = subprocess.run(
        ["node", script],
        cwd=folder,
        env=ENVIRONMENT | {"XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]) | {"said": done.stderr} if not code else done.stderr


def has_leak(folder: Path) -> bool:
    connection = connect(folder / "db.sqlite3")
    try:
        return bool(connection.execute("SELECT count(*) FROM item WHERE id = 9001").fetchone()[0])
    finally:
        connection.close()


@needs_node
def test_a_suite_backs_up_restores_and_deletes_its_backup(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        f"""
        seen.taken = await kit.backupDatabase();
        sql("{ADD}");
        seen.restored = await kit.restoreDatabase();
        seen.deleted = await kit.deleteBackup();
        seen.again = await kit.deleteBackup();
        """,
    )
    assert (seen["taken"]["name"], seen["restored"]["changed"]) == ("e2e-backup", True)
    assert (seen["deleted"]["name"], seen["again"]) == ("e2e-backup", {"skipped": True})
    assert not has_leak(tmp_path)


@needs_node
def test_cleanup_is_tried_again_and_what_it_forgets_is_named(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        f"""
        await kit.backupDatabase();
        sql("{ADD}");
        let calls = 0;
        seen.late = await kit.enhancedCleanupTestData('page', {{ cleanup: (page) => {{
          calls += 1;
          if (calls < 2) throw new Error('not yet');
          seen.page = page;
        }} }});
        seen.never = await kit.enhancedCleanupTestData(null, {{ cleanup: () => {{ throw new Error('never'); }} }});
        seen.errors = seen.never.errors.length;
        seen.rows = await kit.enhancedCleanupTestData();
        """,
    )
    assert (seen["late"]["ok"], seen["late"]["errors"], seen["page"]) == (False, [], "page")
    assert "item: 1 added\nleft behind: item 9001" in seen["late"]["report"]
    assert (seen["never"]["ok"], seen["errors"]) == (False, 1)
    assert (seen["rows"]["ok"], seen["rows"]["removed"]["default"]["item"]["added"]) == (True, 1)
    assert "cleanup failed: never" in seen["said"]
    assert not has_leak(tmp_path)


@needs_node
def test_an_environment_is_put_right_and_a_killed_session_said(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        f"""
        await kit.setupTestEnvironment();
        sql("{ADD}");
        seen.torn = await kit.teardownTestEnvironment();
        await kit.setupTestEnvironment();
        sql("{ADD}");
        const killed = kit.getSession().pid;
        process.kill(killed, 'SIGKILL');
        while (kit.getSession().pid === killed) await new Promise((go) => setTimeout(go, 10));
        seen.error = await kit.teardownTestEnvironment().catch(({{ code, message }}) => ({{ code, message }}));
        seen.anew = (await kit.getSession().info()).pid !== killed;
        seen.begun = await kit.setupTestEnvironment();
        await kit.teardownTestEnvironment();
        """,
    )
    assert (seen["torn"]["verdict"], seen["torn"]["restored"]) == ("leaked", True)
    assert seen["error"]["code"] == "session-ended"
    assert "begin the suite anew" in seen["error"]["message"]
    assert seen["anew"]
    assert [one["verdict"] for one in seen["begun"]["repaired"]] == ["leaked"]
    assert not has_leak(tmp_path)


@needs_node
def test_an_answer_that_never_comes_is_an_error_and_not_a_silence(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        """
        await kit.backupDatabase();
        process.kill(kit.getSession().pid, 'SIGSTOP');
        const waiting = kit.restoreDatabase().catch(({ code, fields }) => ({ code, signal: fields.signal }));
        process.kill(kit.getSession().pid, 'SIGKILL');
        seen.error = await waiting;
        seen.restored = (await kit.restoreDatabase()).changed;
        """,
    )
    assert seen["error"] == {"code": "session-ended", "signal": "SIGKILL"}
    assert seen["restored"] is False


@needs_node
def test_a_reset_brings_back_a_file_that_is_no_database(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        """
        await kit.backupDatabase();
        await kit.closeSession();
        for (const end of ['-wal', '-shm']) require('node:fs').rmSync('db.sqlite3' + end, { force: true });
        require('node:fs').writeFileSync('db.sqlite3', 'no database');
        seen.reset = await kit.emergencyReset();
        """,
    )
    assert seen["reset"]["databases"]["default"]["method"] == "replaced"
    assert not has_leak(tmp_path)


@needs_node
def test_the_environment_switches_backups_off_and_moves_them(tmp_path: Path) -> None:
    body = "delete options.store; await kit.configure(options); seen.taken = await kit.backupDatabase();"
    off = node(tmp_path, f"{body} seen.clean = await kit.enhancedCleanupTestData();", E2E_NO_BACKUP="true")
    assert (off["taken"], off["clean"]["verdict"]) == ({"skipped": True}, None)
    assert "backup: nothing done, E2E_NO_BACKUP is set" in off["said"]
    node(tmp_path, body, E2E_BACKUP_PATH=str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / "catalog.db").exists()
    body = "const log = console.log; const lines = []; console.log = (line) => lines.push(line);" + body
    told = node(tmp_path, f"{body} console.log = log; seen.lines = lines;", E2E_DEBUG="true")
    assert told["lines"] == ["snapstore: backed up as e2e-backup"]


@needs_node
def test_errors_have_code_and_hint(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        """
        await kit.backupDatabase();
        const said = ({ code, hint, message }) => ({ code, hint, message });
        seen.revision = await kit.getSession().restore('nothing').catch(said);
        seen.command = await new kit.Session({ command: 'no-such-command here' }).info().catch(said);
        seen.config = await new kit.Session({ ...options, config: 'none.yaml' }).info().catch(said);
        seen.parameter = await kit.getSession().call('verify', { nonsense: 1 }).catch(said);
        """,
    )
    assert seen["revision"]["code"] == "unknown-revision"
    assert seen["revision"]["hint"] in seen["revision"]["message"]
    assert (seen["command"]["code"], "SNAPSTORE_COMMAND" in seen["command"]["hint"]) == ("no-command", True)
    assert (seen["config"]["code"], "none.yaml" in seen["config"]["message"]) == ("configuration", True)
    assert seen["parameter"]["code"] == "-32602"


@needs_node
def test_a_backend_elsewhere_is_reached_by_command_and_paths(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    make_database(there / "app.sqlite3", rows=5)
    wrapper = tmp_path / "exec into it"
    wrapper.write_text(f'#!/bin/sh\ncd "{there}" && exec "$@"\n')
    wrapper.chmod(0o755)
    seen = node(
        tmp_path,
        f"""
        await kit.configure({{
          command: `'{wrapper}' "${{python}}" -m snapstore`,
          paths: {{ './data': {json.dumps(str(there))} }},
          db: 'data/app.sqlite3',
          store: 'data/store',
        }});
        await kit.backupDatabase();
        seen.info = await kit.getSession().info();
        """,
    )
    assert seen["info"]["databases"]["default"]["path"] == str(there / "app.sqlite3")
    assert seen["info"]["store"] == str(there / "store")


@needs_node
def test_workers_have_a_database_and_a_store_each(tmp_path: Path) -> None:
    seen = node(
        tmp_path,
        """
        seen.own = kit.placesOf({ db: 'data/{worker}.sqlite3' }, 2);
        seen.shared = kit.placesOf({ db: 'data/db.sqlite3', store: 'kept' }, 2);
        """,
    )
    assert (seen["own"]["db"], seen["own"]["store"]) == ("data/2.sqlite3", "data/2.sqlite3.worker-2")
    assert (seen["shared"]["db"], seen["shared"]["store"]) == ("data/db.sqlite3", "kept")


@needs_node
def test_both_kinds_of_module_share_one_session_and_have_every_name(tmp_path: Path) -> None:
    body = f"""
        const module = await import({json.dumps((KIT / "snapstore.mjs").as_uri())});
        seen.names = Object.keys(module);
        seen.same = module.getSession() === kit.getSession();
    """
    seen = node(tmp_path, body)
    assert seen["same"]
    assert set(NAMES) <= set(seen["names"])
    exported = re.search(r"module\.exports = \{(.*?)\};", (KIT / "snapstore.cjs").read_text(), re.DOTALL)
    assert exported
    assert set(seen["names"]) == set(re.findall(r"\w+", exported[1]))
    typed = (KIT / "snapstore.d.cts").read_text()
    assert set(seen["names"]) == set(re.findall(r"^export (?:class|function) (\w+)", typed, re.MULTILINE))


USE = """
import { defineConfig } from '@playwright/test';
import { expect, test, withSnapstore } from './snapstore/fixtures.mjs';
import { configure, enhancedCleanupTestData, restoreDatabase } from './snapstore/snapstore.mjs';
import { Session, SnapstoreError } from './snapstore/snapstore.mjs';
import { databaseProjects } from './snapstore/projects.mjs';

export default defineConfig({ projects: [...databaseProjects(), { name: 'e2e', dependencies: ['setup db'] }] });

test.use({ snapstoreLeaks: 'warn' });
test('typed', async ({ page, databaseState, database }) => {
  const found = await databaseState.verify();
  const verdict: string | null = found.verdict;
  expect(verdict).toBe('clean');
  const number: number = found.databases['default'].tables['item'].added;
  const path: string | null = database.path;
  const { report, errors } = await enhancedCleanupTestData(page, { cleanup: async () => path });
  const text: string = report + errors[0].message + number;
  const restored = await restoreDatabase();
  if (!restored.skipped) text.concat(restored.snapshot);
});
withSnapstore(test)('again', async ({ database }) => { await database.session.restore('baseline'); });
const session = new Session({ command: ['docker', 'exec', '-i', 'backend', 'snapstore'], paths: { a: '/b' } });
session.tag('baseline').catch((error: SnapstoreError) => error.hint);
await configure({ cleanup: (page) => page.close() });
// @ts-expect-error the option has another type
await configure({ db: 5 });
// @ts-expect-error there is no such policy
test.use({ snapstoreLeaks: 'sometimes' });
"""
SETTINGS = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "module": "nodenext",
        "target": "es2022",
        "skipLibCheck": False,
        "types": ["node"],
    },
    "files": ["use.mts"],
}


def test_the_types_are_what_a_type_checker_wants(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine")
    (tmp_path / "package.json").write_text('{"private": true}')
    packages = ["@playwright/test@1.65.1", "typescript@5.9.3", "@types/node@22"]
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode:
        pytest.skip(f"npm cannot install TypeScript: {done.stderr.splitlines()[:2]}")
    shutil.copytree(KIT, tmp_path / "snapstore")
    (tmp_path / "use.mts").write_text(USE)
    (tmp_path / "tsconfig.json").write_text(json.dumps(SETTINGS))
    checked = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc", "-p", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert checked.returncode == 0, checked.stdout


def test_init_writes_kit_and_example_and_overwrites_nothing_unasked(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    document = json.loads(run(["init", "--playwright", "e2e", "--json"], tmp_path).stdout)
    assert document["database"] == "db.sqlite3"
    assert {str(path.relative_to(tmp_path / "e2e")) for path in map(Path, document["playwright"])} == {
        *(f"snapstore/{one.name}" for one in KIT.iterdir()),
        *("playwright.config.mjs", "example.spec.mjs"),
    }
    configuration = (tmp_path / "e2e" / "playwright.config.mjs").read_text()
    assert "new URL('../snapstore.yaml', import.meta.url)" in configuration
    assert json.loads(run(["init", "--playwright", "e2e", "--json"], tmp_path).stdout)["playwright"] == []

    changed = tmp_path / "e2e" / "snapstore" / "suite.cjs"
    changed.write_text("mine")
    removed = tmp_path / "e2e" / "snapstore" / "report.cjs"
    removed.unlink()
    assert "suite.cjs" in error_of(run(["init", "--playwright", "e2e"], tmp_path, 14))
    assert (changed.read_text(), removed.exists()) == ("mine", False)
    said = run(["init", "--playwright", "e2e", "--force"], tmp_path).stdout
    assert changed.read_bytes() == (KIT / "suite.cjs").read_bytes()
    assert f"wrote {removed}" in said
    assert "left e2e/playwright.config.mjs as it is" in said


def test_init_says_what_is_in_its_way(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "file").write_text("a file")
    error_of(run(["init", "--playwright", "file"], tmp_path, 16))
    error_of(run(["init", "--playwright", ""], tmp_path, 16))
    assert (tmp_path / "file").read_text() == "a file"


def test_the_wheel_has_every_file_of_the_kit(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", os.fspath(tmp_path), os.fspath(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    if done.returncode:
        pytest.skip(f"pip cannot build here: {done.stderr.strip().splitlines()[-1:]}")
    (wheel,) = tmp_path.glob("*.whl")
    folder = KIT.parent
    wanted = {f"snapstore/integrations/playwright/{one.relative_to(folder)}" for one in folder.rglob("*.?[jt]s")}
    assert len(wanted) > len(NAMES)
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
