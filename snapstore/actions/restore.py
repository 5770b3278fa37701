"""Restore: a snapshot back into the live databases, under open connections.

In the order things happen: decide for each database whether it can be changed in place; begin a write
transaction on each that can; store what is there now (the safety snapshot) and the intent; write the
pages that differ; commit; look at what was written; move HEAD. Up to the commit every error, and every
kill, leaves the old state.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.image import page_images, write_image
from snapstore.actions.origin import check_belongs
from snapstore.actions.settle import finish_move, settle
from snapstore.database import header, patch
from snapstore.database.file import DatabaseFile, sidecars
from snapstore.database.live import LiveDatabases
from snapstore.database.replace import fold_log, replace, set_aside
from snapstore.database.schema import fingerprint
from snapstore.database.view import View
from snapstore.errors import (
    ConfigurationError,
    DatabaseCorrupt,
    DatabaseInUse,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseReadOnly,
    NotADatabase,
    RestoreMismatch,
    SnapError,
)
from snapstore.files import reached
from snapstore.history.intents import Intent
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseRecord, Snapshot
from snapstore.holders import openers_of
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import DEFAULT_TIMEOUT, Store

IN_PLACE, REPLACED, NONE = "in-place", "replaced", "none"


@dataclass(frozen=True)
class RestoreOptions:
    """What `restore` may be told; `force` replaces damaged files and passes the wrong-database guard."""

    snapshot: str
    only_db: str | None = None
    dry_run: bool = False
    safety: bool = True
    force: bool = False
    timeout: float = DEFAULT_TIMEOUT
    action: str = "restore"


@dataclass(frozen=True)
class RestoredDatabase:
    """How one database came back.

    `kept` is where a damaged file was put, `still_open` the processes that have the replaced file open
    and go on with it until they are started again.
    """

    method: str
    pages_written: int
    pages: int
    kept: str | None = None
    still_open: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestoreResult:
    """What was done; `safety` is the snapshot of the state before, None where nothing changed or none was wanted."""

    snapshot: str
    changed: bool
    safety: str | None
    databases: dict[str, RestoredDatabase]
    seconds: float
    dry_run: bool = False


@dataclass
class _Job:
    """One database on its way: exactly one of `view` (change in place) and `reason` (replace) is used."""

    path: str
    record: DatabaseRecord
    target: Manifest
    reason: str = ""
    damaged: bool = False
    view: View | None = None
    now: Manifest | None = None
    written: dict[int, bytes] = field(default_factory=dict)


def restore(store: Store, project: Project, options: RestoreOptions, progress: Progress = SILENT) -> RestoreResult:
    """Bring a snapshot back.

    Raises WrongDatabase, DatabaseLocked, DatabaseReadOnly, DatabaseInUse, DatabaseUnusable, StoreDamaged,
    DiskFull; the live databases are then as they were.
    """
    start = time.monotonic()
    snapshot = store.snapshots.load(options.snapshot)
    names = _names(snapshot, project, options)
    if not options.force:
        check_belongs(options.snapshot, snapshot, project, names)
    if not options.dry_run:
        settle(store, project, options.timeout)
    return _Restore(store, project, options, snapshot, names).run(start, progress)


def _names(snapshot: Snapshot, project: Project, options: RestoreOptions) -> list[str]:
    wanted = [options.only_db] if options.only_db else list(snapshot.databases)
    for name in wanted:
        if name not in snapshot.databases:
            raise ConfigurationError(f"the snapshot has no database '{name}', only {', '.join(snapshot.databases)}")
        project.only(name)
    return wanted


class _Restore:
    """One restore; its methods stand in the order they run in."""

    def __init__(
        self, store: Store, project: Project, options: RestoreOptions, snapshot: Snapshot, names: list[str]
    ) -> None:
        self._store = store
        self._project = project
        self._options = options
        self._jobs = {name: self._job(name, snapshot.databases[name]) for name in names}
        self._before: Captured | None = None

    def run(self, start: float, progress: Progress) -> RestoreResult:
        readable = {name: job.path for name, job in self._jobs.items() if not job.damaged and os.path.exists(job.path)}
        with LiveDatabases(readable, Patience(self._options.timeout)) as live:
            self._begin(live)
            with self._store.writer() as writer:
                capture = Capture(self._store, writer, self._store.refs.head(self._project.origin))
                for name, job in self._jobs.items():
                    if job.view:
                        job.now = capture.read(name, job.view, progress)
                methods = {name: self._method(job) for name, job in self._jobs.items()}
                changed = any(method != NONE for method in methods.values())
                if changed and not self._options.dry_run:
                    self._keep_state_before(capture)
            if self._options.dry_run:
                results = {name: self._would(self._jobs[name], method) for name, method in methods.items()}
            else:
                results = self._write(live, methods)
        if not self._options.dry_run:
            self._move_head(changed=changed)
        return self._result(start, results, changed=changed)

    def _job(self, name: str, record: DatabaseRecord) -> _Job:
        path = self._project.databases[name]
        job = _Job(path, record, self._store.snapshots.manifest(record.manifest))
        try:
            with DatabaseFile(path) as file:
                job.reason = _other_format(file, record)
            if not os.access(path, os.W_OK):
                raise DatabaseReadOnly(path)
        except DatabaseMissing:
            job.reason = "it is missing"
        except NotADatabase as error:
            if not self._options.force or not os.path.isfile(path):
                raise
            job.reason, job.damaged = error.reason, True
        return job

    def _begin(self, live: LiveDatabases) -> None:
        """Begin the write transactions; a database that SQLite cannot read is one to replace."""
        sizes = {name: self._jobs[name].record.page_size for name in live.files}
        try:
            views = live.write(sizes)
        except DatabaseCorrupt as error:
            if not self._options.force:
                raise
            self._give_up_on(live, error)
            return
        for name, view in views.items():
            job = self._jobs[name]
            job.view = view
            if not job.reason and view.page_size != job.record.page_size and job.record.page_count:
                job.reason = f"its page size is {view.page_size}, the snapshot's {job.record.page_size}"

    def _give_up_on(self, live: LiveDatabases, error: DatabaseCorrupt) -> None:
        """Replace every database of a set of which SQLite cannot read one."""
        live.close()
        for job in self._jobs.values():
            if os.path.exists(job.path):
                job.reason, job.damaged = error.detail, True

    def _method(self, job: _Job) -> str:
        if job.now is not None and job.now.id == job.target.id:
            return NONE
        return REPLACED if job.reason or not job.view else IN_PLACE

    def _would(self, job: _Job, method: str) -> RestoredDatabase:
        """Count what would be written, for a dry run."""
        pages = job.target.page_count
        if method == IN_PLACE:
            return RestoredDatabase(method, sum(1 for _ in self._differing(job)), pages)
        return RestoredDatabase(method, pages if method == REPLACED else 0, pages)

    def _keep_state_before(self, capture: Capture) -> None:
        """Make the state before durable, and the intent with it, unless no safety snapshot is wanted."""
        if not any(job.view for job in self._jobs.values()):
            return
        before = capture.known(anywhere=True)
        if before is None and self._options.safety:
            before = capture.finish("safety", f"before {self._options.action}")
        self._before = before
        intent = self._intent()
        with self._store.catalog.transaction():
            if before:
                capture.record(before)
            self._store.intents.put(self._project.origin, intent)

    def _write(self, live: LiveDatabases, methods: dict[str, str]) -> dict[str, RestoredDatabase]:
        jobs, results = self._jobs, {}
        try:
            for name, job in jobs.items():
                written = self._patch(job) if methods[name] == IN_PLACE else 0
                results[name] = RestoredDatabase(methods[name], written, job.target.page_count)
            for name, job in jobs.items():
                if methods[name] == IN_PLACE:
                    self._commit(job)
            for name, job in jobs.items():
                if methods[name] == REPLACED:
                    results[name] = self._replace(job)
        except BaseException:
            live.close()
            with suppress(SnapError):  # it stays to be settled by the next command
                settle(self._store, self._project, self._options.timeout)
            raise
        return results

    def _patch(self, job: _Job) -> int:
        """Write the pages into the open transaction; return how many."""
        view = job.view
        assert view is not None
        if job.target.page_count:
            first = self._store.objects.read(job.target.block_ids[0])[: job.target.page_size]
            live1 = view.live_page1 or header.page1_for_file(first, wal=False)
            new_schema = fingerprint(view.connection).layout != job.record.layout
            page1 = header.page1_for_live(first, live1, new_schema=new_schema)
        else:
            page1 = header.page1_for_live(header.void_page1(view.live_page1), view.live_page1, new_schema=True)
        counts = (view.live_page_count, max(1, job.target.page_count))
        written = patch.write(view.connection, (page for page in self._differing(job) if page[0] > 1), page1, counts)
        reached("pages-written")
        return written

    def _commit(self, job: _Job) -> None:
        view = job.view
        assert view is not None
        version = view.connection.value("PRAGMA data_version")
        view.connection.rows("COMMIT")
        reached("live-committed")
        self._check(job, view, version)

    def _check(self, job: _Job, view: View, version: int) -> None:
        """Read what was written through a second connection; nothing can be said once somebody else wrote."""
        connection = view.file.connect(view.connection.patience)
        try:
            after = View(view.file, connection)
            wrong = [index for index, id_ in job.written.items() if after.ids_at([index])[index] != id_]
            wrong_count = after.page_count != job.target.page_count
            if (wrong or wrong_count) and view.connection.value("PRAGMA data_version") == version:
                raise RestoreMismatch(job.path, f"blocks {wrong} of {job.target.page_count} pages")
        finally:
            view.file.disconnect(connection)

    def _replace(self, job: _Job) -> RestoredDatabase:
        path = job.path
        still_open = openers_of([path, *sidecars(path)])
        if still_open and not self._options.force:
            raise DatabaseInUse(path, job.reason, still_open)
        mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o666
        kept = self._clear_the_way(job)
        replace(path, lambda: write_image(self._store, job.record, path, mode=mode))
        return RestoredDatabase(REPLACED, job.target.page_count, job.target.page_count, kept, still_open)

    def _clear_the_way(self, job: _Job) -> str | None:
        """Leave no log or journal that could be replayed over the new file; return where a damaged one is kept."""
        if job.damaged:
            return set_aside(job.path)
        if job.view:
            try:
                fold_log(job.view.file, job.view.connection)
            except DatabaseLocked:
                if not self._options.force:
                    raise
                return set_aside(job.path)
        elif any(os.path.exists(sidecar) for sidecar in sidecars(job.path)):
            return set_aside(job.path)
        return None

    def _move_head(self, *, changed: bool) -> None:
        names = tuple(self._jobs)
        heads = self._store.refs.head(self._project.origin)
        if not changed and all(heads.get(name) == self._options.snapshot for name in names):
            return
        with self._store.catalog.transaction():
            finish_move(self._store, self._project, self._intent(), names)

    def _intent(self) -> Intent:
        before = self._before.id if self._before else ""
        action = self._options.action if before else f"{self._options.action} without safety"
        return Intent(action, before, self._options.snapshot, tuple(self._jobs))

    def _differing(self, job: _Job) -> Iterator[tuple[int, bytes]]:
        """Yield the pages of the target that the live image does not have, page 1 normalised."""
        view, now, target = job.view, job.now, job.target
        assert view is not None
        assert now is not None
        for index, id_ in enumerate(target.block_ids):
            if index < len(now.block_ids) and now.block_ids[index] == id_:
                continue
            job.written[index] = id_
            wanted = self._store.objects.read(id_)
            have = view.block(index) if index < view.block_count else b""
            for (pgno, page), start in zip(
                page_images(target, index, wanted), range(0, len(wanted), target.page_size), strict=True
            ):
                if have[start : start + target.page_size] != page:
                    yield pgno, page

    def _result(self, start: float, results: dict[str, RestoredDatabase], *, changed: bool) -> RestoreResult:
        return RestoreResult(
            self._options.snapshot,
            changed,
            self._before.id if self._before and changed else None,
            results,
            time.monotonic() - start,
            self._options.dry_run,
        )


def _other_format(file: DatabaseFile, record: DatabaseRecord) -> str:
    """Return why an image cannot be written into a file page by page, or nothing."""
    found = file.header()
    if found is None or record.page_count == 0:
        return ""
    if found.page_size != record.page_size:
        return f"its page size is {found.page_size}, the snapshot's {record.page_size}"
    if found.reserved_bytes != record.reserved_bytes:
        return "its reserved bytes differ"
    if found.text_encoding and record.text_encoding and found.text_encoding != record.text_encoding:
        return "its text encoding differs"
    return ""
