"""Restore: a snapshot back into the live databases, under open connections, and into the files beside them.

The steps: decide for each database whether it can be changed in place; begin a write transaction on each that can; read
the state before into a safety snapshot; write new files aside, and the pages that differ into the transaction, while
the snapshot's pack is synced; record the snapshot and the intent; commit; check what was written; give the files their
names; move HEAD. Up to the commit every error, and every kill, leaves the old state. After it, the next command gives
the rest of the files their names (settle.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.in_place import (
    check_written,
    commit,
    compared_with_target,
    differing_pages,
    note_target_pages,
    write_pages,
)
from snapstore.actions.origin import check_belongs
from snapstore.actions.restore_job import RestoreJob, chosen, chosen_trees, left_alone, while_files_change
from snapstore.actions.settle import finish_move, settle, try_move
from snapstore.actions.whole_file import refuse_if_access_is_lost, refuse_if_open, replace_file
from snapstore.database.live import LiveDatabases
from snapstore.database.wal import sync_log
from snapstore.errors import DatabaseCorrupt, NotADatabase, SnapError
from snapstore.files import translated
from snapstore.history.intents import Intent
from snapstore.history.snapshot import SAFETY, Snapshot
from snapstore.locks import Deadline
from snapstore.objects.object_writer import ObjectWriter
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.restores import IN_PLACE, NONE, REPLACED, Restored, RestoredDatabase
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.trees.names import key_of


@dataclass(frozen=True)
class RestoreOptions:
    """What `restore` may be told.

    `only` names the databases to restore, and trees as HEAD names them; None for all of the snapshot's. `force`
    replaces databases that are damaged or open elsewhere. `foreign` allows a snapshot that was taken from another
    database, or another folder. A dry run names the paths of files in its result, and others do with `names_paths`.

    The state before becomes a safety snapshot, unless a snapshot has it already. With `keeps`, kind and message, it
    becomes one in any case, of that kind.
    """

    snapshot: str
    only: tuple[str, ...] | None = None
    dry_run: bool = False
    safety: bool = True
    force: bool = False
    foreign: bool = False
    timeout: float = DEFAULT_TIMEOUT
    action: str = "restore"
    names_paths: bool = False
    keeps: tuple[str, str] | None = None


Later = Callable[[Callable[[], None]], None]
"""Takes a function to call after the caller was answered."""


def restore(
    store: Store, project: Project, options: RestoreOptions, progress: Progress = SILENT, later: Later | None = None
) -> Restored:
    """Restore a snapshot.

    With `later`, the live databases hold the snapshot when this returns, but the function that syncs them and moves
    HEAD is passed to `later`. Until it runs, the state is that of a restore that was cut off (settle.py).

    Raises WrongDatabase, DatabaseLocked, DatabaseReadOnly, DatabaseInUse, AccessLost, StoreTooOpen, DatabaseUnusable,
    StoreDamaged, DiskFull; the live databases are then as they were.
    """
    start = time.monotonic()
    store.snapshots.expect(options.snapshot)
    snapshot = store.snapshots.load(options.snapshot)
    names = chosen(snapshot, project, options.only)
    if not options.foreign:
        check_belongs(store, options.snapshot, snapshot, project, names)
    with ExitStack() as stack:
        stack.enter_context(store.lock(project.origin, shared=options.dry_run))
        if not options.dry_run:
            settle(store, project, options.timeout)

        def tried() -> tuple[_Restore, Restored]:
            restoring = _Restore(store, project, options, snapshot, names, is_synced=later is None)
            return restoring, restoring.run(start, progress)

        restoring, result = while_files_change(options.timeout, tried)
        if later and result.changed and not options.dry_run:
            later(partial(_finish, restoring, stack.pop_all()))
        else:
            restoring.finish(changed=result.changed)
        return replace(result, left_alone=left_alone(snapshot, project, options.only))


def _finish(restoring: _Restore, locked: ExitStack) -> None:
    with locked:
        restoring.finish(changed=True)


class _Restore:
    """One restore; its methods stand in the order in which they run."""

    def __init__(
        self,
        store: Store,
        project: Project,
        options: RestoreOptions,
        snapshot: Snapshot,
        names: list[str],
        *,
        is_synced: bool,
    ) -> None:
        self._store = store
        self._is_synced = is_synced
        self._project = project
        self._options = options
        # For the result, and read now: if the catalog is damaged, the restore must fail before anything changes.
        self._tags = tuple(ref.name for ref in store.refs.naming(options.snapshot))
        self._jobs = {
            name: RestoreJob.assess(store, project.databases[name], snapshot.databases[name], force=options.force)
            for name in names
        }
        self._trees = chosen_trees(store, project, options.snapshot, snapshot, options.only, foreign=options.foreign)
        self._parts = (*self._jobs, *(key_of(tree.name) for tree in self._trees))
        self._before: Captured | None = None

    def run(self, start: float, progress: Progress) -> Restored:
        readable = {name: job.path for name, job in self._jobs.items() if not job.damaged and os.path.exists(job.path)}
        with ExitStack() as stack:
            live = stack.enter_context(LiveDatabases(readable, Deadline(self._options.timeout)))
            for tree in self._trees:
                stack.callback(tree.close)
            self._begin_transactions(live)
            with self._store.writer() as writer:
                capture = Capture(self._store, writer, self._project)
                self._read_state_before(live, capture, progress)
                written: dict[str, int] = {}
                changed = not all(job.is_done for job in self._jobs.values()) or any(
                    tree.changes for tree in self._trees
                )
                if self._options.dry_run:
                    return self._result(start, self._planned(), changed=changed)
                if changed:
                    self._refuse_open_files()
                    self._seal_pack(capture)
                    for tree in self._trees:
                        tree.stage()
                    written = self._write_into_transactions()
                    for tree in self._trees:
                        tree.check_unchanged()
                    self._record_safety_and_intent(capture, writer)
            results = self._commit(live, written)
        return self._result(start, results, changed=changed)

    def _begin_transactions(self, live: LiveDatabases) -> None:
        """Begin the write transactions. If SQLite cannot read one of several databases, all are replaced."""
        try:
            page_sizes = {name: self._jobs[name].record.page_size for name in live.files}
            views = live.read() if self._options.dry_run else live.write(page_sizes, synced=self._is_synced)
            for name, view in views.items():
                self._jobs[name].begin(view)
        except (DatabaseCorrupt, NotADatabase) as error:
            self._give_up(live, error)

    def _give_up(self, live: LiveDatabases, error: DatabaseCorrupt | NotADatabase) -> None:
        """Have all databases be replaced as files. Raises the error unless that is allowed."""
        if not self._options.force:
            raise error
        live.close()
        for name in live.files:
            self._jobs[name].give_up(str(error))

    def _read_state_before(self, live: LiveDatabases, capture: Capture, progress: Progress) -> None:
        """Hash what is there; store what is new in it, unless no safety snapshot is wanted."""
        keeps = self._options.safety and not self._options.dry_run
        try:
            self._read_databases(capture, progress, keeps=keeps)
        except DatabaseCorrupt as error:  # of a page: SQLite began a transaction before it looked at that
            self._give_up(live, error)
        if self._trees and not self._jobs:  # the state before is one of databases, too
            with LiveDatabases(self._project.databases, Deadline(self._options.timeout)) as others:
                for name, view in others.read().items():
                    capture.read(name, view, progress)
        for tree in self._trees:
            tree.read(capture, Deadline(self._options.timeout), progress, keeps=keeps)

    def _read_databases(self, capture: Capture, progress: Progress, *, keeps: bool) -> None:
        for name, job in self._jobs.items():
            if job.view is None:
                continue
            if tracked := capture.tracked_blocks(name, job.view, keeps=self._options.safety):
                note_target_pages(job, tracked)
                take = capture.store_tracked if keeps else capture.note_tracked
                job.now = take(name, job.view, tracked)
            elif keeps:
                changed = capture.changed_blocks(name, job.view, progress)
                job.now = capture.store(name, changed, compared_with_target(self._store, job, changed))
            else:
                job.now = capture.hash(name, job.view, progress)

    def _planned(self) -> dict[str, RestoredDatabase]:
        """Count the pages that would be written, for a dry run."""
        return {name: self._plan(job) for name, job in self._jobs.items()}

    def _plan(self, job: RestoreJob) -> RestoredDatabase:
        if job.is_done:
            return _restored(job, NONE, 0)
        if job.is_in_place:
            return _restored(job, IN_PLACE, sum(1 for _ in differing_pages(self._store, job)))
        return _restored(job, REPLACED, job.target.page_count)

    def _refuse_open_files(self) -> None:
        """Refuse files that are open, or whose owner would change, before any of several databases has changed."""
        for job in self._jobs.values():
            if not job.is_done and not job.is_in_place:
                refuse_if_open(job, force=self._options.force)
                refuse_if_access_is_lost(job, force=self._options.force)

    def _seal_pack(self, capture: Capture) -> None:
        """End the pack with a snapshot of the state before, unless there is one or none is wanted.

        A thread makes the pack durable while the pages are written.
        """
        if not any(job.view for job in self._jobs.values()):
            self._refuse_lost_files()
        else:
            self._before = capture.known(anywhere=True) if self._options.keeps is None else None
            if self._before is None and self._options.safety:
                self._before = capture.finish(*(self._options.keeps or (SAFETY, f"before {self._options.action}")))

    def _refuse_lost_files(self) -> None:
        """Refuse to replace files where no database is there: only a snapshot of one could keep them."""
        if self._options.safety:
            for tree in self._trees:
                tree.refuse_to_replace()

    def _write_into_transactions(self) -> dict[str, int]:
        """Write the pages that differ; return how many. Nobody sees them before the commit, and a crash undoes them."""
        return {name: write_pages(self._store, job) for name, job in self._jobs.items() if job.is_in_place}

    def _record_safety_and_intent(self, capture: Capture, writer: ObjectWriter) -> None:
        """Enter the state before and the intent into the catalog, durably; the pack is durable before the commit."""
        intent = self._intent(changed=True)
        with self._store.catalog.transaction():
            if self._before:
                capture.record(self._before, waits=False)
            self._store.intents.put(self._project.origin, intent)
            try_move(self._store, self._project, intent, self._parts)
            writer.wait()

    def _commit(self, live: LiveDatabases, written: dict[str, int]) -> dict[str, RestoredDatabase]:
        """Commit the transactions, check what was written, and replace the other files."""
        in_place = {name: job for name, job in self._jobs.items() if job.is_in_place}
        results = {}
        try:
            for name, job in self._jobs.items():
                if job.is_done:
                    results[name] = _restored(job, NONE, 0)
                elif name in in_place:
                    results[name] = _restored(job, IN_PLACE, written[name])
            for job, version in [(job, commit(job)) for job in in_place.values()]:
                check_written(job, version)
            for name, job in self._jobs.items():
                if name not in results:
                    results[name] = self._replace(job)
            self._move_files()
        except BaseException:
            live.close()
            with suppress(SnapError):  # then the next command settles it
                settle(self._store, self._project, self._options.timeout)
            raise
        return results

    def _move_files(self) -> None:
        """Give the files their names. A kill from here on leaves some to the next command."""
        for tree in self._trees:
            tree.move()
            if self._is_synced:
                tree.sync()

    def _replace(self, job: RestoreJob) -> RestoredDatabase:
        done = replace_file(self._store, job, force=self._options.force)
        result = _restored(job, REPLACED, job.target.page_count)
        return replace(result, kept=done.kept, still_open=done.still_open, not_kept=done.not_kept)

    def finish(self, *, changed: bool) -> None:
        """Make the commits durable, and move HEAD."""
        if self._options.dry_run:
            return
        if changed and not self._is_synced:
            for job in self._jobs.values():
                with translated(job.path):
                    sync_log(os.path.realpath(job.path))
            for tree in self._trees:
                tree.sync()
        names = self._parts
        heads = self._store.refs.head(self._project.origin)
        if not changed and all(heads.get(name) == self._options.snapshot for name in names):
            return
        with self._store.catalog.transaction(synced=False):  # if it is lost with the power, settle.py makes up for it
            finish_move(self._store, self._project, self._intent(changed=changed), names)

    def _intent(self, *, changed: bool) -> Intent:
        before = self._before.id if self._before else ""
        how = "" if before else " without safety" if changed else " of the same state"
        return Intent(self._options.action + how, before, self._options.snapshot, self._parts)

    def _result(self, start: float, results: dict[str, RestoredDatabase], *, changed: bool) -> Restored:
        names_paths = self._options.dry_run or self._options.names_paths
        return Restored(
            self._options.snapshot,
            changed,
            self._before.id if self._before and changed else None,
            results,
            time.monotonic() - start,
            self._options.dry_run,
            self._tags,
            files={tree.name: tree.result(names_paths=names_paths) for tree in self._trees},
        )


def _restored(job: RestoreJob, method: str, pages_written: int) -> RestoredDatabase:
    return RestoredDatabase(method, pages_written, job.target.page_count, job.record.image_bytes)
