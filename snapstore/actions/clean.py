"""Clean: restore the rows that differ from a snapshot, and the files beside them, and nothing else.

The steps: begin a write transaction on each database; read the state before; apply the row diff from live to snapshot;
check every row that was written, and the foreign keys of the tables that were left alone; store the state before (the
safety snapshot) and the intent; commit; give files their names; move HEAD. Up to the commit every error, and every
kill, leaves the old state; after it, the next command gives the rest of the files their names.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.origin import check_belongs
from snapstore.actions.restore_job import chosen_trees, left_alone, while_files_change
from snapstore.actions.settle import finish_move, settle, try_move
from snapstore.compare.contentless import problem_of_words
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.pair import Pair
from snapstore.compare.state import live_state, snapshot_state
from snapstore.database.identifiers import folded
from snapstore.database.live import LiveDatabases
from snapstore.database.row_check import Violation, check_objects, check_rows, foreign_key_violations
from snapstore.database.soundness import damage
from snapstore.database.spool import BEFORE
from snapstore.database.sql_patch import SqlPatch
from snapstore.database.view import View
from snapstore.errors import CleanImpossible, SnapError, SqlFailed
from snapstore.files import reached
from snapstore.history.intents import Intent
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import SAFETY, Snapshot
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.cleans import Cleaned, CleanedDatabase
from snapstore.results.rows import Counts
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.trees.names import key_of

ACTION = "clean"


@dataclass(frozen=True)
class CleanOptions:
    """Options of `clean`; tables that the policy ignores or keeps are left alone.

    `only` names the databases to clean, and trees as HEAD names them; None for all that snapshot and project have.
    """

    snapshot: str
    only: tuple[str, ...] | None = None
    policy: Policy = NOTHING_IGNORED
    dry_run: bool = False
    foreign: bool = False
    timeout: float = DEFAULT_TIMEOUT


def clean(store: Store, project: Project, options: CleanOptions, progress: Progress = SILENT) -> Cleaned:
    """Restore the rows.

    Raises CleanImpossible, WrongDatabase, DatabaseLocked, DatabaseReadOnly, DatabaseUnusable, StoreDamaged,
    DiskFull; the live databases are then as they were.
    """
    start = time.monotonic()
    snapshot = store.snapshots.load(options.snapshot)
    names = [name for name in (options.only or project.databases) if name in snapshot.databases]
    if not names and options.only:
        return _clean_files(store, project, options, progress)
    if not options.foreign:
        check_belongs(store, options.snapshot, snapshot, project, names)
    with store.lock(project.origin, shared=options.dry_run):
        if not options.dry_run:
            settle(store, project, options.timeout)
        paths = {name: project.only(name).databases[name] for name in names}

        def tried() -> Cleaned:
            with ExitStack() as stack:
                live = stack.enter_context(LiveDatabases(paths, Deadline(options.timeout)))
                return _Clean(store, project, options, snapshot, live, stack).run(start, progress)

        return while_files_change(options.timeout, tried)


def _clean_files(store: Store, project: Project, options: CleanOptions, progress: Progress) -> Cleaned:
    """Restore trees alone, where the databases stand on another snapshot."""
    from snapstore.actions.restore import RestoreOptions, restore  # seldom

    restoring = RestoreOptions(
        options.snapshot, options.only, options.dry_run, foreign=options.foreign, timeout=options.timeout, action=ACTION
    )
    done = restore(store, project, restoring, progress)
    return Cleaned(options.snapshot, done.changed, done.safety, {}, done.seconds, options.dry_run, files=done.files)


class _Clean:
    """One clean; its methods stand in the order in which they run."""

    def __init__(
        self,
        store: Store,
        project: Project,
        options: CleanOptions,
        snapshot: Snapshot,
        live: LiveDatabases,
        stack: ExitStack,
    ) -> None:
        self._store = store
        self._project = project
        self._options = options
        self._policy = options.policy._replace(tables=(*options.policy.tables, *options.policy.keep))
        self._snapshot = snapshot
        self._live = live
        self._stack = stack
        self._views: dict[str, View] = {}
        self._trees = chosen_trees(store, project, options.snapshot, snapshot, options.only, foreign=options.foreign)
        for tree in self._trees:
            stack.callback(tree.close)
        self._before: Captured | None = None
        self._is_bound = False  # whether rows must be read from the live database to the end

    def run(self, start: float, progress: Progress) -> Cleaned:
        dry_run = self._options.dry_run
        self._views = self._live.read() if dry_run else self._live.write({})
        with self._store.writer() as writer:
            capture = Capture(self._store, writer, self._project)
            read = capture.hash if dry_run else capture.read
            manifests = {name: read(name, view, progress) for name, view in self._views.items()}
            differences = {name: self._difference(name, manifest, progress) for name, manifest in manifests.items()}
            self._options.policy.check(one.diff for one in differences.values())
            for difference in differences.values():
                if difference.schema:
                    raise CleanImpossible(f"the schema differs ({', '.join(one.name for one in difference.schema)})")
            patches = {name: difference.patch() for name, difference in differences.items()}
            has_rows = any(not patch.is_empty() for patch in patches.values())
            for tree in self._trees:
                tree.read(capture, Deadline(self._options.timeout), progress, keeps=not dry_run)
            changed = has_rows or any(tree.changes for tree in self._trees)
            for name, difference in differences.items():
                if found := damage(difference.diff, suspect=BEFORE) or problem_of_words(difference):
                    raise CleanImpossible(f"database '{name}' is damaged: {found}")
            if has_rows and self._is_bound:
                raise CleanImpossible("its pages cannot be compared with the snapshot's")
            if dry_run or not changed:
                results = {name: _planned(differences[name], patch) for name, patch in patches.items()}
            else:
                results = self._write(capture, differences, patches)
                self._move_head()
        safety = self._before.id if self._before else None
        files = {tree.name: tree.result(names_paths=self._options.dry_run) for tree in self._trees}
        alone = left_alone(self._snapshot, self._project, self._options.only)
        seconds = time.monotonic() - start
        snapshot = self._options.snapshot
        return Cleaned(snapshot, changed, safety, results, seconds, dry_run, files=files, left_alone=alone)

    def _difference(self, name: str, now: Manifest, progress: Progress) -> DatabaseDifference:
        """Return the difference from live to snapshot."""
        states = live_state(), snapshot_state(self._store, self._options.snapshot, self._options.snapshot)
        records = [None, self._snapshot.databases[name]]
        pair = Pair(self._store, states, records, self._views[name], name, progress, now)
        self._stack.callback(pair.close)
        compared = pair.compared()
        if not pair.needs_lock:
            pair.release_view()  # from now on the view has changes
        else:
            self._is_bound = True
        return DatabaseDifference(name, compared, self._policy)

    def _keep_state_before(self, capture: Capture) -> None:
        self._before = capture.known(anywhere=True) or capture.finish(SAFETY, f"before {ACTION}")
        for tree in self._trees:
            tree.stage()
            tree.check_unchanged()
        with self._store.catalog.transaction():
            capture.record(self._before)
            self._store.intents.put(self._project.origin, self._intent())
            try_move(self._store, self._project, self._intent(), self._parts)

    def _write(
        self, capture: Capture, differences: dict[str, DatabaseDifference], patches: dict[str, SqlPatch]
    ) -> dict[str, CleanedDatabase]:
        try:
            counts = {name: self._apply(self._views[name], patch) for name, patch in patches.items()}
            self._keep_state_before(capture)
            self._commit()
        except BaseException:
            self._live.close()
            with suppress(SnapError):  # then the next command settles it
                settle(self._store, self._project, self._options.timeout)
            raise
        return {name: CleanedDatabase(_counts(differences[name]), count, ()) for name, count in counts.items()}

    def _apply(self, view: View, patch: SqlPatch) -> int:
        connection = view.connection
        connection.rows("PRAGMA ignore_check_constraints = ON")  # the rows were there before
        count = 0
        try:
            broken = self._violations(view, patch)
            for count, statement in enumerate(patch.statements(), 1):  # noqa: B007 - the count is the result
                connection.rows(statement)
                connection.give_up_past_deadline()
            check_rows(connection, patch)
            check_objects(connection, patch)
            new = self._violations(view, patch) - broken
        except SqlFailed as error:
            raise CleanImpossible(str(error)) from error
        if new:
            tables = ", ".join(sorted({f"'{table}' refers to '{parent}'" for table, _, parent in new}))
            raise CleanImpossible(f"rows that are left alone would refer to rows that go ({tables})")
        return count

    def _violations(self, view: View, patch: SqlPatch) -> Counter[Violation]:
        touched, left = ({folded(table) for table in tables} for tables in (patch.touched, patch.left_alone))
        return foreign_key_violations(view.connection, patch.schema_after, touched, left)

    def _commit(self) -> None:
        reached("rows-written")
        for view in self._views.values():
            view.connection.rows("COMMIT")
            reached("live-committed")
        for tree in self._trees:
            tree.move()
            tree.sync()

    @property
    def _parts(self) -> tuple[str, ...]:
        return (*self._views, *(key_of(tree.name) for tree in self._trees))

    def _move_head(self) -> None:
        with self._store.catalog.transaction():
            finish_move(self._store, self._project, self._intent(), self._parts)

    def _intent(self) -> Intent:
        before = self._before.id if self._before else ""
        return Intent(ACTION, before, self._options.snapshot, self._parts)


def _planned(difference: DatabaseDifference, patch: SqlPatch) -> CleanedDatabase:
    if patch.is_empty():
        return CleanedDatabase({}, 0, ())
    statements = tuple(difference.script())
    return CleanedDatabase(_counts(difference), len(statements), statements)


def _counts(difference: DatabaseDifference) -> dict[str, Counts]:
    counted = {table.name: table.counted() for table in difference.tables}
    return {name: counts for name, counts in counted.items() if counts}
