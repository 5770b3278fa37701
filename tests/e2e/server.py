"""The Django project beside this module: its command line, and its development server in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
MANAGE = Path(__file__).parent / "django_project" / "manage.py"
START_DEADLINE = 30.0  # seconds
COMMAND_TIMEOUT = 60.0  # seconds
OWN_VARIABLES = ("SNAPSTORE_", "E2E_", "DJANGO_")


def environment() -> dict[str, str]:
    """Return the environment without what would lead snapstore or Django elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}


@dataclass(frozen=True)
class DjangoProject:
    """The project with one database; `persistent` connections are never closed by Django (CONN_MAX_AGE=None)."""

    database: Path
    journal_mode: str
    persistent: bool

    @property
    def environment(self) -> dict[str, str]:
        return environment() | {
            "SHOP_DATABASE": str(self.database),
            "SHOP_JOURNAL_MODE": self.journal_mode,
            "SHOP_CONNECTIONS": "persistent" if self.persistent else "per request",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def manage(self, *arguments: str, **variables: str) -> None:
        """Run a command of manage.py to its end."""
        done = subprocess.run(
            [sys.executable, str(MANAGE), *arguments],
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT,
        )
        assert done.returncode == 0, done.stdout + done.stderr


class DjangoServer:
    """`manage.py runserver` from `with` to its end; `threads` gives every connection of a client its own thread."""

    def __init__(self, project: DjangoProject, log: Path, *, threads: bool) -> None:
        self.project = project
        self.port = _free_port()
        self._log = log
        options = ["--noreload"] if threads else ["--noreload", "--nothreading"]
        self._command = [sys.executable, str(MANAGE), "runserver", *options, f"{HOST}:{self.port}"]

    def __enter__(self) -> DjangoServer:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self.project.environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_for_port()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while time.monotonic() < deadline and self.is_running:
            with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log}")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])
