"""Which database a worker of pytest has: the one that is named, or a copy of its own made from the store.

Nothing here opens a database: the session, a process of its own, writes the copy.
"""

from __future__ import annotations

import os

import pytest

from snapstore.errors import NoDatabaseNamed, NoStore, SnapError
from snapstore.integrations.pytest_options import MAIN, VARIABLE, WORKER, PluginOptions
from snapstore.session.client import Session

_HINT = "say --snap-db PATH, or snapstore_db in the ini file"
_COPY_TAG = "pytest-baseline"
_BESIDE = ("", "-wal", "-shm", "-journal")


class Databases:
    """The database of this worker; `path` is empty where the configuration or pytest-django knows it."""

    def __init__(self, options: PluginOptions, folder: str, worker: str | None, *, is_controller: bool) -> None:
        self._options = options
        self._folder = folder
        self._is_controller = is_controller
        self._has_workers = is_controller or worker is not None
        self._worker = worker or MAIN
        self._made = False
        self._is_configured = False
        self._environment = pytest.MonkeyPatch()
        self.path = self._placed(options.db.replace(WORKER, self._worker))

    def prepare(self, *, is_django: bool) -> None:
        """Make the worker's copy, or as the controller take what the copies are made of. Raises UsageError."""
        try:
            if WORKER in self._options.db:
                self._copy()
            elif not self.path and not is_django:
                self._find()
        except SnapError as error:
            hint = f"; {_HINT}" if isinstance(error, NoDatabaseNamed) else ""
            raise pytest.UsageError(f"snapstore: {error}{hint}") from None
        if WORKER not in self._options.db and self._has_workers and self.path:
            raise pytest.UsageError(f"snapstore: workers need a database each: put {WORKER} into snapstore_db")
        if self.path and not self._is_controller:
            self._environment.setenv(VARIABLE, self.path)

    def open(self, path: str) -> Session:
        """Begin a session for a database, or those of the configuration. Raises SnapError."""
        return Session(
            self._placed(self._options.config) or None,
            None if self._is_configured else path or None,
            self._placed(self._options.store) or None,
            cwd=self._folder,
        )

    @property
    def backup_name(self) -> str | None:
        """The backup's name, of its own for each worker: their suites share a store."""
        return f"e2e-backup-{self._worker}" if WORKER in self._options.db else None

    def remove(self) -> None:
        """Remove the copy if it was made here."""
        self._environment.undo()
        if self._made:
            for ending in _BESIDE:
                if os.path.lexists(self.path + ending):
                    os.unlink(self.path + ending)

    def _find(self) -> None:
        """Have the database that the configuration names."""
        self._is_configured = True
        with self.open("") as session:
            self.path = next(iter(session.info().databases.values())).path

    def _copy(self) -> None:
        tag = self._options.baseline or _COPY_TAG
        with self.open(self._placed(self._options.source)) as session:
            is_first = self._is_controller or not self._has_workers
            if is_first and (tag == _COPY_TAG or not has_tag(session, tag)):
                session.tag(tag)
            if not self._is_controller:
                for ending in _BESIDE[1:]:  # of a copy that a killed run left
                    if os.path.lexists(self.path + ending):
                        os.unlink(self.path + ending)
                session.export(tag, self.path, force=True)
                self._made = True

    def _placed(self, path: str) -> str:
        return os.path.join(self._folder, path) if path else ""


def has_tag(session: Session, tag: str) -> bool:
    """Return whether a tag exists."""
    try:
        return any(tag in one.names for one in session.tags())
    except NoStore:
        return False


def is_django(config: pytest.Config) -> bool:
    """Return whether pytest-django is here and has settings."""
    if not config.pluginmanager.hasplugin("django"):
        return False
    from django.conf import settings

    return bool(settings.configured)  # pytest-django has seen to that by now


def django_test_database() -> str:
    """Return the file of Django's test database. Where it is in memory, the run ends."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    if name != str(connection.creation._get_test_db_name()) or not os.path.isfile(name):
        pytest.exit(
            "snapstore: Django's test database is in memory, or no test uses it; name a file:"
            ' DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}',
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
    return os.path.abspath(name)
