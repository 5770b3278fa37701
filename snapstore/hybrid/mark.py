"""The run mark: a lock on each live database that one run of a suite holds, with a line that says who.

The locks are on files of the store, one a database, so that projects that share a database keep out of each other's
way. They end with the process, however it ends; the line stays, and the ledger tells whether that suite ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from snapstore.files import translated, try_lock, write_all
from snapstore.ids import object_id
from snapstore.project import Project
from snapstore.refusals import RunInProgress
from snapstore.store import Store

_LINE_BYTES = 4096


@contextmanager
def run_mark(store: Store, project: Project, command: str) -> Iterator[None]:
    """Hold the mark over the body. Raises RunInProgress naming the other run, FileError."""
    line = f"process {os.getpid()}: {command}\n".encode("utf-8", "replace")[:_LINE_BYTES]
    with ExitStack() as stack:
        for database in sorted(project.databases.values()):
            stack.enter_context(_held(store, database, line))
        yield


@contextmanager
def _held(store: Store, database: str, line: bytes) -> Iterator[None]:
    path = os.path.join(store.locks_folder(), f"{object_id(os.fsencode(database)).hex()}.run")
    with translated(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if not try_lock(fd, shared=False):
            said = os.pread(fd, _LINE_BYTES, 0).decode("utf-8", "replace").strip()
            raise RunInProgress(said or "another run")
        with translated(path):
            os.ftruncate(fd, 0)
            write_all(fd, line)
        yield
    finally:
        os.close(fd)
