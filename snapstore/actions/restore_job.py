"""One database to restore: what it should become, and whether it can be changed in place."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from snapstore.database.file import DatabaseFile, disconnect_tracker
from snapstore.database.header import Header
from snapstore.database.view import View
from snapstore.errors import ConfigurationError, DatabaseMissing, DatabaseReadOnly, FilesChanging, NotADatabase
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry, Snapshot
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.names import tree_of

if TYPE_CHECKING:
    from snapstore.actions.tree_restore import TreeJob


T = TypeVar("T")


def chosen(snapshot: Snapshot, project: Project, only: Sequence[str] | None) -> list[str]:
    """Return the databases to restore, those in `only` or all of a snapshot's. Raises ConfigurationError."""
    wanted = [one for one in snapshot.databases if only is None or one in only]
    for name in (one for one in only or wanted if tree_of(one) is None):
        if name not in snapshot.databases:
            raise ConfigurationError(f"the snapshot has no database '{name}', only {', '.join(snapshot.databases)}")
        project.only(name)
    return wanted


def while_files_change(timeout: float, work: Callable[[], T]) -> T:
    """Do what needs files that nobody writes meanwhile, again and again for so many seconds of waiting.

    Raises FilesChanging.
    """
    deadline = Deadline(timeout)
    for attempt in count():
        try:
            return work()
        except FilesChanging:
            if not deadline.wait(attempt):
                raise
    raise AssertionError("count() does not end")


def chosen_trees(
    store: Store, project: Project, id_: str, snapshot: Snapshot, only: Sequence[str] | None, *, foreign: bool
) -> list[TreeJob]:
    """Return a job for each tree to restore that snapshot and project have. Raises WrongFiles, StoreDamaged."""
    if not (snapshot.files and project.trees):
        return []
    from snapstore.actions.tree_restore import jobs  # few projects have files

    return jobs(store, project, id_, snapshot, only, foreign=foreign)


def left_alone(snapshot: Snapshot, project: Project, only: Sequence[str] | None) -> tuple[str, ...]:
    """Return a text for each tree that a restore leaves alone, because only the one side has it."""
    if only is not None:
        return ()
    lacking = [name for name in project.trees if name not in snapshot.files]
    unknown = [name for name in snapshot.files if name not in project.trees]
    return (
        *(f"the snapshot has no files '{name}': they are left as they are" for name in lacking),
        *(f"the configuration has no files '{name}': those of the snapshot are left out" for name in unknown),
    )


class RestoreJob:
    """A live database and its target.

    `reason` tells why the file has to be replaced as a whole; it is empty if pages can be changed in place. `damaged`
    tells that SQLite cannot read it. `in_use` tells whether another process has a file open that may have to be
    replaced; None if that cannot be told. `view` is its write transaction, and `now` what it holds. `written` has the
    ids of the blocks that were changed, by number, and `images` the first pages of them, by page number. `page1` is
    page 1 as it was written. `same` has pages that were changed since, and still are as the target has them.
    """

    def __init__(self, path: str, record: DatabaseEntry, target: Manifest) -> None:
        self.path = path
        self.record = record
        self.target = target
        self.reason = ""
        self.damaged = False
        self.in_use: bool | None = None
        self.view: View | None = None
        self.now: Manifest | None = None
        self.written: dict[int, bytes] = {}
        self.images: dict[int, bytes] = {}
        self.page1 = b""
        self.same: dict[int, bytes] = {}

    @classmethod
    def assess(cls, store: Store, path: str, record: DatabaseEntry, *, force: bool) -> RestoreJob:
        """Check the file before anything is opened for writing. Raises DatabaseReadOnly, NotADatabase."""
        job = cls(path, record, store.snapshots.manifest_of(record))
        try:
            with DatabaseFile(path) as file:
                header = file.header()
                if header and _may_be_replaced(header, record):
                    disconnect_tracker(file.path)
                    job.in_use = file.is_open_elsewhere()
            if not os.access(path, os.W_OK):
                raise DatabaseReadOnly(path)
        except DatabaseMissing:
            job.reason = "it is missing"
        except NotADatabase as error:
            if not force or not os.path.isfile(path):
                raise
            job.give_up(error.reason)
        return job

    def begin(self, view: View) -> None:
        """Set the write transaction."""
        self.view = view
        self.reason = _other_format(view, self.record)

    def give_up(self, reason: str) -> None:
        """Note that SQLite cannot read the file; a view of it is closed."""
        self.reason, self.damaged = reason, True
        self.view = self.now = None

    @property
    def is_done(self) -> bool:
        """Whether the database holds the target already."""
        return self.now == self.target

    @property
    def is_in_place(self) -> bool:
        """Whether pages are to be changed through SQLite."""
        return self.view is not None and not self.reason and not self.is_done


def _may_be_replaced(header: Header, record: DatabaseEntry) -> bool:
    """Tell whether a database may have another format than a snapshot, as far as its file says."""
    formats = ((one.page_size, one.reserved_bytes, one.text_encoding) for one in (header, record))
    return len(set(formats)) > 1


def _other_format(view: View, record: DatabaseEntry) -> str:
    """Return why an image cannot be written into a live one page by page, an empty text if it can."""
    if record.page_count == 0 or view.live_page_count == 0:
        return ""
    if view.page_size != record.page_size:
        return f"its page size is {view.page_size}, the snapshot's {record.page_size}"
    live = view.header
    if live and live.reserved_bytes != record.reserved_bytes:
        return f"it reserves {live.reserved_bytes} bytes of a page, the snapshot {record.reserved_bytes}"
    if live and live.text_encoding and record.text_encoding not in (0, live.text_encoding):
        return "its text encoding is not the snapshot's"
    return ""
