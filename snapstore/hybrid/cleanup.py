"""Cleanup: run the steps that are to remove what a test left, each with a time limit."""

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
from snapstore.hybrid.ledger import Attempt
from snapstore.hybrid.orphans import ends_with_parent
from snapstore.hybrid.policy import CleanupStep
from snapstore.patience import Patience
from snapstore.project import Project

DONE, FAILED, TIMED_OUT, STOPPED = "done", "failed", "timed out", "stopped"
_SAID_CHARACTERS = 500  # of what a failing command printed last
_GRACE_SECONDS = 2.0  # between the request to end and the order
_LOOK_SECONDS = 0.05  # between two looks at whether we are to stop


class CleanupRunner:
    """Runs steps for one project; commands see `environment` and run in `folder`.

    `stop` may be called by a signal handler: the step that runs is ended, and no other one is begun.
    """

    def __init__(self, project: Project, environment: Mapping[str, str], folder: str) -> None:
        self._project = project
        self._environment = environment
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._stops = 0

    @property
    def is_stopped(self) -> bool:
        """Whether no step is to be begun any more."""
        return self._stops > 0

    def stop(self) -> None:
        """End cleaning up: whoever waits for it would rather have the state put back at once. Twice means at once."""
        number = signal.SIGKILL if self._stops else signal.SIGTERM
        self._stops += 1
        if self._process and self._process.returncode is None:
            _tell(self._process, number)

    def pause(self, seconds: float) -> None:
        """Wait, unless we are to stop."""
        end = time.monotonic() + seconds
        while not self.is_stopped and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))

    def run(self, step: CleanupStep, number: int) -> Attempt:
        """Run a step, the attempt with this number; an error is a result, not raised."""
        if self.is_stopped:
            return Attempt(step.name, number, STOPPED, "", 0.0)
        start = time.monotonic()
        try:
            status, detail = self._command(step) if step.command else self._script(step)
        except SnapError as error:
            status, detail = FAILED, str(error)
        return Attempt(step.name, number, status, detail, time.monotonic() - start)

    def _command(self, step: CleanupStep) -> tuple[str, str]:
        with translated(self._folder):
            process = subprocess.Popen(  # noqa: S602 - the line is the user's own, and meant for the shell
                step.command or "",
                shell=True,
                cwd=self._folder,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - no thread of ours runs by now
            )
        self._process = process
        try:
            if self.is_stopped:  # while the process was begun
                return STOPPED, _end(process)
            said = process.communicate(timeout=step.timeout)[0]
        except subprocess.TimeoutExpired:
            return (STOPPED if self.is_stopped else TIMED_OUT), _end(process)
        except BaseException:
            _end(process)
            raise
        finally:
            self._process = None
        if self._stops and process.returncode:
            return STOPPED, _tail(said, process.returncode)
        return (DONE if process.returncode == 0 else FAILED), _tail(said, process.returncode)

    def _script(self, step: CleanupStep) -> tuple[str, str]:
        path = os.path.join(self._folder, step.sql or "")
        with translated(path), open(path, encoding="utf-8", errors="surrogateescape") as file:
            script = file.read()
        name = step.database or next(iter(self._project.databases))
        with DatabaseFile(self._project.only(name).databases[name]) as database:
            connection = database.connect(Patience(step.timeout), writable=True)
            connection.run_script(script, step.timeout)
        return DONE, ""


def _end(process: subprocess.Popen[bytes]) -> str:
    """Ask a command and all its children to end, then make them; return what it said."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _tell(process, number)
        with suppress(subprocess.TimeoutExpired):
            return _tail(process.communicate(timeout=_GRACE_SECONDS)[0], 0)
    return ""


def _tell(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _tail(said: bytes, code: int) -> str:
    text = said.decode("utf-8", "replace").strip()[-_SAID_CHARACTERS:]
    return f"exit {code}: {text}" if code else text
