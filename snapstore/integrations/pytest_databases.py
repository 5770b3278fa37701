"""The database of a pytest worker: the one that is named, or the worker's own copy made from the store.

Nothing here opens a database: the session, a separate process, writes the copy.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from snapstore.errors import NoDatabaseNamed, NoStore, SnapError
from snapstore.integrations.pytest_on_django import django_databases
from snapstore.integrations.pytest_options import MAIN, TAKE, VARIABLE, WORKER, PluginOptions
from snapstore.integrations.pytest_report import told
from snapstore.results.commands import changes_command, restore_command, rows_command
from snapstore.results.kept import KeptState
from snapstore.results.suites import BaselineMade, SuiteBegun, TestEnded
from snapstore.results.text import baseline_text
from snapstore.session.client import Session

_HINT = "name one with --snap-db PATH, or with snapstore_db in the ini file"
_FILE = "snapstore.yaml"
_COPY_TAG = "pytest-baseline"
_BESIDE = ("", "-wal", "-shm", "-journal")


class Databases:
    """The database of this worker; `path` is empty if the configuration or pytest-django supplies it."""

    def __init__(self, options: PluginOptions, folder: str, worker: str | None, *, is_controller: bool) -> None:
        self._options = options
        self._folder = folder
        self._invoked = Path.cwd()  # also that of a worker
        self._is_controller = is_controller
        self._has_workers = is_controller or worker is not None
        self._worker = worker or MAIN
        self._made = False
        self._is_configured = False
        self._configured_by: str | None = None
        self._inherited: str | None = None  # the configuration of what a copy is made of
        self._copied: str | None = None  # the tag of the project that a copy is made of, empty for a copy as it is
        self._django: tuple[str, ...] = ()  # the databases that the settings name, for use and for tests
        self.run = uuid4().hex
        self._asked: tuple[Session, str | None] | None = None  # a session, and its configuration
        self._environment = pytest.MonkeyPatch()
        self.found = ""
        self.notes: list[str] = []
        self.path = self._placed(options.db.replace(WORKER, self._worker))

    def prepare(self, *, is_django: bool) -> None:
        """Make the worker's copy; in the controller, take the snapshot for the copies. Raises UsageError."""
        if is_django:
            self._django = django_databases()
        try:
            if WORKER in self._options.db:
                self._copy()
            elif not self.path and not is_django:
                self.find()
            if self.path and not self._has_workers:
                self._check()
        except SnapError as error:
            hint = f"; {_HINT}" if isinstance(error, NoDatabaseNamed) else ""
            raise pytest.UsageError(told(f"snapstore: {error}{hint}")) from None
        if WORKER not in self._options.db and self._has_workers and self.path:
            raise pytest.UsageError(
                told(f"snapstore: each worker needs its own database: put {WORKER} into snapstore_db")
            )
        if self.path and not self._is_controller:
            self._environment.setenv(VARIABLE, self.path)

    def open(self, path: str) -> Session:
        """Start a session for a database, for this worker's copy, or for those configured. Raises SnapError."""
        return Session(
            self._placed(self._options.config) or self._inherited,
            None if self._is_configured else path or None,
            self._placed(self._options.store) or None,
            worker=self._worker if self.is_of_project else None,
            cwd=self._folder,
        )

    def begin_suite(self, session: Session, baseline: str | None) -> SuiteBegun:
        """Begin a suite, as a part of that of the run. Raises SnapError."""
        take = True if self._options.take_baseline or self._made else None
        return session.begin_suite(
            "pytest",
            baseline=baseline or self._copied,
            take_baseline=None if self.is_of_project else take,
            backup_name=self._backup_name,
            keep=self._options.keep or None,
            run=self.run,
            quiet=0,
        )

    @property
    def _backup_name(self) -> str | None:
        """The name of the backup, which differs between workers whose suites share a store."""
        return f"e2e-backup-{self._worker}" if self._made and not self.is_of_project else None

    def remove(self) -> None:
        """Remove the copy if it was made here."""
        self._environment.undo()
        if self._made:
            for ending in _BESIDE:
                if os.path.lexists(self.path + ending):
                    os.unlink(self.path + ending)

    def find(self) -> None:
        """Use the database that the configuration names."""
        self._is_configured = True
        with self.open("") as session:
            info = session.info()
            self.path = next(iter(info.databases.values())).path
            self._configured_by = info.configuration
            self.found = f"{self.path}, from {info.configuration}"

    def follow_django(self, path: str) -> None:
        """Use Django's test database; a configuration holds that names it, or the database that it stands in for.

        In the second case it is a copy of the project's, for this worker, and begins as Django made it.
        """
        self.path = path
        if copied_by := self._stands_in(path):
            self._copied, self._configured_by = "", copied_by
            self.note(f"{path}, Django's test database, as a copy for worker {self._worker}, from {copied_by}")
            return
        with self.open(path) as session:
            named_by = session.info().configuration
        whose = f", from {named_by}" if named_by else "; no configuration names it, so no rules hold for it"
        self.note(f"{path}, Django's test database{whose}")

    def _stands_in(self, path: str) -> str | None:
        """Return the configuration of which a test database stands in for the one database, None if there is none."""
        try:
            with self.open("") as session:
                info = session.info()
        except SnapError:  # no configuration names a database
            return None
        named = {os.path.realpath(one.path) for one in info.databases.values()}
        is_one_of = len(named) == 1 and os.path.realpath(path) not in named
        return info.configuration if is_one_of and named.intersection(self._django) else None

    def program(self, session: Session) -> str:
        """Return the program as it is typed where pytest was started, with the options that lead to this database."""
        configuration, words = self._configuration_of(session), []
        if configuration is None or self.is_of_project:
            words += ["--db", self._from_here(self.path)]
        if self.is_of_project:
            words += ["--worker", self._worker]
        return self._program(configuration, words)

    def program_of_kept(self, session: Session) -> str:
        """Return the same for the store that has the states of failed tests: that of the project, for its workers."""
        return self._program(self._configuration_of(session)) if self.is_of_project else self.program(session)

    def _configuration_of(self, session: Session) -> str | None:
        """Return the configuration of a session, which is asked once: many tests may leave something."""
        if self._asked is None or self._asked[0] is not session:
            self._asked = session, session.info().configuration
        return self._asked[1]

    def program_of_run(self) -> str | None:
        """Return the same for the record of the run; None where its workers have no record in common."""
        if self.is_of_project or self._is_configured:
            return self._program(self._configured_by)
        is_alone = self.path and not self._made
        return self._program(None, ["--db", self._from_here(self.path)]) if is_alone else None

    def look(self, session: Session, ended: TestEnded) -> str:
        """Return the command that shows what a test left, empty if that state was not kept."""
        if not (ended.forensic and ended.compared_with):
            return ""
        return f"{self.program(session)} {rows_command(ended.compared_with, ended.forensic)}"

    def restore(self, session: Session, kept: KeptState) -> list[str]:
        """Return the command that brings back the state of a failed test, and the one that shows what had changed."""
        program = self.program_of_kept(session)
        return [one for one in (restore_command(kept, program), changes_command(kept, program)) if one]

    def _program(self, configuration: str | None, words: Sequence[str] = ()) -> str:
        config = self._placed(self._options.config)
        if not config and configuration and not os.environ.get("SNAPSTORE_CONFIG") and not _is_found(configuration):
            config = configuration
        given = [("--config", config), ("--store", self._placed(self._options.store))]
        options = [word for name, path in given if path for word in (name, self._from_here(path))]
        return shlex.join(["snap", *options, *words])

    def _from_here(self, path: str) -> str:
        """Return a path as it is named where pytest was started."""
        return os.path.relpath(path, self._invoked)

    @property
    def is_copy(self) -> bool:
        """Whether the database is a copy that was made here."""
        return self._made

    @property
    def is_of_project(self) -> bool:
        """Whether the database is this worker's copy of the one that a configuration names."""
        return self._copied is not None

    @property
    def begins_as_it_is(self) -> bool:
        """Whether suites begin with the present state, whatever baseline the configuration has."""
        return self._copied == ""

    def note(self, text: str) -> None:
        """Note what the run has to tell in the end, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _check(self) -> None:
        """Check that the baseline that was asked for exists. Raises UsageError."""
        baseline = self._options.baseline
        if baseline is None or self._options.take_baseline:
            return
        with self.open(self.path) as session:
            if not has_tag(session, baseline):
                raise _no_baseline(baseline)

    def _copy(self) -> None:
        with self.open(self._placed(self._options.source)) as session:
            info = session.info()
            tag = self._options.baseline or info.baseline or _COPY_TAG
            if self._is_controller or not self._has_workers:
                self._take(session, tag)
                session.diff("live", "live")  # a rule that fits nothing is found before any worker starts
                self._note_another_schema(session, tag)
            if not self._is_controller:
                # A killed run may have left them beside its copy.
                for ending in _BESIDE[1:]:
                    if os.path.lexists(self.path + ending):
                        os.unlink(self.path + ending)
                session.export(tag, self.path, force=True)
                self._made = True
            self._inherited = self._configured_by = info.configuration
        if self._inherited and self._is_of_project():
            self._copied = tag

    def _is_of_project(self) -> bool:
        """Return whether the configuration names what the copy is made of."""
        if not self._options.source:
            return True
        source = os.path.realpath(self._placed(self._options.source))
        with self.open("") as session:
            return any(os.path.realpath(one.path) == source for one in session.info().databases.values())

    def _take(self, session: Session, tag: str) -> None:
        """Take the snapshot that copies are made of, where it is not there. Raises UsageError."""
        info = session.info()
        if tag == _COPY_TAG:
            session.tag(tag)
        elif info.makes_baseline and tag == info.baseline:
            if made := self.begin_suite(session, None).baseline_made:
                self.note(baseline_text(made))
            session.end_suite()
        elif not has_tag(session, tag):
            if tag == self._options.baseline and not self._options.take_baseline:
                raise _no_baseline(tag)
            self.note(baseline_text(BaselineMade(tag, session.tag(tag).snapshot)))

    def _note_another_schema(self, session: Session, tag: str) -> None:
        """Say that tables have changed since the snapshot that copies are made of, as after a migration."""
        with suppress(SnapError):
            if any(one.schema for one in session.diff(tag, "live").databases.values()):
                again = (
                    f"'{self._program(self._inherited)} tag {shlex.quote(tag)}' makes the present state the baseline"
                )
                self.note(f"the schema has changed since '{tag}', of which the copies are made; {again}")

    def _placed(self, path: str) -> str:
        return os.path.join(self._folder, path) if path else ""


def _is_found(configuration: str) -> bool:
    """Tell whether a command that is typed here finds a configuration by itself."""
    here = Path.cwd()
    found = (folder / _FILE for folder in (here, *here.parents))
    return Path(configuration) == next((file for file in found if file.is_file()), None)


def _no_baseline(name: str) -> pytest.UsageError:
    return pytest.UsageError(
        told(f"snapstore: there is no baseline '{name}'; --snap-{TAKE} makes the present state the baseline")
    )


def has_tag(session: Session, tag: str) -> bool:
    """Return whether a tag exists."""
    try:
        return any(tag in one.names for one in session.tags())
    except NoStore:
        return False
