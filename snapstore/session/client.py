"""The Python client of a session: `snapstore.Session`.

The session is a child process, so that nothing of snapstore touches a database inside the process under test: POSIX
drops all locks that a process holds on a file when it closes any descriptor of it. For the same reason no SQLite
library is imported here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from snapstore.api.verbs import PathLike, Verbs
from snapstore.errors import SessionEnded, SnapError
from snapstore.session.failures import error_of
from snapstore.session.protocol import INTERRUPT, call
from snapstore.session.remote import remote

_LAST_BYTES = 2000  # of what a session that ended wrote to standard error
_END_SECONDS = 30.0
_BUFFER_BYTES = 1 << 16  # what a pipe has, as a rule


class Session:
    """One `snap session`. Use it in a `with` block, or `close` it; one request at a time, from any thread.

    It does what `snapstore.Snapstore` does, with the same methods and results, and is safe inside a process that has
    the databases open. Every method raises what the verb raises (`snapstore.errors`), and SessionEnded where the
    child process is gone.
    """

    def __init__(
        self,
        config: PathLike | None = None,
        db: PathLike | None = None,
        store: PathLike | None = None,
        *,
        worker: str | None = None,
        cwd: PathLike | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Start the process, in the folder `cwd` and with the environment `env`.

        With `worker`, `db` is a copy of the configuration's database that a worker of this name has for itself.
        `timeout` bounds the seconds of waiting for locks where a method is given none. Raises what is wrong with the
        configuration or the locations.
        """
        locations = (("--config", config), ("--db", db), ("--store", store), ("--worker", worker))
        options = [word for name, path in locations if path is not None for word in (name, os.fspath(path))]
        self.timeout = timeout
        self._lock = threading.Lock()
        self._number = 0
        self._is_abandoned = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        # The session ignores SIGINT; the keys of a terminal must not meet it before it does.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = self._started(options, cwd, env)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            self.info()
        except BaseException:
            self.close()
            raise

    def _started(
        self, options: Sequence[str], cwd: PathLike | None, env: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # With -P, nothing is imported from the folder that the child runs in.
            [sys.executable, "-P", "-m", "snapstore", "session", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=_BUFFER_BYTES,
            cwd=cwd,
            env=env,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process of the session."""
        return self._process.pid

    def call(self, method: str, **parameters: Any) -> Any:
        """Do any method; return its result as JSON has it."""
        with self._lock:
            if self._is_abandoned:  # an interrupt that came too late must not end what follows
                self._send(call(0, "info", {}))
            self._number += 1
            given = {name: value for name, value in parameters.items() if value is not None}
            try:
                self._send(call(self._number, method, given))
                response = self._receive()
            except BaseException:
                self._abandon()
                raise
        if "error" in response:
            raise error_of(response["error"])
        return response["result"]

    def close(self) -> None:
        """End the session and wait until the databases are unlocked; a second time does nothing."""
        if self._errors.closed:
            return
        if self._process.poll() is None and not self._is_abandoned:
            with suppress(SnapError):
                self.call("shutdown")
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    tag = remote(Verbs.tag)
    backup = remote(Verbs.backup)
    delete_backup = remote(Verbs.delete_backup)
    restore = remote(Verbs.restore)
    undo = remote(Verbs.undo)
    reset = remote(Verbs.reset)
    status = remote(Verbs.status)
    verify = remote(Verbs.verify)
    diff = remote(Verbs.diff)
    suggest_ignore = remote(Verbs.suggest_ignore)
    clean = remote(Verbs.clean)
    apply = remote(Verbs.apply)
    query = remote(Verbs.query)
    log = remote(Verbs.log)
    tags = remote(Verbs.tags)
    reflog = remote(Verbs.reflog)
    show = remote(Verbs.show)
    export = remote(Verbs.export)
    import_ = remote(Verbs.import_)
    pin = remote(Verbs.pin)
    unpin = remote(Verbs.unpin)
    rename = remote(Verbs.rename)
    rm = remote(Verbs.rm)
    prune = remote(Verbs.prune)
    stores = remote(Verbs.stores)
    undo_prune = remote(Verbs.undo_prune)
    remotes = remote(Verbs.remotes)
    add_remote = remote(Verbs.add_remote)
    remove_remote = remote(Verbs.remove_remote)
    accept_remote = remote(Verbs.accept_remote)
    git_install = remote(Verbs.git_install)
    git_uninstall = remote(Verbs.git_uninstall)
    git_status = remote(Verbs.git_status)
    git_sync = remote(Verbs.git_sync)
    fsck = remote(Verbs.fsck)
    doctor = remote(Verbs.doctor)
    report = remote(Verbs.report)
    begin_suite = remote(Verbs.begin_suite)
    begin_test = remote(Verbs.begin_test)
    fail_test = remote(Verbs.fail_test)
    end_test = remote(Verbs.end_test)
    end_suite = remote(Verbs.end_suite)
    push = remote(Verbs.push)
    fetch = remote(Verbs.fetch)
    fetch_all = remote(Verbs.fetch_all)
    pull = remote(Verbs.pull)
    prune_remote = remote(Verbs.prune_remote)
    fsck_remote = remote(Verbs.fsck_remote)
    remote_tags = remote(Verbs.remote_tags)
    info = remote(Verbs.info)
    release = remote(Verbs.release)

    def _abandon(self) -> None:
        """Have the request end whose response is not waited for; the session ends after it when it is closed."""
        if self._process.poll() is None:
            self._is_abandoned = True
            self._process.send_signal(INTERRUPT)

    def _send(self, line: bytes) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (OSError, ValueError):  # it ended, and what it wrote last may say why
            return

    def _receive(self) -> dict[str, Any]:
        """Return the response to the last request; those that an interrupt kept from being read are passed over."""
        assert self._process.stdout is not None
        while True:
            line = b"" if self._process.stdout.closed else self._process.stdout.readline()
            if not line:
                raise self._ended()
            response: dict[str, Any] = json.loads(line)
            if response.get("id") in (self._number, None):
                self._is_abandoned = False
                return response

    def _ended(self) -> SessionEnded:
        if self._errors.closed:
            return SessionEnded(self._process.returncode, "")
        status = self._process.wait()
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _LAST_BYTES))
        return SessionEnded(status, self._errors.read().decode("utf-8", "replace").strip())
