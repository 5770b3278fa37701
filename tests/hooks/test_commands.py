"""Commands that fail, hang, ignore SIGTERM, print much, and leave a server in the background."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from snapstore.hooks.hook import Command, Hook, HookSettings
from snapstore.hooks.hooks import Hooks
from snapstore.results.hooks import HookRun
from tests.hooks.here import until
from tests.support import ENVIRONMENT, is_running


def ran(line: str, folder: Path, timeout: float = 60) -> HookRun:
    hooks = Hooks(HookSettings(before=(Hook("run", Command(line), timeout),)), os.fspath(folder), lambda: ENVIRONMENT)
    with hooks.around() as telling:
        pass
    (run,) = telling.runs
    return run


def pid_in(path: Path) -> int:
    return int(path.read_text())


def test_a_command_runs_in_the_folder_and_says_how_it_ended(tmp_path: Path) -> None:
    run = ran("pwd; exit 3", tmp_path)
    assert (run.ok, run.detail) == (False, f"exit 3: {tmp_path}")
    assert (ran("read line", tmp_path).detail, ran("kill $$", tmp_path).detail) == ("exit 1", "exit -15")
    assert "no such" in ran("true", tmp_path / "missing").detail


def test_only_the_end_of_what_a_command_prints_is_kept(tmp_path: Path) -> None:
    run = ran("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done; printf '\\377'", tmp_path)
    assert run.ok
    assert run.detail.endswith("line 2999\n\ufffd")
    assert len(run.detail) == 500


@pytest.mark.parametrize("ignores", ["", "trap '' TERM; "])
def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path, ignores: str) -> None:
    run = ran(f"{ignores}echo waits; sleep 300 & echo $! > child; echo $$ > shell; wait", tmp_path, timeout=0.5)
    assert (run.ok, run.detail) == (False, "did not end within 0.5 s: waits")
    until(lambda: not any(is_running(pid_in(tmp_path / name)) for name in ("child", "shell")))


def test_a_server_that_a_command_starts_stays(tmp_path: Path) -> None:
    run = ran("while :; do sleep 0.1; echo noise || exit; done & echo $! > server", tmp_path)
    server = pid_in(tmp_path / "server")
    try:
        assert run.ok
        assert is_running(server)
    finally:
        os.kill(server, signal.SIGKILL)
