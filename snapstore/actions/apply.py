"""Apply: change a live database as a patch says, which `diff --format sql` wrote; all of it or nothing.

The steps: read the whole patch once, so that one that is cut off or of another form is refused before anything is
locked; begin a write transaction; read the state before; run the statements, each restricted to what its kind may do;
store the state before (the safety snapshot) and the intent; commit; note the move. The patch checks itself, with the
statements that its text has for every reader. Up to the commit every error, and every kill, leaves the old state.

HEAD stays where it is: the new state is no snapshot. The reflog notes the safety snapshot and the apply, for `undo`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.settle import finish_move, settle, try_move
from snapstore.database.identifiers import folded
from snapstore.database.live import LiveDatabases
from snapstore.database.patch_guard import PatchGuard
from snapstore.database.patch_reader import (
    BEGIN,
    BREAKS,
    COMMIT,
    ENCODING,
    ROW,
    TABLE,
    Header,
    Statement,
    header,
    statements,
)
from snapstore.database.view import View
from snapstore.engine import Connection
from snapstore.errors import ConfigurationError, PatchRefused, SnapError, SqlFailed
from snapstore.files import reached, translated
from snapstore.history.intents import Intent
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import SAFETY
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.regular import open_named
from snapstore.results.applies import Applied, AppliedDatabase
from snapstore.results.rows import Counts
from snapstore.store import DEFAULT_TIMEOUT, Store

ACTION = "apply"
_SKIPPED = (BEGIN, COMMIT, BREAKS)
"""Statements for other readers: the transaction is open already, and no line break was lost."""


class PatchFile:
    """A patch in a file that has been read once. Raises PatchRefused, FileError."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._lines() as lines:
            self.header: Header = header(lines)
        with self._lines() as lines:
            self.count = sum(1 for _ in statements(lines))

    @contextmanager
    def statements(self) -> Iterator[Iterator[Statement]]:
        """Give the statements, which are read as they are drawn."""
        with self._lines() as lines:
            yield statements(lines)

    @contextmanager
    def _lines(self) -> Iterator[Iterator[str]]:
        with translated(self._path):
            descriptor = open_named(self._path)
        with open(descriptor, encoding="utf-8-sig", newline="\n") as file:
            try:
                yield file
            except UnicodeDecodeError as error:
                raise PatchRefused("it is not text in UTF-8") from error


@dataclass(frozen=True)
class ApplyOptions:
    """The patch, and the database to change; by default the only one, or the one that the patch names."""

    patch: PatchFile
    only: str | None = None
    timeout: float = DEFAULT_TIMEOUT


def apply(store: Store, project: Project, options: ApplyOptions, progress: Progress = SILENT) -> Applied:
    """Apply a patch.

    Raises PatchRefused, ConfigurationError, DatabaseLocked, DatabaseReadOnly, DatabaseUnusable, StoreDamaged,
    DiskFull; the live database is then as it was.
    """
    start = time.monotonic()
    name = _database(project, options)
    with store.lock(project.origin, shared=False), ExitStack() as stack:
        settle(store, project, options.timeout)
        live = stack.enter_context(_opened(project, name, options))
        return _Apply(store, project, options.patch, name, live, options.timeout).run(start, progress)


def try_out(project: Project, options: ApplyOptions) -> Applied:
    """Apply a patch in a transaction that is rolled back. Raises what `apply` raises."""
    start = time.monotonic()
    name = _database(project, options)
    with _opened(project, name, options) as live:
        (view,) = live.write({}).values()
        content = Manifest.of(view.page_size, view.page_count, b"".join(view.ids())).id.hex()
        found = _run(view.connection, options.patch, content)
        view.connection.roll_back()
    return Applied(bool(found.statements), None, {name: found}, time.monotonic() - start, dry_run=True)


class _Apply:
    """One apply; its methods stand in the order in which they run."""

    def __init__(
        self, store: Store, project: Project, patch: PatchFile, name: str, live: LiveDatabases, timeout: float
    ) -> None:
        self._store = store
        self._project = project
        self._patch = patch
        self._name = name
        self._live = live
        self._timeout = timeout
        self._before: Captured | None = None

    def run(self, start: float, progress: Progress) -> Applied:
        (view,) = self._live.write({}).values()
        with self._store.writer() as writer:
            capture = Capture(self._store, writer, self._project)
            content = capture.read(self._name, view, progress).id.hex()
            try:
                found = _run(view.connection, self._patch, content)
                if found.statements:
                    self._keep_state_before(capture)
                    self._commit(view)
            except BaseException:
                self._live.close()
                with suppress(SnapError):  # then the next command settles it
                    settle(self._store, self._project, self._timeout)
                raise
            if found.statements:
                self._note_move()
        safety = self._before.id if self._before else None
        return Applied(safety is not None, safety, {self._name: found}, time.monotonic() - start, dry_run=False)

    def _keep_state_before(self, capture: Capture) -> None:
        self._before = capture.known(anywhere=True) or capture.finish(SAFETY, f"before {ACTION}")
        with self._store.catalog.transaction():
            capture.record(self._before)
            self._store.intents.put(self._project.origin, self._intent())
            try_move(self._store, self._project, self._intent(), (self._name,))

    def _commit(self, view: View) -> None:
        reached("rows-written")
        view.connection.rows("COMMIT")
        reached("live-committed")

    def _note_move(self) -> None:
        with self._store.catalog.transaction():
            finish_move(self._store, self._project, self._intent(), (self._name,))

    def _intent(self) -> Intent:
        assert self._before
        head = self._store.refs.head(self._project.origin).get(self._name)
        stays = head if head and self._store.snapshots.exists(head) else self._before.id
        return Intent(ACTION, self._before.id, stays, (self._name,))


def _database(project: Project, options: ApplyOptions) -> str:
    if options.only is not None:
        return next(iter(project.only(options.only).databases))
    if len(project.databases) == 1:
        return next(iter(project.databases))
    if options.patch.header.database in project.databases:
        return options.patch.header.database or ""
    raise ConfigurationError("a patch is for one database, and there are several; choose one with --only-db")


def _opened(project: Project, name: str, options: ApplyOptions) -> LiveDatabases:
    return LiveDatabases(project.only(name).databases, Deadline(options.timeout))


def _run(connection: Connection, patch: PatchFile, content: str) -> AppliedDatabase:
    """Run the statements in the open transaction. Raises PatchRefused."""
    is_start = None if patch.header.state is None else patch.header.state == content
    connection.rows("PRAGMA ignore_check_constraints = ON")  # the other state has these rows
    connection.rows("PRAGMA trusted_schema = OFF")
    guard = PatchGuard()
    tables: dict[str, Counts] = {}
    targets = _Targets(connection, guard)
    with patch.statements() as found, connection.restricted(guard.allows):
        for statement in found:
            if statement.kind in _SKIPPED:
                continue
            guard.statement = statement
            try:
                targets.check(statement)
                connection.rows(statement.sql)
                _check_encoding(connection, statement)
            except SqlFailed as error:
                raise PatchRefused(str(error), statement.line) from error
            connection.give_up_past_deadline()
            if statement.change:
                tables[statement.table] = tables.get(statement.table, Counts()) + statement.counts
    return AppliedDatabase(tables, patch.count, is_start)


def _check_encoding(connection: Connection, statement: Statement) -> None:
    """Check that the encoding of text, which a database has for good, is the patch's. Raises SqlFailed."""
    if statement.kind == ENCODING:
        wanted = statement.sql.split("'")[1]
        if connection.value("PRAGMA encoding").lower() != wanted:
            raise SqlFailed(f"the database's text is not encoded in {wanted}")


class _Targets:
    """The tables whose rows a patch may change: ordinary ones of the main database."""

    def __init__(self, connection: Connection, guard: PatchGuard) -> None:
        self._connection = connection
        self._guard = guard
        self._known: set[str] = set()

    def check(self, statement: Statement) -> None:
        """Check the table that a statement names. Raises SqlFailed."""
        if statement.kind not in (ROW, TABLE):
            self._known.clear()  # a statement on the schema may put another object in its place
        name = folded(statement.table)
        if not name or name in self._known:
            return
        sql = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE"
        if name.startswith("sqlite_") or not self._connection.rows(sql, (statement.table,)):
            raise SqlFailed(f"no table '{statement.table}'")
        self._known.add(name)
