"""Restore: a snapshot back into the live databases, under open connections.

In the order things happen: decide for each database whether it can be changed in place; begin a write
transaction on each that can; read what is there into the safety snapshot; write the pages that differ into the
transaction, while the snapshot's pack is synced; make it count, and the intent with it; commit; look at what was
written; move HEAD. Up to the commit every error, and every kill, leaves the old state.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.in_place import check_written, commit, compare_block, differing_pages, write_pages
from snapstore.actions.origin import check_belongs
from snapstore.actions.restore_job import RestoreJob
from snapstore.actions.settle import finish_move, settle, try_move
from snapstore.database.live import LiveDatabases
from snapstore.database.wal import sync_log
from snapstore.errors import ConfigurationError, DatabaseCorrupt, NotADatabase, SnapError
from snapstore.files import translated
from snapstore.history.intents import Intent
from snapstore.history.snapshot import Snapshot
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.records import Record
from snapstore.store import DEFAULT_TIMEOUT, Store

IN_PLACE, REPLACED, NONE = "in-place", "replaced", "none"


class RestoreOptions(Record):
    """What `restore` may be told.

    `only` names the databases to bring back, None for all of the snapshot's; `force` replaces files that are
    damaged or open elsewhere; `foreign` lets another database's snapshot pass.
    """

    snapshot: str
    only: tuple[str, ...] | None = None
    dry_run: bool = False
    safety: bool = True
    force: bool = False
    foreign: bool = False
    timeout: float = DEFAULT_TIMEOUT
    action: str = "restore"


class RestoredDatabase(Record):
    """How one database came back.

    `kept` is where a damaged file was put, `still_open` the processes that have the replaced file open
    and go on with it until they are started again.
    """

    method: str
    pages_written: int
    pages: int
    kept: str | None = None
    still_open: tuple[str, ...] = ()


class RestoreResult(Record):
    """What was done; `safety` is the snapshot of the state before, None where nothing changed or none was wanted."""

    snapshot: str
    changed: bool
    safety: str | None
    databases: dict[str, RestoredDatabase]
    seconds: float
    dry_run: bool = False


Later = Callable[[Callable[[], None]], None]
"""Takes what is left to do once the caller has been told."""


def restore(
    store: Store, project: Project, options: RestoreOptions, progress: Progress = SILENT, later: Later | None = None
) -> RestoreResult:
    """Bring a snapshot back.

    With `later`, the live databases are as the snapshot has them when this returns, but it is for what is left to
    sync them and to move HEAD, which until then is that of a restore that was cut off (settle.py).

    Raises WrongDatabase, DatabaseLocked, DatabaseReadOnly, DatabaseInUse, DatabaseUnusable, StoreDamaged,
    DiskFull; the live databases are then as they were.
    """
    start = time.monotonic()
    snapshot = store.snapshots.load(options.snapshot)
    names = _names(snapshot, project, options)
    if not options.foreign:
        check_belongs(options.snapshot, snapshot, project, names)
    with ExitStack() as stack:
        stack.enter_context(store.lock(project.origin, shared=options.dry_run))
        if not options.dry_run:
            settle(store, project, options.timeout)
        restoring = _Restore(store, project, options, snapshot, names, is_synced=later is None)
        result = restoring.run(start, progress)
        if later and result.changed and not options.dry_run:
            later(partial(_finish, restoring, stack.pop_all()))
        else:
            restoring.finish(changed=result.changed)
        return result


def _finish(restoring: _Restore, locked: ExitStack) -> None:
    with locked:
        restoring.finish(changed=True)


def _names(snapshot: Snapshot, project: Project, options: RestoreOptions) -> list[str]:
    wanted = list(snapshot.databases if options.only is None else options.only)
    for name in wanted:
        if name not in snapshot.databases:
            raise ConfigurationError(f"the snapshot has no database '{name}', only {', '.join(snapshot.databases)}")
        project.only(name)
    return wanted


class _Restore:
    """One restore; its methods stand in the order they run in."""

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
        self._jobs = {
            name: RestoreJob.assess(store, project.databases[name], snapshot.databases[name], force=options.force)
            for name in names
        }
        self._before: Captured | None = None

    def run(self, start: float, progress: Progress) -> RestoreResult:
        readable = {name: job.path for name, job in self._jobs.items() if not job.damaged and os.path.exists(job.path)}
        with LiveDatabases(readable, Patience(self._options.timeout)) as live:
            self._begin(live)
            with self._store.writer() as writer:
                capture = Capture(self._store, writer, self._project, to_change=True)
                for name, job in self._jobs.items():
                    if job.view:
                        keep = self._options.safety and not self._options.dry_run
                        each = partial(compare_block, self._store, job)
                        job.now = capture.read(name, job.view, progress, keep=keep, each=each)
                written: dict[str, int] = {}
                changed = not all(job.is_done for job in self._jobs.values())
                if self._options.dry_run:
                    results = {name: self._would(job) for name, job in self._jobs.items()}
                    return self._result(start, results, changed=changed)
                if changed:
                    self._refuse()
                    self._end_state_before(capture)
                    written = self._write_pages()
                    self._keep_state_before(capture)
            results = self._commit(live, written)
        return self._result(start, results, changed=changed)

    def _begin(self, live: LiveDatabases) -> None:
        """Begin the write transactions; where SQLite cannot read one of a set, all of it is replaced."""
        try:
            page_sizes = {name: self._jobs[name].record.page_size for name in live.files}
            views = live.read() if self._options.dry_run else live.write(page_sizes, synced=self._is_synced)
            for name, view in views.items():
                self._jobs[name].begin(view)
        except (DatabaseCorrupt, NotADatabase) as error:
            if not self._options.force:
                raise
            live.close()
            for name in live.files:
                self._jobs[name].give_up(str(error))

    def _would(self, job: RestoreJob) -> RestoredDatabase:
        """Count what would be written, for a dry run."""
        pages = job.target.page_count
        if job.is_done:
            return RestoredDatabase(NONE, 0, pages)
        if job.is_in_place:
            return RestoredDatabase(IN_PLACE, sum(1 for _ in differing_pages(self._store, job)), pages)
        return RestoredDatabase(REPLACED, pages, pages)

    def _end_state_before(self, capture: Capture) -> None:
        """Make a snapshot of the state before, unless there is one or none is wanted."""
        if any(job.view for job in self._jobs.values()):
            self._before = capture.known(anywhere=True)
            if self._before is None and self._options.safety:
                self._before = capture.finish("safety", f"before {self._options.action}")

    def _keep_state_before(self, capture: Capture) -> None:
        """Have it in the store, durably, and the intent with it."""
        with self._store.catalog.transaction():
            if self._before:
                capture.record(self._before)
            self._store.intents.put(self._project.origin, self._intent(changed=True))
            try_move(self._store, self._project, self._intent(changed=True), tuple(self._jobs))

    def _write_pages(self) -> dict[str, int]:
        """Write what differs into the transactions; until they are committed nobody sees it, and a crash undoes it."""
        return {name: write_pages(self._store, job) for name, job in self._jobs.items() if job.is_in_place}

    def _commit(self, live: LiveDatabases, written: dict[str, int]) -> dict[str, RestoredDatabase]:
        results = {}
        in_place = [job for job in self._jobs.values() if job.is_in_place]
        try:
            for name, job in self._jobs.items():
                if job.is_done:
                    results[name] = RestoredDatabase(NONE, 0, job.target.page_count)
                elif job.is_in_place:
                    results[name] = RestoredDatabase(IN_PLACE, written[name], job.target.page_count)
            for job, version in [(job, commit(job)) for job in in_place]:
                check_written(job, version)
            for name, job in self._jobs.items():
                if name not in results:
                    results[name] = self._replace(job)
        except BaseException:
            live.close()
            with suppress(SnapError):  # it stays to be settled by the next command
                settle(self._store, self._project, self._options.timeout)
            raise
        return results

    def _refuse(self) -> None:
        """Raise what would stop one of several databases before any of them has changed."""
        for job in self._jobs.values():
            if not job.is_done and not job.is_in_place:
                from snapstore.actions.whole_file import refuse_if_open  # rare

                refuse_if_open(job, force=self._options.force)

    def _replace(self, job: RestoreJob) -> RestoredDatabase:
        from snapstore.actions.whole_file import replace_file

        done = replace_file(self._store, job, force=self._options.force)
        return RestoredDatabase(REPLACED, job.target.page_count, job.target.page_count, done.kept, done.still_open)

    def finish(self, *, changed: bool) -> None:
        """Make sure that what was written stays, and move HEAD."""
        if self._options.dry_run:
            return
        if changed and not self._is_synced:
            for job in self._jobs.values():
                with translated(job.path):
                    sync_log(os.path.realpath(job.path))
        names = tuple(self._jobs)
        heads = self._store.refs.head(self._project.origin)
        if not changed and all(heads.get(name) == self._options.snapshot for name in names):
            return
        with self._store.catalog.transaction(synced=False):  # what is lost with the power is made up for by settle.py
            finish_move(self._store, self._project, self._intent(changed=changed), names)

    def _intent(self, *, changed: bool) -> Intent:
        before = self._before.id if self._before else ""
        how = "" if before else " without safety" if changed else " of the same state"
        return Intent(self._options.action + how, before, self._options.snapshot, tuple(self._jobs))

    def _result(self, start: float, results: dict[str, RestoredDatabase], *, changed: bool) -> RestoreResult:
        return RestoreResult(
            self._options.snapshot,
            changed,
            self._before.id if self._before and changed else None,
            results,
            time.monotonic() - start,
            self._options.dry_run,
        )
