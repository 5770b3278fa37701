"""The Playwright example in a folder of its own: its packages, its backend as a process, its tests in Chromium."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import HOST, OWN_VARIABLES, START_DEADLINE
from tests.trees.mtree import mtree

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "django-playwright"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OLDEST_NODE = 20
TIMEOUT = 200  # seconds
TABLES = ("auth_user", "bots_integration", "bots_bottopic", "bots_botintegration", "bots_activitylog", "bots_picture")


@dataclass(frozen=True)
class Outcome:
    """What became of one test: its status, its errors in one text, its attachments by name."""

    status: str
    said: str
    attachments: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """A copy of the example, with a database in a journal mode."""

    folder: Path
    journal_mode: str
    port: int

    @property
    def database(self) -> Path:
        return self.folder / "backend" / "data" / "api_db_dev.sqlite3"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith((*OWN_VARIABLES, "PW"))}
        return kept | {
            "BACKEND_DATABASE": os.fspath(self.database),
            "BACKEND_JOURNAL_MODE": self.journal_mode,
            "BACKEND_URL": f"http://{HOST}:{self.port}",
            "SNAPSTORE_COMMAND": f"{sys.executable} -m snapstore",
            "XDG_CONFIG_HOME": os.fspath(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def manage(self, *arguments: str) -> None:
        self.do([sys.executable, "backend/manage.py", *arguments])

    def snap(self, *arguments: str, code: int = 0) -> str:
        return self.do([sys.executable, "-m", "snapstore", *arguments], code=code).stdout

    def do(self, command: list[str], code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    @staticmethod
    def playwright(*arguments: str) -> list[str]:
        return ["node", "node_modules/@playwright/test/cli.js", "test", "--reporter=json", *arguments]

    def run(self, *arguments: str, code: int = 0, **variables: str) -> dict[str, Outcome]:
        """Run tests; return what became of each, by its title."""
        return outcomes(json.loads(self.do(self.playwright(*arguments), code, **variables).stdout))

    def attempts(self, *arguments: str, code: int = 0, **variables: str) -> tuple[dict[str, list[str]], str]:
        """Run tests; return the status of each attempt at each test, and all errors in one text."""
        report = json.loads(self.do(self.playwright(*arguments), code, **variables).stdout)
        found: dict[str, list[str]] = {}
        said = [error["message"] for error in report["errors"]]
        pending: list[Any] = list(report["suites"])
        while pending:
            suite = pending.pop()
            pending += suite.get("suites", [])
            for spec in suite.get("specs", []):
                results = [one for test in spec["tests"] for one in test["results"]]
                found[spec["title"]] = [one["status"] for one in results]
                said += [error["message"] for one in results for error in one["errors"]]
        return found, "\n".join(said)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return all rows that the tests could touch, and the files that were uploaded."""
        with closing(sqlite3.connect(self.database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            rows = {table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in TABLES}
        media = mtree(self.database.parent / "media")
        return rows | {"files": [(path, *line) for path, line in sorted(media.items())]}

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the backend over the body; it has to be the same process to the end."""
        log = self.folder / "server.log"
        command = [sys.executable, "backend/manage.py", "runserver", "--noreload", f"{HOST}:{self.port}"]
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            _wait_for(process, self.port, log)
            yield process
            assert process.poll() is None
            assert "Traceback" not in log.read_text()
        finally:
            process.terminate()
            process.wait(timeout=10)


def install(folder: Path) -> Path:
    """Copy the example, install its packages, write the kit; skip where the machine lacks what it takes."""
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("no Chromium on this machine")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node.js with npm on this machine")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node.js is {version}, the example needs {OLDEST_NODE}")
    target = folder / "example"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("node_modules", "data", "snapstore", ".snapstore"))
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
        pytest.skip(f"npm cannot install Playwright: {'; '.join(said[:2])}")
    subprocess.run([sys.executable, "-m", "snapstore", "init", "--playwright", "."], cwd=target, check=True)
    return target


def make(installed: Path, folder: Path, journal_mode: str) -> Example:
    """Return the example in a folder of its own, migrated and seeded."""
    shutil.copytree(installed, folder, ignore=shutil.ignore_patterns("node_modules"), dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    example = Example(folder, journal_mode, _free_port())
    example.database.parent.mkdir(exist_ok=True)
    example.manage("migrate", "--verbosity=0")
    example.manage("seed")
    return example


def outcomes(report: dict[str, Any]) -> dict[str, Outcome]:
    """Return what the JSON reporter says of every test that was run, by title."""
    found: dict[str, Outcome] = {}
    pending = list(report["suites"])
    while pending:
        suite = pending.pop()
        pending += suite.get("suites", [])
        for spec in suite.get("specs", []):
            for test in spec["tests"]:
                (found[spec["title"]],) = map(_outcome, test["results"])
    return found


def _outcome(result: dict[str, Any]) -> Outcome:
    said = "\n".join(error.get("message", "") for error in result["errors"])
    return Outcome(result["status"], said, {one["name"]: _body(one) for one in result["attachments"]})


def _body(attachment: dict[str, Any]) -> str:
    from base64 import b64decode

    return b64decode(attachment["body"]).decode() if "body" in attachment else ""


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {log.read_text()}")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])
