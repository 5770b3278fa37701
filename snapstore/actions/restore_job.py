"""One database on its way back: what it should become, and whether it can be changed in place."""

from __future__ import annotations

import os

from snapstore.database.file import DatabaseFile
from snapstore.database.view import View
from snapstore.errors import DatabaseMissing, NotADatabase
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseRecord
from snapstore.refusals import DatabaseReadOnly
from snapstore.store import Store


class RestoreJob:
    """A live database and its target.

    `reason` says why the file has to be replaced as a whole, empty where its pages can be changed in
    place; `damaged` that SQLite cannot read it. `view` is its write transaction, `now` what it holds,
    `written` the ids of the blocks that were changed, by number, `images` the first pages of them, by page number.
    """

    def __init__(self, path: str, record: DatabaseRecord, target: Manifest) -> None:
        self.path = path
        self.record = record
        self.target = target
        self.reason = ""
        self.damaged = False
        self.view: View | None = None
        self.now: Manifest | None = None
        self.written: dict[int, bytes] = {}
        self.images: dict[int, bytes] = {}

    @classmethod
    def assess(cls, store: Store, path: str, record: DatabaseRecord, *, force: bool) -> RestoreJob:
        """Look at the file before anything is opened for writing. Raises DatabaseReadOnly, NotADatabase."""
        job = cls(path, record, store.snapshots.manifest(record.manifest))
        try:
            with DatabaseFile(path) as file:
                file.header()
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
        """Take the write transaction."""
        self.view = view
        self.reason = _other_format(view, self.record)

    def give_up(self, reason: str) -> None:
        """Note that SQLite cannot read the file."""
        self.reason, self.damaged = reason, True

    @property
    def is_done(self) -> bool:
        """Whether the database holds the target already."""
        return self.now == self.target

    @property
    def is_in_place(self) -> bool:
        """Whether pages are to be changed through SQLite."""
        return self.view is not None and not self.reason and not self.is_done


def _other_format(view: View, record: DatabaseRecord) -> str:
    """Return why an image cannot be written into a live one page by page, or nothing."""
    if record.page_count == 0 or view.live_page_count == 0:
        return ""
    if view.page_size != record.page_size:
        return f"its page size is {view.page_size}, the snapshot's {record.page_size}"
    found = view.header
    if found and found.reserved_bytes != record.reserved_bytes:
        return f"it reserves {found.reserved_bytes} bytes of a page, the snapshot {record.reserved_bytes}"
    if found and found.text_encoding and record.text_encoding not in (0, found.text_encoding):
        return "its text encoding is not the snapshot's"
    return ""
