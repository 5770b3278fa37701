"""`snap run`: whatever becomes of a suite, the state is put back and the ledger says what happened."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hands import add_random, limited, without_powers
from tests.support import ENVIRONMENT, connect, count, dbhash, is_running, make_database, run

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


def start(folder: Path, *command: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start a run."""
    return subprocess.Popen(
        [sys.executable, "-m", "snapstore", "run", "--", *command],
        cwd=folder,
        env={**ENVIRONMENT, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "conf")},
        **{"stderr": subprocess.DEVNULL, **streams},
    )


def wait_for(path: Path) -> str:
    """Wait until a file says something; return that."""
    while not (path.exists() and path.read_text()):
        time.sleep(0.02)
    return path.read_text()


def begin(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a run and wait until its command has written."""
    process = start(folder, *command)
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
    assert (test["verdict"], test["verdict_after"], test["restored"]) == ("leaked", "clean", True)
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
    assert (test["ok"], test["state_ok"], test["restored"]) == (True, False, False)
    assert items(folder) == 21


def test_a_verdict_may_fail_without_a_restore(folder: Path) -> None:
    configure(folder, "  verdicts: {leaked: fail}")
    (test,) = suite(folder, *python(LEAK), code=1)["tests"]
    assert (test["ok"], items(folder)) == (False, 21)
    assert [name.partition("/")[0] for name in tags(folder)] == ["e2e-backup", "failed"]  # the way back stays


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
        (("  cleanup: nothing",), "6: 'run.cleanup' must be a list"),
        (("  cleanup:", "    - {name: both}"), "7: 'run.cleanup[0]' must have either"),
        (("  verdicts: {leaky: warn}",), "6: unknown key 'leaky'"),
        (("  attempts: 0",), "6: 'run.attempts' must be a whole number"),
        (("  keep_backup: perhaps",), "6: 'run.keep_backup' must be one of true, false"),
    ):
        configure(folder, *lines)
        assert f"snapstore.yaml:{said}" in run(["run", "--", "true"], folder, 13).stderr


def test_a_hang_up_is_passed_on_and_the_state_put_back(folder: Path) -> None:
    process = begin(folder, *python(f"{LEAK}; import time; time.sleep(60)"))
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=30) == 130
    assert items(folder) == 20


def test_a_command_that_does_not_listen_is_killed_at_the_third_signal(folder: Path) -> None:
    deaf = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    said = "open('pid', 'w').write(str(os.getpid()))"
    process = begin(folder, *python(f"{deaf}{said}; {LEAK}; time.sleep(60)"))
    child = int(wait_for(folder / "pid"))
    while is_running(child):  # signals that come before the last was taken are one
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert process.wait(timeout=30) == 130
    assert items(folder) == 20


def test_a_signal_while_cleaning_up_ends_the_cleanup_and_puts_the_state_back(folder: Path) -> None:
    configure(folder, "  cleanup:", "    - echo begun > step; sleep 60", "    - echo never > second")
    process = start(folder, *python(LEAK))
    wait_for(folder / "step")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert items(folder) == 20
    assert not (folder / "second").exists()
    assert ledger(folder, "SELECT DISTINCT number, status FROM attempt") == [(1, "stopped")]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that was killed")
@pytest.mark.parametrize("part", ["command", "cleanup"])
def test_what_a_killed_run_had_begun_ends_with_it(folder: Path, part: str) -> None:
    stays = [sys.executable, "-c", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"]
    if part == "cleanup":
        (folder / "stays.py").write_text(stays[2])
        configure(folder, "  cleanup:", f"    - exec {sys.executable} stays.py")
    process = start(folder, *(stays if part == "command" else ["true"]))
    child = int(wait_for(folder / "pid"))
    process.kill()
    process.wait(timeout=30)
    deadline = time.monotonic() + 30
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_terminal_sees_the_command_as_it_is_and_its_keys_interrupt_once(folder: Path) -> None:
    code = """
import signal, sys, time
count = []
signal.signal(signal.SIGINT, lambda *_: count.append(1))
print("terminal", sys.stdin.isatty(), sys.stdout.isatty(), flush=True)
end = time.monotonic() + 30
while not count and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.3)
print("signals", len(count), flush=True)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "snapstore", "run", "--", *python(code)], ENVIRONMENT)
    said = b""
    with suppress(OSError):  # the end of a terminal is an error to its reader
        while piece := os.read(terminal, 1000):
            if b"terminal True True" not in said and b"terminal True True" in said + piece:
                os.write(terminal, b"\x03")
            said += piece
    assert b"signals 1" in said
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    os.close(terminal)
    assert ledger(folder, "SELECT outcome FROM suite") == [("interrupted",)]


def test_a_missing_database_begins_nothing(folder: Path) -> None:
    (folder / "db.sqlite3").unlink()
    assert "no database at" in run(["run", "--", "touch", "ran"], folder, 15).stderr
    assert not (folder / "ran").exists()


def test_a_database_that_cannot_be_written_is_said_to_be_left_as_it_is(folder: Path) -> None:
    prefix = without_powers()
    with closing(connect(folder / "db.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode = delete")
    protect = f"{LEAK}; import os; os.chmod('db.sqlite3', 0o444)"
    done = run(["run", "--", *python(protect)], folder, 14, prefix)
    assert "is read-only" in done.stderr
    assert "the state was not restored; the next suite does that first, or 'snap restore' now" in done.stderr
    (folder / "db.sqlite3").chmod(0o644)
    assert [one["verdict"] for one in suite(folder, "true")["repaired"]] == ["leaked"]
    assert items(folder) == 20


def test_no_space_for_the_backup_begins_nothing(folder: Path) -> None:
    run(["tag", "seeded"], folder)
    add_random(folder / "db.sqlite3")
    before = dbhash(folder / "db.sqlite3")
    done = run(["run", "--", "touch", "ran"], folder, 16, limited(300_000))
    assert "no space left" in done.stderr
    assert not (folder / "ran").exists()
    assert dbhash(folder / "db.sqlite3") == before
    assert ledger(folder, "SELECT count(*) FROM sqlite_schema WHERE name = 'suite'") == [(0,)]
    assert suite(folder, "true")["outcome"] == "passed"


def test_a_locked_store_begins_nothing(folder: Path) -> None:
    run(["tag", "seeded"], folder)
    (folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\ntimeout: 0.2\n")
    with closing(connect(folder / "store" / "catalog.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert "timed out" in run(["run", "--", "touch", "ran"], folder, 11).stderr
    assert not (folder / "ran").exists()


def test_without_backup_it_says_so(folder: Path) -> None:
    said = run(["run", "--", *python(LEAK)], folder, E2E_NO_BACKUP="true").stderr
    assert "no backup was taken" in said
    assert "state: not verified" in said
    assert items(folder) == 21


def test_without_backup_a_baseline_is_compared_and_not_restored(folder: Path) -> None:
    run(["tag", "seeded"], folder)
    subprocess.run(python(LEAK), cwd=folder, check=True)
    done = run(["run", "--baseline", "seeded", "--", "true"], folder, 1, E2E_NO_BACKUP="true")
    assert re.search(r"left alone a state that is not seeded \([0-9a-f]+\) \(leaked\)", done.stderr)
    assert items(folder) == 21


def test_every_step_is_told_with_its_time_where_that_is_asked_for(folder: Path) -> None:
    (folder / "cleanup.sql").write_text("DELETE FROM item WHERE id = 21")
    configure(folder, "  cleanup:", "    - sql: cleanup.sql")
    code = f"{LEAK}; c.execute('DELETE FROM note'); c.commit()"
    for option, debug in (("-v", ""), ("--color=never", "true")):
        lines = run(["run", option, "--", *python(code)], folder, 3, E2E_DEBUG=debug).stderr
        times = r"\(\d+\.\d\d s\)"
        for line in (
            rf"backed up as e2e-backup: [\d,]+ bytes stored {times}",
            rf"the command ended with 0 {times}",
            "left by the test: 1 of item, 4 of note",
            rf"cleanup cleanup.sql, attempt 1: done {times}",
            "left after attempt 1: 4 of note",
            "attempt 1 removed: 1 of item",
            rf"quiet {times}",
            rf"verify, against e2e-backup \([0-9a-f]+\): damaged {times}",
            rf"restored e2e-backup: \d+ pages in-place {times}",
            rf"verify, against e2e-backup \([0-9a-f]+\): clean {times}",
            "deleted the backup e2e-backup",
        ):
            assert re.search(rf"^snap: {line}$", lines, re.MULTILINE), (line, lines)


def test_without_that_a_test_that_matters_has_a_line(folder: Path) -> None:
    said = run(["run", "--", "true"], folder).stderr
    assert re.fullmatch(r"snap: passed; state: clean, against e2e-backup \([0-9a-f]+\)\n", said)


def test_a_run_in_which_the_backup_is_deleted_ends_well(folder: Path) -> None:
    delete = [sys.executable, "-m", "snapstore", "backup", "--delete"]
    code = f"{LEAK}; import subprocess; subprocess.run({delete!r}, check=True)"
    found = suite(folder, *python(code), code=3)
    assert found["tests"][0]["verdict_after"] == "clean"
    assert items(folder) == 20


def test_a_backup_only_run_restores_without_complaint(folder: Path) -> None:
    configure(folder, "  mode: backup")
    assert suite(folder, *python(LEAK))["tests"][0]["restored"]
    assert items(folder) == 20


def test_a_script_that_is_no_text_is_an_attempt_that_failed(folder: Path) -> None:
    (folder / "cleanup.sql").write_bytes(b"DELETE FROM \xff\xfe")
    configure(folder, "  attempts: 1", "  cleanup:", "    - sql: cleanup.sql")
    (test,) = suite(folder, "true")["tests"]
    assert test["attempts"][0]["status"] == "failed"


def test_the_ledger_forgets_what_the_configuration_does_not_keep(folder: Path) -> None:
    configure(folder, "  ledger_suites: 2")
    for number in range(3):
        run(["run", "--label", f"run {number}", "--", "true"], folder)
    assert ledger(folder, "SELECT label FROM test ORDER BY test") == [("run 1",), ("run 2",)]


@pytest.mark.parametrize("code", [None, 1, 42, 125])
def test_the_code_for_a_restored_state_can_be_moved_and_is_said_in_words(folder: Path, code: int | None) -> None:
    configure(folder, *([f"  exit_restored: {code}"] if code else []))
    said = run(["run", "--", *python(LEAK)], folder, code or 3).stderr
    assert f"exit code {code or 3}: the command passed, cleanup failed, the state was restored" in said
    said = run(["run", "--", *python("raise SystemExit(3)")], folder, 3).stderr
    assert "exit code 3: the command failed" in said
    assert "exit code" not in run(["run", "--", *python("pass")], folder, 0).stderr


@pytest.mark.parametrize("code", ["0", "126", "-1", "3.5", "many"])
def test_a_code_that_a_shell_uses_is_refused(folder: Path, code: str) -> None:
    configure(folder, f"  exit_restored: {code}")
    assert "exit_restored' must be" in run(["run", "--", "true"], folder, 13).stderr


def test_the_command_line_chooses_the_mode(folder: Path) -> None:
    configure(folder, "  cleanup: ['touch cleaned']")
    words = ["run", "--mode", "backup", "--json", "--", *python(LEAK)]
    result = json.loads(run(words, folder).stdout)
    assert result["mode"] == "backup"
    assert not (folder / "cleaned").exists()
    assert items(folder) == 20
    words[2] = "cleanup"
    assert json.loads(run(words, folder).stdout)["mode"] == "cleanup"
    assert items(folder) == 21
    assert "'backup', 'cleanup'" in run(["run", "--mode", "none", "--", "true"], folder, 2).stderr


def test_status_and_doctor_tell_of_a_suite_that_runs_and_of_one_that_died(folder: Path) -> None:
    (folder / "go").touch()
    wait = "import os, time\nos.unlink('go')\nwhile not os.path.exists('go'): time.sleep(0.02)"
    with subprocess.Popen(
        [sys.executable, "-m", "snapstore", "run", "--label", "mine", "--", *python(wait)],
        cwd=folder,
        env=ENVIRONMENT,
        stderr=subprocess.DEVNULL,
    ) as process:
        while (folder / "go").exists():
            time.sleep(0.02)
        running = json.loads(run(["status", "--json"], folder).stdout)["suite"]
        assert (running["runs"], running["pid"]) == (True, process.pid)
        assert f"is running (process {process.pid})" in run(["status"], folder).stdout
        assert f"is running (process {process.pid})" in run(["doctor"], folder).stdout
        process.kill()
    (folder / "go").touch()
    assert json.loads(run(["status", "--json"], folder).stdout)["suite"]["runs"] is False
    assert "died; the next suite repairs what it left" in run(["status"], folder).stdout
    found = json.loads(run(["doctor", "--json"], folder).stdout)["findings"]
    assert [one["level"] for one in found if one["check"] == "suite"] == ["warning"]
    run(["run", "--", "true"], folder)
    assert json.loads(run(["status", "--json"], folder).stdout)["suite"] is None
    assert "suite" not in run(["doctor"], folder).stdout
