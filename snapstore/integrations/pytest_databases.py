"""Which database the tests of one process use: the project's own, or a copy for each worker of pytest-xdist."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

from snapstore.errors import SnapError
from snapstore.integrations.pytest_plugin import said
from snapstore.session.client import Session

VARIABLE = "SNAPSTORE_TEST_DB"
"""The environment variable that tells an application under test which database is its process's own."""

PLACE = "{worker}"
MAIN = "master"  # pytest-xdist's name for the process that is no worker


def worker() -> str:
    """Return this process's name: `gw0` and so on, or `master` without pytest-xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", MAIN)


def announce(config: pytest.Config) -> None:
    """Set the variable, where a path was given."""
    if given := config.known_args_namespace.snap_db or config.getini("snapstore_db"):
        os.environ[VARIABLE] = os.path.abspath(str(given).replace(PLACE, worker()))


class Databases:
    """The places of one process, and the session on them."""

    def __init__(self, config: pytest.Config) -> None:
        self._given = said(config, "--snap-db")
        self._store = said(config, "--snap-store") or None
        self._config = said(config, "--snap-config") or None
        self._baseline = said(config, "--snap-baseline")
        self._folder = str(config.invocation_params.dir)
        self._made: str | None = None
        self.path = os.path.abspath(self._given.replace(PLACE, worker())) if self._given else ""

    @property
    def is_copy(self) -> bool:
        """Whether this process has a database of its own."""
        return PLACE in self._given

    @property
    def baseline(self) -> str | None:
        """The state that a suite has to start from; a copy was made of it."""
        return None if self.is_copy else self._baseline or None

    def open(self) -> Session:
        """Begin a session; make the copy first. Raises SnapError, UsageError."""
        if not self.is_copy:
            session = self._session(self.path or None, self._store)
            self.path = next(iter(session.info().databases.values())).path
            return session
        if not self._baseline:
            raise pytest.UsageError("snapstore_baseline is not set: a worker's database is made of it")
        session = self._session(self.path, self._store or self._configured_store())
        self._made = self.path
        try:
            session.restore(self._baseline, safety=False, force=True)
        except SnapError:
            session.close()
            raise
        return session

    def remove_copy(self) -> None:
        """Remove a database that was made for this process, once its session is closed."""
        if self._made:
            for name in (self._made, *(self._made + suffix for suffix in ("-wal", "-shm", "-journal"))):
                with suppress(FileNotFoundError):
                    os.unlink(name)
            self._made = None

    def _session(self, db: str | None, store: str | None) -> Session:
        return Session(self._config, db, store, cwd=self._folder)

    def _configured_store(self) -> str:
        with self._session(None, None) as session:
            return session.info().store
