"""`snap run`: whatever becomes of a suite, the state is put back and the ledger says what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import ENVIRONMENT, connect, count, make_database, run

CHANGE = "import sqlite3; c = sqlite3.connect('db.sqlite3'); c.execute(\"{}\"); c.commit()"
LEAK = CHANGE.format("INSERT INTO item(name) VALUES ('leak')")
FORGET = CHANGE.format("DELETE FROM item WHERE name = 'leak'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=20)
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, *lines: str) -> None:
    text = "\n".join(["database: db.sqlite3", "store: store", "run:", "  backoff: 0.01", "  quiet: 0.02", *lines])
    (folder / "snapstore.yaml").write_text(text + "\n")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def suite(folder: Path, *command: str, code: int = 0, **environment: str) -> Any:
    return json.loads(run(["run", "--json", "--", *command], folder, code, (), **environment).stdout)


def items(folder: Path) -> int:
    with closing(connect(folder / "db.sqlite3")) as connection:
        return count(connection)


def ledger(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(connect(folder / "store" / "catalog.db")) as connection:
        found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
        return found


def tags(folder: Path) -> list[str]:
    listed = json.loads(run(["tags", "--json"], folder).stdout)
    return [name for one in listed for name in one["names"]]


def begin(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a run and wait until its command has written."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snapstore", "run", "--", *command],
        cwd=folder,
        env={**ENVIRONMENT, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "conf")},
        stderr=subprocess.DEVNULL,
    )
    before = 20
    while items(folder) == before:
        assert process.poll() is None
        time.sleep(0.02)
    return process


def test_a_command_that_leaves_nothing_ends_as_it_ended(folder: Path) -> None:
    done = run(["run", "--", *python("print('its output')")], folder)
    assert done.stdout == "its output\n"
    assert "state: clean" in done.stderr
    assert tags(folder) == []
    assert ledger(folder, "SELECT outcome, exit_code FROM suite") == [("passed", 0)]


def test_a_command_that_fails_gives_its_own_code(folder: Path) -> None:
    found = suite(folder, *python("raise SystemExit(7)"), code=7)
    assert (found["outcome"], found["command_exit"], found["tests"][0]["verdict"]) == ("failed", 7, "clean")


def test_a_command_that_is_not_there_begins_nothing(folder: Path) -> None:
    assert "'no-such-command': no such command" in run(["run", "--", "no-such-command"], folder, 16).stderr
    assert not (folder / "store").exists()


def test_what_a_command_leaves_is_kept_and_put_back(folder: Path) -> None:
    found = suite(folder, *python(LEAK), code=3)
    (test,) = found["tests"]
    assert (test["verdict"], test["final"], test["restored"]) == ("leaked", "clean", True)
    assert test["tables"] == {"default": {"item": {"added": 1, "removed": 0, "changed": 0}}}
    assert items(folder) == 20
    diff = json.loads(run(["diff", "live", test["forensic"], "--json"], folder).stdout)
    assert [row["after"]["name"] for row in diff["databases"]["default"]["rows"]] == ["leak"]
    assert ledger(folder, "SELECT verdict, decision, final FROM test") == [("leaked", "restore", "clean")]


def test_a_cleanup_that_works_needs_no_restore(folder: Path) -> None:
    (folder / "cleanup.sql").write_text("DELETE FROM item WHERE name = 'leak';\n")
    configure(folder, "  cleanup:", "    - sql: cleanup.sql")
    (test,) = suite(folder, *python(LEAK))["tests"]
    assert (test["verdict"], test["restored"]) == ("drifted", False)
    assert [(one["step"], one["number"], one["status"]) for one in test["attempts"]] == [("cleanup.sql", 1, "done")]
    assert ledger(folder, "SELECT stage, table_name, added FROM leftover") == [(0, "item", 1)]


def test_a_cleanup_that_fails_is_tried_again(folder: Path) -> None:
    code = f"import os, sys; open('tries', 'a').write('x'); n = len(open('tries').read()); {FORGET}; sys.exit(n < 3)"
    (folder / "cleanup.py").write_text(code.replace("; ", "\n"))
    configure(folder, "  cleanup:", f"    - name: forget\n      command: {sys.executable} cleanup.py")
    (test,) = suite(folder, *python(LEAK))["tests"]
    assert [(one["number"], one["status"]) for one in test["attempts"]] == [(1, "failed"), (2, "failed"), (3, "done")]
    assert test["verdict"] == "drifted"


def test_a_cleanup_that_hangs_is_ended_with_its_children(folder: Path) -> None:
    configure(folder, "  attempts: 1", "  cleanup:", "    - command: sleep 60 & sleep 60\n      timeout: 0.3")
    (test,) = suite(folder, *python(LEAK), code=3)["tests"]
    assert test["attempts"][0]["status"] == "timed out"
    assert items(folder) == 20


def test_a_verdict_may_only_warn(folder: Path) -> None:
    configure(folder, "  verdicts: {leaked: warn}")
    (test,) = suite(folder, *python(LEAK))["tests"]
    assert (test["decision"], test["restored"]) == ("warn", False)
    assert items(folder) == 21


def test_a_verdict_may_fail_without_a_restore(folder: Path) -> None:
    configure(folder, "  verdicts: {leaked: fail}")
    (test,) = suite(folder, *python(LEAK), code=1)["tests"]
    assert (test["decision"], items(folder)) == ("fail", 21)
    assert tags(folder) == ["e2e-backup"]  # the way back stays


def test_without_backup_only_cleanup_is_run(folder: Path) -> None:
    (folder / "cleanup.sql").write_text("DELETE FROM item WHERE name = 'leak'")
    configure(folder, "  cleanup:", "    - sql: cleanup.sql")
    found = suite(folder, *python(LEAK), E2E_NO_BACKUP="true")
    assert found["tests"][0]["verdict"] is None
    assert (items(folder), tags(folder)) == (20, [])


def test_a_state_that_is_not_the_baseline_is_put_right_first(folder: Path) -> None:
    run(["tag", "seeded"], folder)
    subprocess.run(python(LEAK), cwd=folder, check=True)
    done = run(["run", "--json", "--baseline", "seeded", "--", *python("pass")], folder)
    (repaired,) = json.loads(done.stdout)["repaired"]
    assert repaired["verdict"] == "leaked"
    assert items(folder) == 20


def test_the_command_is_told_where_it_is(folder: Path) -> None:
    names = ("SNAPSTORE_DATABASE", "SNAPSTORE_STORE", "SNAPSTORE_SUITE")
    code = f"import os; print(*(os.environ[name] for name in {names[:2]}), bool(os.environ[{names[2]!r}]))"
    said = run(["run", "--", *python(code)], folder).stdout
    assert said == f"{folder / 'db.sqlite3'} {folder / 'store'} True\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_end_puts_the_state_back(folder: Path, number: int) -> None:
    process = begin(folder, *python(f"{LEAK}; import time; time.sleep(60)"))
    process.send_signal(number)
    assert process.wait(timeout=30) == 130
    assert items(folder) == 20
    assert ledger(folder, "SELECT outcome FROM suite") == [("interrupted",)]


def test_a_run_that_is_killed_is_repaired_by_the_next(folder: Path) -> None:
    process = begin(folder, *python(f"{LEAK}; import time; time.sleep(1)"))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    assert items(folder) == 21
    found = suite(folder, *python("pass"))
    assert [one["verdict"] for one in found["repaired"]] == ["leaked"]
    assert items(folder) == 20
    assert ledger(folder, "SELECT outcome, repaired FROM suite ORDER BY suite") == [("died", 1), ("passed", 0)]


def test_a_second_run_on_the_same_database_is_refused(folder: Path) -> None:
    process = begin(folder, *python(f"{LEAK}; import time; time.sleep(60)"))
    try:
        done = run(["run", "--", *python("pass")], folder, 14)
        assert f"process {process.pid}" in done.stderr
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_mistakes_in_the_configuration_name_key_and_line(folder: Path) -> None:
    for lines, said in (
        (("  cleanup: nothing",), "6: 'run.cleanup' has to be a list"),
        (("  cleanup:", "    - {name: both}"), "7: 'run.cleanup[0]' has to have either"),
        (("  verdicts: {leaky: warn}",), "6: unknown key 'leaky'"),
        (("  attempts: 0",), "6: 'run.attempts' has to be a number"),
        (("  keep_backup: perhaps",), "6: 'run.keep_backup' has to be one of true, false"),
    ):
        configure(folder, *lines)
        assert f"snapstore.yaml:{said}" in run(["run", "--", "true"], folder, 13).stderr
