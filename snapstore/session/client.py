"""The Python client of a session: `snapstore.Session`.

The session is a child process, so that nothing of ours touches a database inside the process under test: POSIX drops
all locks that a process holds on a file when it closes any descriptor of it, whoever opened it. For the same reason no
SQLite library is imported here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from snapstore.errors import SessionEnded, SnapError
from snapstore.session import results
from snapstore.session.failures import error_of
from snapstore.session.protocol import call

if TYPE_CHECKING:
    from typing_extensions import Self

_LAST_BYTES = 2000  # of what a session that ended had said
_END_SECONDS = 30.0

PathLike = str | os.PathLike[str]
T = TypeVar("T")


class Session:
    """One `snap session`. Use it in a `with` block, or `close` it; one request at a time, from any thread.

    Every method raises what the verb raises (`snapstore.errors`), and SessionEnded where the process is gone.
    """

    def __init__(
        self,
        config: PathLike | None = None,
        db: PathLike | None = None,
        store: PathLike | None = None,
        *,
        cwd: PathLike | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Begin the process. Raises what is wrong with configuration or places."""
        places = (("--config", config), ("--db", db), ("--store", store))
        given = [word for name, path in places if path is not None for word in (name, os.fspath(path))]
        self._lock = threading.Lock()
        self._number = 0
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "snapstore", "session", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=cwd,
            env=env,
        )
        try:
            self.info()
        except BaseException:
            self.close()
            raise

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
            self._number += 1
            given = {name: value for name, value in parameters.items() if value is not None}
            self._send(call(self._number, method, given))
            answer = self._receive()
        if "error" in answer:
            raise error_of(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the session and wait until the database is unlocked; a second time does nothing."""
        if self._said.closed:
            return
        if self._process.poll() is None:
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
        self._said.close()

    def info(self) -> results.Info:
        """Say what the session is and how it follows changes."""
        return self._build(results.Info, "info")

    def release(self) -> None:
        """Let the databases go until the next request, so that the application may have them alone."""
        self.call("release")

    def tag(
        self,
        name: str,
        rev: str | None = None,
        *,
        message: str | None = None,
        new: bool = False,
        pin: bool = False,
        force: bool = False,
        timeout: float | None = None,
    ) -> results.Taken:
        """Take a snapshot of the live databases and name it, or name the snapshot `rev`."""
        return self._build(
            results.Taken, "tag", name=name, rev=rev, message=message, new=new, pin=pin, force=force, timeout=timeout
        )

    def backup(self, *, message: str | None = None, force: bool = False, timeout: float | None = None) -> results.Taken:
        """Take the snapshot that `restore` brings back by default."""
        return self._build(results.Taken, "backup", message=message, force=force, timeout=timeout)

    def delete_backup(self, *, force: bool = False) -> results.Deleted:
        """Remove the backup's name."""
        return self._build(results.Deleted, "backup", delete=True, force=force)

    def restore(
        self,
        rev: str | None = None,
        *,
        only_db: str | None = None,
        safety: bool = True,
        force: bool = False,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> results.Restored:
        """Bring back a snapshot, by default the backup, under open connections."""
        return self._build(
            results.Restored,
            "restore",
            rev=rev,
            only_db=only_db,
            safety=safety,
            force=force,
            dry_run=dry_run,
            timeout=timeout,
        )

    def undo(self, *, timeout: float | None = None) -> results.Restored:
        """Take back the last restore, clean or undo."""
        return self._build(results.Restored, "undo", timeout=timeout)

    def reset(self, *, timeout: float | None = None) -> results.Restored:
        """Bring back the backup or the newest intact snapshot, whatever state the file is in."""
        return self._build(results.Restored, "reset", timeout=timeout)

    def status(self, *, timeout: float | None = None) -> results.Status:
        """Say whether the live databases are as HEAD has them."""
        return self._build(results.Status, "status", timeout=timeout)

    def verify(
        self,
        rev: str | None = None,
        *,
        label: str | None = None,
        strict: bool = False,
        restore_on_fail: bool = False,
        rows: int | None = None,
        timeout: float | None = None,
    ) -> results.Verified:
        """Compare the live databases with a snapshot, by default HEAD, and name the rows that differ."""
        return self._build(
            results.Verified,
            "verify",
            rev=rev,
            label=label,
            strict=strict,
            restore_on_fail=restore_on_fail,
            rows=rows,
            timeout=timeout,
        )

    def diff(
        self,
        a: str | None = None,
        b: str | None = None,
        *,
        tables: Sequence[str] = (),
        limit: int | None = None,
        ignore: bool = True,
        timeout: float | None = None,
    ) -> results.Diff:
        """Compare two states row by row, by default HEAD and the live databases."""
        return self._build(
            results.Diff, "diff", a=a, b=b, tables=list(tables), limit=limit, ignore=ignore, timeout=timeout
        )

    def clean(
        self,
        rev: str | None = None,
        *,
        keep: Sequence[str] = (),
        force: bool = False,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> results.Cleaned:
        """Put back the rows that differ from a snapshot, and nothing else."""
        return self._build(
            results.Cleaned, "clean", rev=rev, keep=list(keep), force=force, dry_run=dry_run, timeout=timeout
        )

    def query(
        self,
        rev: str,
        sql: str,
        *,
        only_db: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> results.Answer:
        """Run one SELECT on a snapshot or `live`."""
        return self._build(results.Answer, "query", rev=rev, sql=sql, only_db=only_db, limit=limit, timeout=timeout)

    def log(self, number: int | None = None, *, everything: bool = False) -> list[results.Listed]:
        """List the snapshots, the newest first."""
        return [results.build(results.Listed, one) for one in self.call("log", number=number, all=everything)]

    def tags(self) -> list[results.Listed]:
        """List the tags, by name."""
        return [results.build(results.Listed, one) for one in self.call("tags")]

    def show(self, rev: str) -> results.Shown:
        """Show what a snapshot holds."""
        return self._build(results.Shown, "show", rev=rev)

    def export(self, rev: str, file: PathLike, *, only_db: str | None = None, force: bool = False) -> results.Exported:
        """Write a snapshot as a SQLite database of its own."""
        return self._build(
            results.Exported, "export", rev=rev, file=os.path.abspath(file), only_db=only_db, force=force
        )

    def begin_suite(
        self,
        name: str,
        *,
        command: str | None = None,
        baseline: str | None = None,
        mode: str | None = None,
        backup_name: str | None = None,
        keep_backup: bool | None = None,
        quiet: float | None = None,
        verdicts: Mapping[str, str] | None = None,
    ) -> results.SuiteBegun:
        """Begin a suite: repair one that died, go to the baseline, take the backup."""
        return self._build(
            results.SuiteBegun,
            "begin_suite",
            name=name,
            command=command,
            baseline=baseline,
            mode=mode,
            backup_name=backup_name,
            keep_backup=keep_backup,
            quiet=quiet,
            verdicts=None if verdicts is None else dict(verdicts),
        )

    def begin_test(self, label: str, *, scenario: str | None = None) -> results.TestBegun:
        """Note that a test begins; one that was not ended is ended first."""
        return self._build(results.TestBegun, "begin_test", label=label, scenario=scenario)

    def end_test(
        self, outcome: str = "passed", *, seconds: float | None = None, verdicts: Mapping[str, str] | None = None
    ) -> results.TestEnded:
        """End a test: clean up, verify, and put right what the policy says, or `verdicts` for this test."""
        said = None if verdicts is None else dict(verdicts)
        return self._build(results.TestEnded, "end_test", outcome=outcome, seconds=seconds, verdicts=said)

    def end_suite(self, exit_code: int | None = None, *, outcome: str | None = None) -> results.SuiteEnded:
        """End the suite: the last test, the backup, the books."""
        return self._build(results.SuiteEnded, "end_suite", exit_code=exit_code, outcome=outcome)

    def _build(self, kind: type[T], method: str, **parameters: Any) -> T:
        return cast(T, results.build(kind, self.call(method, **parameters)))

    def _send(self, line: bytes) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except (OSError, ValueError):  # it ended, and its last words may say why
            return

    def _receive(self) -> dict[str, Any]:
        """Return the answer to the last request; those that an interrupt kept from being read are passed over."""
        assert self._process.stdout is not None
        while True:
            line = b"" if self._process.stdout.closed else self._process.stdout.readline()
            if not line:
                raise self._ended()
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") in (self._number, None):
                return answer

    def _ended(self) -> SessionEnded:
        said = ""
        if not self._said.closed:
            status = self._process.wait()
            size = self._said.seek(0, os.SEEK_END)
            self._said.seek(max(0, size - _LAST_BYTES))
            said = self._said.read().decode("utf-8", "replace").strip()
            return SessionEnded(status, said)
        return SessionEnded(self._process.returncode, said)
