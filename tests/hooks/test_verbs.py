"""Every verb that changes the live state runs the hooks, where pages changed and not otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import HookFailed, SnapError, UntrustedConfiguration
from snapstore.session.protocol import INTERRUPT
from tests.contents import execute, items
from tests.hooks.here import NOTE, Here, remembering, until
from tests.support import ENVIRONMENT, is_running

BOTH = ["before_restore", "after_restore"]
FAILS = {"run": "echo 'no \x1b[31mserver'; exit 3"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    yield Here(tmp_path, [NOTE], [NOTE])


def verify(snap: Snapstore) -> Any:
    return snap.verify("baseline", restore_on_fail=True)


CHANGES: dict[str, Callable[[Snapstore], Any]] = {
    "restore": lambda snap: snap.restore("baseline"),
    "clean": lambda snap: snap.clean("baseline"),
    "reset": lambda snap: snap.reset(),
    "verify": verify,
    "begin_suite": lambda snap: snap.begin_suite("suite", baseline="baseline"),
}


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_runs_all_hooks_once_and_none_where_nothing_changes(here: Here, verb: str) -> None:
    here.leak()
    with here.opened() as snap:
        result = CHANGES[verb](snap)
        assert [(one.when, one.ok, one.kind) for one in result.hooks] == [(when, True, "run") for when in BOTH]
        assert (here.notes(), items(here.database)) == (BOTH, 5)
    with here.opened() as snap:
        assert CHANGES[verb](snap).hooks == ()
        assert here.notes() == []


def test_undo_and_dry_runs(here: Here) -> None:
    here.leak()
    with here.opened() as snap:
        assert snap.restore("baseline", dry_run=True).changed
        assert snap.clean("baseline", dry_run=True).changed
        snap.restore("baseline", to=here.folder / "copy.sqlite3")
        assert here.notes() == []
        snap.restore("baseline")
        assert here.notes() == BOTH
        assert [one.when for one in snap.undo().hooks] == BOTH
    assert (here.notes(), items(here.database)) == (BOTH, 6)


def test_a_patch(here: Here) -> None:
    here.leak()
    here.command("tag", "leaked")
    (here.folder / "patch.sql").write_text(here.command("diff", "leaked", "baseline", "--format", "sql").stdout)
    with here.opened() as snap:
        assert snap.apply(here.folder / "patch.sql", dry_run=True).hooks == ()
        assert here.notes() == []
        assert [one.when for one in snap.apply(here.folder / "patch.sql").hooks] == BOTH
        with pytest.raises(SnapError):  # refused before anything is stopped: the rows are gone
            snap.apply(here.folder / "patch.sql")
    assert (here.notes(), items(here.database)) == (BOTH, 5)


def test_a_suite_and_the_repair_of_one_that_died(here: Here) -> None:
    with here.opened() as snap:
        snap.begin_suite("dies")
        snap.begin_test("first")
        here.leak()
        ended = snap.end_test("passed")
        assert ([one.when for one in ended.hooks], ended.ok, here.notes()) == (BOTH, True, BOTH)
        snap.begin_test("second")
        assert snap.end_test("passed").hooks == ()
        here.leak()
    assert here.notes() == []
    with here.opened() as snap:
        begun = snap.begin_suite("repairs")
        assert [one.when for one in begun.hooks] == BOTH
        assert [one.when for one in snap.end_suite().hooks] == BOTH
    assert (here.notes(), items(here.database)) == (BOTH, 5)


HOLDS_NOTHING = """
import sqlite3, subprocess, sys
connection = sqlite3.connect("db.sqlite3", timeout=0, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("ROLLBACK")
connection.close()
program = [sys.executable, "-P", "-m", "snapstore", "tag", "inside", "--timeout", "0"]
sys.exit(subprocess.run(program, capture_output=True).returncode)
"""


@pytest.mark.parametrize("open_", [Here.opened, Here.session])
def test_no_lock_is_held_while_hooks_run(here: Here, open_: Callable[[Here], Snapstore | Session]) -> None:
    (here.folder / "probe.py").write_text(HOLDS_NOTHING)
    probe = {"run": f"{sys.executable} probe.py", "timeout": 60}
    here.configure([probe], [probe])
    here.leak()
    with open_(here) as snap:
        found = snap.restore("baseline").hooks
        assert [(one.when, one.ok, one.detail) for one in found] == [(when, True, "") for when in BOTH]


def test_hooks_run_in_order_and_one_that_fails_stops_no_other(here: Here) -> None:
    hooks = [{"run": "echo first >> notes.txt"}, FAILS, {"run": "echo third >> notes.txt"}]
    here.configure(after=hooks)
    here.leak()
    with here.opened() as snap:
        result = snap.restore("baseline")
    assert here.notes() == ["first", "third"]
    assert [one.ok for one in result.hooks] == [True, False, True]
    assert result.hooks[1].detail == "exit 3: no \x1b[31mserver"
    assert len(result.warnings) == 1
    assert "\x1b" not in result.warnings[0]


def test_what_was_stopped_is_started_again_if_the_restore_fails(here: Here) -> None:
    here.configure([{"run": "mv store/packs aside; echo stop >> notes.txt"}], [NOTE])
    here.leak()
    with here.opened() as snap, pytest.raises(SnapError):
        snap.restore("baseline")
    assert here.notes() == ["stop", "after_restore"]
    assert items(here.database) == 6


def test_what_holds_the_database_may_be_stopped_by_a_hook(here: Here) -> None:
    holder = "import sqlite3, sys; c = sqlite3.connect('db.sqlite3'); c.execute('PRAGMA locking_mode = exclusive');"
    holder += "c.execute('BEGIN IMMEDIATE'); c.execute('COMMIT'); print(flush=True); sys.stdin.read()"
    execute(here.database, "PRAGMA journal_mode = delete", "INSERT INTO item(name) VALUES ('leak')")
    with subprocess.Popen(
        [sys.executable, "-c", holder], cwd=here.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        (here.folder / "holder.pid").write_text(str(process.pid))
        wait = f"while kill -0 {process.pid} && ! grep -q '^State:.Z' /proc/{process.pid}/status; do sleep 0.05; done"
        here.configure([{"signal": "TERM", "pid_file": "holder.pid"}, {"run": wait}])
        with here.opened() as snap:
            assert [one.ok for one in snap.restore("baseline").hooks] == [True, True]
    assert items(here.database) == 5


TELLS: dict[str, Any] = {
    "http": {"http": "POST http://127.0.0.1:{port}/forget", "headers": {"Authorization": "$TOKEN"}, "until": 204},
    "signal": {"signal": "HUP", "pid_file": "server.pid"},
    "run": {"run": "kill -HUP $(cat server.pid)"},
}


@pytest.mark.parametrize("kind", TELLS)
def test_a_server_that_remembers_is_told(tmp_path: Path, kind: str) -> None:
    here = Here(tmp_path)
    here.leak()
    with remembering(here) as ask, here.session(TOKEN="Bearer s3cret") as untold:
        assert ask() == ["leak"]
        untold.restore("baseline")
        assert (ask(), items(here.database)) == (["leak"], 5)
        hook = json.loads(json.dumps(TELLS[kind]).replace("{port}", (here.folder / "port").read_text()))
        here.configure(after=[hook])
        with here.session(TOKEN="Bearer s3cret") as session:
            session.undo()
            here.command("restore", "baseline", TOKEN="Bearer s3cret")
        until(lambda: ask() == [])


def test_a_required_hook_makes_a_command_fail_with_the_state_restored(here: Here) -> None:
    here.configure(after=[{**FAILS, "required": True}])
    for arguments in (["restore", "baseline"], ["clean", "baseline"], ["verify", "baseline", "--restore-on-fail"]):
        here.leak()
        done = here.command(*arguments, "--json", code=1)
        (hook,) = json.loads(done.stdout)["hooks"]
        wanted = {"when": "after_restore", "kind": "run", "what": FAILS["run"], "ok": False, "required": True}
        assert {key: hook[key] for key in wanted} == wanted
        assert hook["detail"].startswith("exit 3: ")
        assert "required after_restore hook 'echo 'no \\x1b[31mserver'; exit 3' failed" in done.stderr
        assert "\x1b" not in done.stderr
        assert items(here.database) == 5
    here.configure(after=[FAILS])
    here.leak()
    assert "warning: after_restore hook" in here.command("restore", "baseline").stderr


def test_a_required_hook_in_a_run(here: Here) -> None:
    leak = [sys.executable, "-c", "import sqlite3 as s; c = s.connect('db.sqlite3'); "
            "c.execute(\"INSERT INTO item(name) VALUES ('leak')\"); c.commit()"]  # fmt: skip
    here.configure(after=[{**FAILS, "required": True}])
    done = here.command("run", "--", *leak, code=1)
    assert "exit code 1: the command passed, and a required hook failed" in done.stderr
    assert items(here.database) == 5
    here.configure(after=[FAILS])
    assert "warning: after_restore hook" in here.command("run", "--", *leak, code=3).stderr
    here.configure(after=[{**FAILS, "required": True}])
    here.leak()
    done = here.command("run", "--baseline", "baseline", "--json", "--", *leak, code=1)
    assert json.loads(done.stdout)["error"]["code"] == HookFailed.code
    assert items(here.database) == 5


def test_an_untrusted_configuration_runs_no_hook(here: Here) -> None:
    here.leak()
    (here.folder / "snapstore.yaml").chmod(0o666)
    with pytest.raises(UntrustedConfiguration, match="others may write it"):
        here.opened()
    said = here.command("restore", "baseline", code=UntrustedConfiguration.exit_code).stderr
    assert "is not trusted" in said
    assert (here.notes(), items(here.database)) == ([], 6)


def test_a_hook_that_restores_runs_no_hooks(here: Here) -> None:
    here.command("tag", "leaked")
    again = {"run": f"{sys.executable} -P -m snapstore restore leaked", "timeout": 60}
    here.configure(after=[NOTE, again])
    here.leak()
    here.command("tag", "leaked")
    here.leak()
    here.command("restore", "baseline")
    assert (here.notes(), items(here.database)) == (["after_restore"], 6)


def test_an_interrupt_ends_the_hook_of_a_session_and_those_after_it(here: Here) -> None:
    slow = {"run": "echo $$ > shell.pid; sleep 300", "timeout": 300}
    here.configure(after=[slow, NOTE])
    here.leak()
    with here.session() as session:

        def interrupt() -> None:
            until(lambda: (here.folder / "shell.pid").exists() and (here.folder / "shell.pid").read_text())
            os.kill(session.pid, INTERRUPT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        result = session.restore("baseline")
        thread.join()
    assert [(one.ok, one.detail) for one in result.hooks] == [(False, "stopped"), (False, "stopped")]
    assert here.notes() == []
    until(lambda: not is_running(int((here.folder / "shell.pid").read_text())))


PLUGIN = """
import sqlite3, pytest
from contextlib import closing
@pytest.mark.parametrize("number", range(2))
def test_leaks(number):
    with closing(sqlite3.connect("db.sqlite3")) as c, c:
        c.execute("INSERT INTO note VALUES (1, 'left')")
"""


@pytest.mark.parametrize("required", [True, False])
def test_the_pytest_plugin_says_which_hook_failed(here: Here, required: bool) -> None:
    here.configure(after=[{**FAILS, "required": required}])
    (here.folder / "test_it.py").write_text(PLUGIN)
    (here.folder / "pytest.ini").write_text("[pytest]\n")
    program = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", "-q", "--snap"]
    done = subprocess.run(program, cwd=here.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == (1 if required else 0), said
    assert ("2 passed, 2 warnings, 2 errors" if required else "2 passed, 2 warnings") in said
    assert not required or "Failed: snapstore: required after_restore hook" in said
    assert f"{'required ' if required else ''}after_restore hook 'echo 'no \\x1b[31mserver'; exit 3' failed" in said
    assert "\x1b" not in said


def test_a_suite_that_ends_with_moved_sequences_tells_the_application(here: Here) -> None:
    here.configure(after=[NOTE, {**FAILS, "required": True}])
    with here.opened() as snap:
        snap.begin_suite("drifts")
        here.leak()
        execute(here.database, "DELETE FROM item WHERE name = 'leak'")
        ended = snap.end_suite()
    assert ([one.ok for one in ended.hooks], ended.ok, len(ended.warnings)) == ([True, False], False, 1)
    assert here.notes() == ["after_restore"]


DRIFTS = """
import sqlite3
from contextlib import closing
def test_drifts():
    with closing(sqlite3.connect("db.sqlite3")) as c, c:
        c.execute("INSERT INTO item(name) VALUES ('left')")
        c.execute("DELETE FROM item WHERE name = 'left'")
"""


def test_a_required_hook_at_the_end_of_a_pytest_run_fails_it(here: Here) -> None:
    here.configure(after=[{**FAILS, "required": True}])
    (here.folder / "test_it.py").write_text(DRIFTS)
    (here.folder / "pytest.ini").write_text("[pytest]\n")
    program = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", "-q", "--snap"]
    done = subprocess.run(program, cwd=here.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "1 passed, 1 warning" in done.stdout
    assert "HookFailed: snapstore: required after_restore hook" in done.stdout
