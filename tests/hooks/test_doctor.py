"""`doctor` says which hooks would fail, and tells the application nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.results.findings import OK, WARNING, Finding
from tests.support import make_database


def examined(folder: Path, *hooks: str) -> list[Finding]:
    """Return the findings on `after_restore` hooks, each a line of YAML."""
    if not (folder / "db.sqlite3").exists():
        make_database(folder / "db.sqlite3")
    lines = "".join(f"  - {hook}\n" for hook in hooks)
    (folder / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: .snap\nafter_restore:\n{lines}")
    with Snapstore(config=folder / "snapstore.yaml") as snap:
        return [one for one in snap.doctor().findings if one.check == "after_restore"]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("touch told", OK),
        ("bin/clear-cache now", OK),
        ("cd x && y", OK),
        ("NAME=1 nothing-of-that-name", OK),
        ("nothing-of-that-name now", WARNING),
        ("bin/not-there", WARNING),
    ],
)
def test_a_command_that_is_not_there(tmp_path: Path, line: str, level: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "clear-cache").write_text("#!/bin/sh\ntouch told\n")
    (tmp_path / "bin" / "clear-cache").chmod(0o755)
    (found,) = examined(tmp_path, f"run: {line}")
    assert found.level == level
    assert found.detail.startswith(line)
    assert bool(found.remedy) is (level == WARNING)
    assert not (tmp_path / "told").exists()


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = examined(tmp_path, f"http: POST http://127.0.0.1:{port}/clear")
        assert (found.level, found.detail) == (OK, f"POST http://127.0.0.1:{port}/clear")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(100) == b""
    (found,) = examined(tmp_path, f"http: POST http://127.0.0.1:{port}/clear")
    assert found.level == WARNING
    assert f"127.0.0.1:{port} does not answer (connection refused)" in found.detail


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_that_is_gone(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    path = tmp_path / "server.pid"
    (found,) = examined(tmp_path, "{signal: TERM, pid_file: server.pid}")
    assert (found.level, found.detail) == (
        WARNING,
        f"SIGTERM to the process in {path}: it would fail now: there is no such pid file",
    )
    path.write_text(str(process.pid))
    (found,) = examined(tmp_path, "{signal: TERM, pid_file: server.pid}")
    assert found == Finding("after_restore", OK, f"SIGTERM to the process in {path}")
    process.communicate(b"\n")
    assert process.returncode == 0
    (found,) = examined(tmp_path, "{signal: TERM, pid_file: server.pid}")
    assert (found.level, os.fspath(path) in found.detail) == (WARNING, True)
