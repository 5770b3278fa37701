"""The kit for JavaScript: from plain Node, as ES module and CommonJS, its types, and what `init` writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snapstore.integrations import playwright
from snapstore.results.against import Against
from snapstore.results.codec import to_document
from snapstore.results.rows import Counts, RowChange
from snapstore.results.text import one_line
from snapstore.results.verdicts import Verified, VerifiedDatabase
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
    assert 'left behind: item 9001 "left"\nitem: 1 added' in seen["late"]["report"]
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
        seen.restarted = (await kit.getSession().info()).pid !== killed;
        seen.begun = await kit.setupTestEnvironment();
        await kit.teardownTestEnvironment();
        """,
    )
    assert (seen["torn"]["verdict"], seen["torn"]["restored"]) == ("leaked", True)
    assert seen["error"]["code"] == "session-ended"
    assert "begin the suite again" in seen["error"]["message"]
    assert seen["restarted"]
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
    assert "backup: skipped, E2E_NO_BACKUP is set" in off["said"]
    node(tmp_path, body, E2E_BACKUP_PATH=str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere" / "catalog.db").exists()
    body = "const log = console.log; const lines = []; console.log = (line) => lines.push(line);" + body
    told = node(tmp_path, f"{body} console.log = log; seen.lines = lines;", E2E_DEBUG="true")
    assert told["lines"] == ["snapstore: backed up as e2e-backup"]


@needs_node
def test_a_backend_is_started_for_a_worker_and_stopped_with_its_children(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("here")
    (tmp_path / "server.py").write_text(
        "import os, subprocess, sys\n"
        "open('database.txt', 'w').write(os.environ['DB'])\n"
        "subprocess.run([sys.executable, '-m', 'http.server', os.environ['PORT'], '--bind', '127.0.0.1'])\n"
    )
    seen = node(
        tmp_path,
        f"""
        const {{ startBackend }} = require({json.dumps(str(KIT / "backend.cjs"))});
        const command = [python, '-m', 'http.server', '{{port}}', '--bind', '127.0.0.1'];
        const one = await startBackend({{ command, path: '/page.txt' }});
        seen.text = await (await fetch(one.url + '/page.txt')).text();
        const line = `"${{python}}" server.py`;
        const two = await startBackend({{ command: line, database: 'w-0.db', env: {{ DB: 'file:{{database}}' }} }});
        seen.database = require('node:fs').readFileSync('database.txt', 'utf8');
        seen.ports = one.port !== two.port;
        await Promise.all([one.stop(), two.stop(), two.stop()]);
        seen.gone = await Promise.all([one, two].map(({{ url }}) => fetch(url).then(() => false, () => true)));
        const said = ({{ code, message }}) => ({{ code, message }});
        const failing = [python, '-c', "import sys; sys.exit('no such table')"];
        seen.failed = await startBackend({{ command: failing }}).catch(said);
        const deaf = [python, '-c', 'import time; time.sleep(60)'];
        seen.deaf = await startBackend({{ command: deaf, timeout: 300 }}).catch(said);
        seen.missing = await startBackend({{ command: ['no-such-program'] }}).catch(said);
        """,
    )
    assert (seen["text"], seen["database"], seen["ports"]) == ("here", "file:w-0.db", True)
    assert seen["gone"] == [True, True]
    assert {seen[name]["code"] for name in ("failed", "deaf", "missing")} == {"backend"}
    assert "exit code 1\nno such table" in seen["failed"]["message"]
    assert "does not answer at http://127.0.0.1:" in seen["deaf"]["message"]
    assert "ENOENT" in seen["missing"]["message"]


@needs_node
def test_a_backend_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    said = node(
        tmp_path,
        f"""
        const {{ startBackend }} = require({json.dumps(str(KIT / "backend.cjs"))});
        const one = await startBackend({{ command: `"${{python}}" -m http.server {{port}} --bind 127.0.0.1` }});
        require('node:fs').writeFileSync('port', String(one.port));
        process.kill(process.pid, 'SIGKILL');
        """,
        code=-signal.SIGKILL,
    )
    assert said == ""
    port = int((tmp_path / "port").read_text())
    deadline = time.monotonic() + 60
    while True:
        with closing(socket.socket()) as client:
            if client.connect_ex(("127.0.0.1", port)):
                return
        assert time.monotonic() < deadline, "the backend still listens"
        time.sleep(0.05)


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
        seen.stored = kit.placesOf({ db: 'data/{worker}.sqlite3', store: 'kept-{worker}' }, 2);
        seen.shared = kit.placesOf({ db: 'data/db.sqlite3', store: 'kept' }, 2);
        """,
    )
    assert (seen["own"]["db"], seen["own"].get("store"), seen["own"]["worker"]) == ("data/2.sqlite3", None, "2")
    assert (seen["stored"]["store"], seen["stored"].get("worker")) == ("kept-2", None)
    assert (seen["shared"]["db"], seen["shared"]["store"]) == ("data/db.sqlite3", "kept")
    assert seen["shared"].get("worker") is None


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


def test_init_writes_kit_and_example_and_overwrites_nothing_unasked(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    arguments = ["init", "--playwright", "e2e", "--example", "--json"]
    document = json.loads(run(arguments, tmp_path).stdout)
    assert document["database"] == "db.sqlite3"
    assert {str(path.relative_to(tmp_path / "e2e")) for path in map(Path, document["playwright"])} == {
        *(f"snapstore/{one.name}" for one in KIT.iterdir() if one.name not in ("package.json", "README.md")),
        *("playwright.config.mjs", "example.spec.mjs"),
    }
    assert 'config: "../snapstore.yaml"' in (tmp_path / "e2e" / "playwright.config.mjs").read_text()
    again = json.loads(run(arguments, tmp_path).stdout)
    assert (again["playwright"], again["configuration"]) == ([], str(tmp_path / "e2e" / "playwright.config.mjs"))

    changed = tmp_path / "e2e" / "snapstore" / "suite.cjs"
    ours = changed.read_bytes()
    changed.write_text("mine")
    removed = tmp_path / "e2e" / "snapstore" / "report.cjs"
    removed.unlink()
    refused = run(["init", "--playwright", "e2e"], tmp_path, 14)
    assert "suite.cjs" in error_of(refused)
    assert "kit" in refused.stderr.partition("Hint: ")[2]
    assert (changed.read_text(), removed.exists()) == ("mine", False)
    said = run(["init", "--playwright", "e2e", "--force"], tmp_path).stdout
    assert (changed.read_bytes(), ours.endswith((KIT / "suite.cjs").read_bytes())) == (ours, True)
    assert f"wrote {removed}" in said
    assert "left e2e/playwright.config.mjs as it is" in said


@pytest.mark.parametrize(
    ("name", "package", "wanted"),
    [
        ("playwright.config.ts", {}, "import { databaseProjects } from './e2e/snapstore/projects.cjs';"),
        (
            "playwright.config.ts",
            {"type": "module"},
            "import { databaseProjects } from './e2e/snapstore/projects.mjs';",
        ),
        ("playwright.config.js", {}, "const { databaseProjects } = require('./e2e/snapstore/projects.cjs');"),
        ("playwright.config.mjs", {}, "import { databaseProjects } from './e2e/snapstore/projects.mjs';"),
    ],
)
def test_init_finds_the_configuration_and_prints_what_to_add(
    name: str, package: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / name).write_text("mine")
    (tmp_path / "package.json").write_text(json.dumps(package))
    document = json.loads(run(["init", "--playwright", "e2e", "--example", "--json"], tmp_path).stdout)
    assert document["configuration"] == str(tmp_path / name)
    line = wanted.replace("{}", "{ databaseProjects }").replace("PROJECTS", "./e2e/snapstore/projects")
    assert line in document["lines"]
    assert any("defineConfig<SnapstoreTestFixtures" in one for one in document["lines"]) == name.endswith("ts")
    assert {path.name for path in (tmp_path / "e2e").iterdir()} == {"snapstore"}
    assert (tmp_path / name).read_text() == "mine"


def test_init_prints_a_whole_configuration_where_there_is_none(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    lines = json.loads(run(["init", "--playwright", "e2e", "--json"], tmp_path).stdout)["lines"]
    assert lines[:2] == [
        "import { defineConfig } from '@playwright/test';",
        "import { databaseProjects } from './e2e/snapstore/projects.cjs';",
    ]
    assert "  testDir: './e2e'," in lines
    assert "  use: { snapstore: { config: './snapstore.yaml' } }," in lines
    assert lines[-1].startswith("import { expect, test } from './snapstore/fixtures.")


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


@needs_node
def test_commands_that_the_kit_names_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    for folder, text in ((tmp_path, "db.sqlite3"), (tmp_path / "conf", "../db.sqlite3")):
        (folder / "snapstore.yaml").write_text(f"database: {text}\nstore: store\n")
    body = """
      const line = (given, ...words) => new kit.Session({ command: [python, '-m', 'snapstore'], ...given })
        .commandLine(...words).replace(`${python} -m snapstore`, 'SNAP');
      seen.lines = [
        line({ config: 'snapstore.yaml' }, 'undo'),
        line({ config: 'conf/snapstore.yaml' }, 'undo'),
        line({ config: 'snapstore.yaml', cwd: 'conf' }, 'undo'),
        line({ db: 'db.sqlite3', store: 'store', worker: '1' }, 'diff', "it's"),
        line({ config: 'conf/snapstore.yaml', paths: { conf: '/app' } }, 'undo'),
      ];
      const session = kit.getSession();
      seen.pasted = session.pasteable("'snap undo' brings it back").replaceAll(python, 'PYTHON');
      seen.ofTest = session.commandLineOfTest('a > "b" $(c)').replaceAll(python, 'PYTHON');
      seen.ofCopy = new kit.Session({ db: 'copy', worker: '1' }).commandLineOfTest('a');
      try {
        await session.undo();
      } catch (error) {
        seen.hint = error.hint.replaceAll(python, 'PYTHON');
      }
    """
    seen = node(tmp_path, body)
    assert seen["lines"] == [
        "SNAP undo",
        "SNAP --config conf/snapstore.yaml undo",
        "SNAP --config conf/snapstore.yaml undo",
        "SNAP --db db.sqlite3 --store store --worker 1 diff 'it'\\''s'",
        "SNAP --config /app/snapstore.yaml undo",
    ]
    program = "PYTHON -m snapstore --db db.sqlite3 --store store"
    assert seen["pasted"] == f"'{program} undo' brings it back"
    assert seen["ofTest"] == f"{program} diff --test 'a > \"b\" $(c)'"
    assert seen["ofCopy"] == "snapstore diff --test a"
    assert seen["hint"] == f"'{program} tag baseline' takes the first snapshot and creates the store"


EVIL = "\x1b]0;T\x07\x1b[2J\u202e\u2028\nfake\x9b\ud800\U000e0001"


@needs_node
def test_what_the_kit_says_is_escaped(tmp_path: Path) -> None:
    found = {
        "verdict": "leaked" + EVIL,
        "databases": {
            "d" + EVIL: {
                "schema": [{"type": "table", "name": "s" + EVIL, "change": "added"}],
                "tables": {"t" + EVIL: {"added": 1}},
                "leaks": [
                    {
                        "table": "t" + EVIL,
                        "key": {"k": "key" + EVIL},
                        "under": {"c" + EVIL: 2},
                        "of": {"table": "o" + EVIL, "key": {"k": {"int": "9" + EVIL}}},
                    }
                ],
                "rows": [
                    {
                        "table": "t" + EVIL,
                        "key": {"k": EVIL},
                        "change": "changed",
                        "columns": ["v" + EVIL],
                        "before": {"v" + EVIL: "x" * 10_000 + EVIL},
                        "after": {"v" + EVIL: {"text": "/w==", "encoding": "utf-8"}},
                    }
                ],
            },
            "other": {},
        },
        "attempts": [{"step": "s" + EVIL, "status": "failed", "detail": EVIL}],
    }
    body = f"""
        const {{ escaped, warn, repeat }} = require({json.dumps(str(KIT / "console.cjs"))});
        const evil = {json.dumps(EVIL)};
        seen.described = kit.describe({json.dumps(found)});
        seen.error = new kit.SnapstoreError(escaped(evil), {{ hint: evil }}).message;
        seen.of = kit.SnapstoreError.of({{ code: 1, message: evil, data: {{ code: 'c', hint: evil }} }}).message;
        seen.escaped = escaped(evil);
        warn(evil);
        repeat(evil);
    """
    seen = node(tmp_path, body)
    assert seen["escaped"] == one_line(EVIL)
    for text in seen.values():
        assert {char for char in text if not char.isprintable()} <= {"\n"}, text
    assert len(seen["described"].split("\n")) == 6
    assert len(seen["described"]) < 2000
    assert [len(seen[name].split("\n")) for name in ("error", "of")] == [2, 2]


@needs_node
def test_the_text_names_the_snapshot_and_what_differs_after_a_restore(tmp_path: Path) -> None:
    row = RowChange("beat", {"id": 1}, "changed", {"id": 1, "n": 1}, {"id": 1, "n": 2}, ("n",))
    against = Against("e2e-backup", "0d4c41a24d" + "ab" * 11, ("baseline", "e2e-backup"))
    before = VerifiedDatabase("leaked", {"item": Counts(added=1)}, compared_with=against)
    after = VerifiedDatabase("damaged", {"beat": Counts(changed=1)}, (row,), compared_with=against)
    found = Verified(
        *("leaked", False, False, against.snapshot, False, "cd" * 16, None, {"default": before}, 0.1),
        compared_with=against,
        verdict_after="damaged",
        databases_after={"default": after},
    )
    wrong = to_document(found)
    right = to_document(replace(found, restored=True, state_ok=True, verdict_after="clean", databases_after={}))
    seen = node(
        tmp_path,
        f"const report = require({json.dumps(str(KIT / 'report.cjs'))});"
        f"seen.wrong = report.describe({json.dumps(wrong)}); seen.right = report.describe({json.dumps(right)});",
    )
    first = "database: leaked, against e2e-backup (baseline, 0d4c41a24d)\nitem: 1 added\n"
    again = "restored, but verification still reports 'damaged'; what differs now:\n"
    assert seen["wrong"] == f"{first}{again}  changed: beat 1: n 1 -> 2\n  beat: 1 changed"
    assert seen["right"] == f"{first}restored"
