"""Cleanup: run the steps that should remove what a test left, each with a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress

from snapstore.database.file import DatabaseFile
from snapstore.errors import SnapError
from snapstore.files import translated
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.regular import open_named
from snapstore.results.suites import Attempt
from snapstore.shell import GRACE_SECONDS, signal_group, start, tail
from snapstore.suite.policy import CleanupStep

DONE, FAILED, TIMED_OUT, STOPPED = "done", "failed", "timed out", "stopped"
_LOOK_SECONDS = 0.05  # between two looks for a request to stop


class CleanupRunner:
    """Runs steps for one project; commands see `environment` and run in `folder`.

    A signal handler may call `stop`: it ends the step that runs, and no other one begins.
    """

    def __init__(self, project: Project, environment: Mapping[str, str], folder: str) -> None:
        self._project = project
        self._environment = environment
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._stops = 0

    @property
    def is_stopped(self) -> bool:
        """Whether no more steps may begin."""
        return self._stops > 0

    def stop(self) -> None:
        """Stop cleaning up, so that the state is restored sooner. A second call kills the step."""
        number = signal.SIGKILL if self._stops else signal.SIGTERM
        self._stops += 1
        if self._process and self._process.returncode is None:
            signal_group(self._process, number)

    def pause(self, seconds: float) -> None:
        """Wait, unless `stop` was called."""
        end = time.monotonic() + seconds
        while not self.is_stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))

    def run(self, step: CleanupStep, number: int) -> Attempt:
        """Run a step, the attempt with this number; an error is a result and not raised."""
        if self.is_stopped:
            return Attempt(step.name, number, STOPPED, "", 0.0)
        began = time.monotonic()
        try:
            status, detail = self._command(step) if step.command else self._script(step)
        except SnapError as error:
            status, detail = FAILED, str(error)
        return Attempt(step.name, number, status, detail, time.monotonic() - began)

    def _command(self, step: CleanupStep) -> tuple[str, str]:
        process = self._process = start(step.command or "", self._folder, self._environment)
        try:
            if self.is_stopped:  # while the process was started
                return STOPPED, _end(process)
            output = process.communicate(timeout=step.timeout)[0]
        except subprocess.TimeoutExpired:
            return (STOPPED if self.is_stopped else TIMED_OUT), _end(process)
        except BaseException:
            _end(process)
            raise
        finally:
            self._process = None
        if self._stops and process.returncode:
            return STOPPED, tail(output, process.returncode)
        return (DONE if process.returncode == 0 else FAILED), tail(output, process.returncode)

    def _script(self, step: CleanupStep) -> tuple[str, str]:
        path = os.path.join(self._folder, step.sql or "")
        with translated(path), open(open_named(path), encoding="utf-8", errors="surrogateescape") as file:
            script = file.read()
        name = step.database or next(iter(self._project.databases))
        with DatabaseFile(self._project.only(name).databases[name]) as database:
            connection = database.connect(Deadline(step.timeout), writable=True)
            connection.run_script(script, step.timeout)
        return DONE, ""


def _end(process: subprocess.Popen[bytes]) -> str:
    """Ask a command and all its children to end, then kill them; return what it printed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal_group(process, number)
        with suppress(subprocess.TimeoutExpired):
            return tail(process.communicate(timeout=GRACE_SECONDS)[0], 0)
    return ""
