"""Signals to the process in a file: one that is meant, and files that are stale, broken, or somebody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.hooks.hook import Hook, HookSettings, Signal
from snapstore.hooks.hooks import Hooks
from snapstore.results.hooks import HookRun
from tests.users import ALICE

WAITS = "import signal, sys; signal.signal(signal.SIGHUP, lambda *_: sys.exit(7)); print(flush=True); signal.pause()"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that ends with 7 when it gets SIGHUP."""
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def sent(path: Path) -> HookRun:
    hook = Hook("signal", Signal(signal.SIGHUP, "SIGHUP", os.fspath(path)))
    with Hooks(HookSettings(before=(hook,))).around() as telling:
        pass
    (run,) = telling.runs
    return run


def refused(path: Path, process: subprocess.Popen[bytes]) -> str:
    """Demand that no signal is sent; return why."""
    run = sent(path)
    assert not run.ok
    assert process.poll() is None
    return run.detail


def test_the_process_gets_the_signal(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = tmp_path / "server.pid"
    path.write_text(f"{process.pid}\nanother line\n")
    run = sent(path)
    assert (run.ok, process.wait()) == (True, 7)
    assert run.detail.startswith("sent to '")
    assert f"(pid {process.pid})" in run.detail
    assert sent(path).detail == "the pid file is stale: that process is gone"


@pytest.mark.parametrize("text", ["", "server", "-1", "0", "1.5", "12 13", "99999999999"])
def test_a_file_that_has_no_number(process: subprocess.Popen[bytes], tmp_path: Path, text: str) -> None:
    (tmp_path / "server.pid").write_text(text)
    assert refused(tmp_path / "server.pid", process) == "the pid file does not begin with a process number"


def test_a_file_that_is_none(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert refused(tmp_path / "server.pid", process) == "there is no such pid file"
    os.mkfifo(tmp_path / "server.pid")
    assert refused(tmp_path / "server.pid", process) == "the pid file is not a regular file"


def test_a_file_that_others_may_write(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = tmp_path / "server.pid"
    path.write_text(str(process.pid))
    path.chmod(0o666)
    assert refused(path, process) == "others may write the pid file"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
def test_a_file_that_is_older_than_the_process_or_the_machine(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = tmp_path / "server.pid"
    path.write_text(str(process.pid))
    os.utime(path, (0, time.time() - 60))
    assert refused(path, process) == f"the pid file is stale: process {process.pid} began after it was written"
    os.utime(path, (0, 1))
    assert refused(path, process) == "the pid file is stale: it is older than the last start of this machine"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a process is")
def test_a_process_or_a_file_of_another_user(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = tmp_path / "server.pid"
    path.write_text(str(process.pid))
    os.chown(path, ALICE.id, ALICE.id)
    assert refused(path, process) == f"process {process.pid} belongs to user 0"


def test_a_process_that_has_ended_and_waits_to_be_noticed(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as process:
        path = tmp_path / "server.pid"
        path.write_text(str(process.pid))
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT) is None:
            pass
        assert sent(path).detail == f"the pid file is stale: process {process.pid} has ended"
