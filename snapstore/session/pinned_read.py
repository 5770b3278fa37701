"""A pinned read transaction: while it is open, the write-ahead log of a database cannot start from its beginning.

Beside it stand a second connection, which checkpoints, and what is known of the pages that the log names.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count

from snapstore.database.dbpage import DbPages
from snapstore.database.file import DatabaseFile
from snapstore.database.wal_index import NO_SALTS, LogEnd
from snapstore.database.wal_pages import WalPages
from snapstore.engine import Connection
from snapstore.errors import SnapError
from snapstore.locks import Deadline

_TOUCH = "SELECT 1 FROM sqlite_schema LIMIT 1"


class PinnedRead:
    """The connections to one file; `since` is an end that the log had once it was pinned, None while it is not.

    `is_exact` tells whether the read transaction shows the state at `since`, and not one before it.
    """

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._pages = WalPages(file.path)
        self._reader: Connection | None = None
        self._other: Connection | None = None
        self.since: LogEnd | None = None
        self.is_exact = False

    def end(self) -> LogEnd | None:
        """Return where the log ends now, None where that cannot be told."""
        if self._other is None:
            with suppress(SnapError):
                self._other = self._file.connect(Deadline(0))
                self._other.rows(_TOUCH)
        return self._file.log_end()

    def idle_connection(self) -> Connection | None:
        """Return the second connection, None where it is not open or in a transaction."""
        return self._other if self._other and not self._other.in_transaction else None

    def pages_to(self, end: LogEnd, page_size: int) -> set[int] | None:
        """Return the pages that the log names up to an end and perhaps more, None where it is another log now."""
        return self._pages.all if self._pages.read_to(end, page_size) else None

    def changed(self, start: LogEnd, end: LogEnd) -> set[int] | None:
        """Return the pages that changed between two ends, after `pages_to` the second; None where that is not known.

        A pinned log starts again once at most: by the first writer after all of it was checkpointed.
        """
        pinned = self.since
        if start.salts == end.salts and (start.salts != NO_SALTS or pinned == start):
            return self._pages.since(start.frames, end.frames)
        if pinned and pinned.salts == start.salts and pinned.frames <= start.frames:
            return self._pages.since(0, end.frames)
        return None

    def pages(self, wanted: list[int], page_count: int) -> dict[int, bytes] | None:
        """Return some of the pages that the state at `since` has, not normalised; None where they cannot be had."""
        if self._reader is None or self.since is None or not self.is_exact:
            return None
        with suppress(SnapError):
            return DbPages(self._file.path, self._reader, page_count).pages(wanted)
        return None

    def pin(self) -> None:
        """Begin the read transaction again, where that is possible."""
        self.unpin()
        with suppress(SnapError):
            if self._reader is None:
                self._reader = self._file.connect(Deadline(0))
            before = self.end()
            self._reader.rows("BEGIN")
            self._reader.rows(_TOUCH)
            self.since = self.end()
            self.is_exact = self.since == before  # else a commit may have come after the transaction began

    def unpin(self) -> None:
        """End the read transaction."""
        self.since = None
        if self._reader:
            self._reader.roll_back()

    def pin_after_checkpoint(self, known: LogEnd | None, deadline: Deadline) -> LogEnd | None:
        """Unpin the log, checkpoint it as soon as others allow, and pin it again.

        Return its new end if the state is still the one at the end `known`, None where anybody wrote in between.
        """
        version = self._version()
        is_known = known is not None and self.end() == known
        self.unpin()
        self.checkpoint(deadline)
        self.pin()
        return self.since if is_known and version is not None and version == self._version() else None

    def checkpoint(self, deadline: Deadline) -> None:
        """Move what is in the log into the file; wait for those who read or write at this moment."""
        for attempt in count():
            if self._try_checkpoint() or not deadline.wait(attempt):
                return

    def _try_checkpoint(self) -> bool:
        """Try to checkpoint; return False where another connection stood in the way."""
        if self._other:
            with suppress(SnapError):
                is_busy, _, _ = self._other.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
                return not is_busy
        return True

    def close(self) -> None:
        """Close the connections."""
        self.unpin()
        for connection in filter(None, (self._reader, self._other)):
            self._file.disconnect(connection)
        self._reader = self._other = None

    def _version(self) -> object:
        """Return a value that differs once another connection has committed, None where there is none."""
        with suppress(SnapError):
            return self._other.value("PRAGMA data_version") if self._other else None
        return None
