"""The run mark: a lock on each live database, held by one run of a suite, with a line that names the run.

The locks are on files of the store, one for each database, so that projects that share a database do not run at once.
They end with the process, however it ends. The line stays, and the ledger tells whether that suite ended. The time of
the file is the last sign of life of the run: what is written to a database long after it is not the run's doing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from snapstore.errors import RunInProgress
from snapstore.files import translated, write_all
from snapstore.ids import object_id
from snapstore.layout import LOCKS
from snapstore.locks import Deadline, acquire, held
from snapstore.project import Project
from snapstore.regular import open_regular
from snapstore.store import Store

_LINE_BYTES = 4096
_LOOK_SECONDS = 0.1  # to wait for a process that only looks, and holds the lock for a moment


class RunMark:
    """The mark while it is held; `last_sign` is when the run before it was last alive, None if there was none."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self.last_sign: float | None = None

    def add(self, fd: int) -> None:
        """Take the file of another database."""
        found = os.fstat(fd)
        if found.st_size:
            self.last_sign = max(found.st_mtime, self.last_sign or 0.0)
        self._files.append(fd)

    def show_life(self) -> None:
        """Say that the run is alive now. A signal handler may call this."""
        for fd in self._files:
            with suppress(OSError):
                os.utime(fd)


@contextmanager
def run_mark(store: Store, project: Project, command: str, worker_store: str | None = None) -> Iterator[RunMark]:
    """Hold the mark over the body; it shows no life by itself.

    `store` is the project's, also for a worker; `worker_store` is the folder of that worker's own, which it has alone.
    Raises RunInProgress, which names the other run, and FileError.
    """
    mark = RunMark()
    line = f"process {os.getpid()}: {command}\n".encode("utf-8", "replace")[:_LINE_BYTES]
    with ExitStack() as stack:
        for database in sorted(project.databases.values()):
            stack.enter_context(_held(store, database, line, mark))
        if worker_store:
            stack.enter_context(_held(store, worker_store, line, RunMark()))
        yield mark


@contextmanager
def _held(store: Store, database: str, line: bytes, mark: RunMark) -> Iterator[None]:
    path = _path(store.locks_folder(), database)
    with held(path, Deadline(_LOOK_SECONDS), shared=False, busy=lambda: RunInProgress(_read(path))) as fd:
        with translated(path):
            mark.add(fd)
            before = os.fstat(fd)
            os.ftruncate(fd, 0)
            write_all(fd, line)
            os.utime(fd, ns=(before.st_atime_ns, before.st_mtime_ns))  # the sign is needed until the repair is done
        yield


def is_marked(store: Store, project: Project) -> bool:
    """Return whether a run of a suite holds the mark of one of the databases."""
    return _marked(store, project) is not None


def refuse_beside_run(store: Store, project: Project) -> None:
    """Raise RunInProgress where `is_marked`."""
    if path := _marked(store, project):
        raise RunInProgress(_read(path))


def is_held(store: Store, marked: str) -> bool:
    """Return whether a run holds the mark of one thing: the path of a database, or of a worker's store."""
    return _held_file(store, marked) is not None


def _marked(store: Store, project: Project) -> str | None:
    """Return the file of a mark that is held, None where none is."""
    found = (_held_file(store, database) for database in project.databases.values())
    return next(filter(None, found), None)


def _held_file(store: Store, marked: str) -> str | None:
    path = _path(os.path.join(store.path, LOCKS), marked)
    if os.path.exists(path):
        fd = acquire(path, Deadline(0), shared=True)
        if fd is None:
            return path
        os.close(fd)
    return None


def _path(folder: str, database: str) -> str:
    return os.path.join(folder, f"{object_id(os.fsencode(database)).hex()}.run")


def _read(path: str) -> str:
    with translated(path), open(open_regular(path, os.O_RDONLY), encoding="utf-8", errors="replace") as file:
        return file.read(_LINE_BYTES).strip()
