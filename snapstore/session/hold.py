"""The hold: a read transaction that keeps the write-ahead log of one database from being begun anew.

With it go a second connection that checkpoints, and what is known of the pages that the log names.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count

from snapstore.database.file import DatabaseFile
from snapstore.database.log_pages import LogPages
from snapstore.database.wal_index import NO_SALTS, LogEnd
from snapstore.engine import Connection
from snapstore.errors import SnapError
from snapstore.patience import Patience

_TOUCH = "SELECT 1 FROM sqlite_schema LIMIT 1"


class Hold:
    """The connections to one file; `since` is an end that the log had once it was taken, None while it is not."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._pages = LogPages(file.path)
        self._holder: Connection | None = None
        self._probe: Connection | None = None
        self.since: LogEnd | None = None

    def end(self) -> LogEnd | None:
        """Return where the log ends at this moment, None where that cannot be told."""
        if self._probe is None:
            with suppress(SnapError):
                self._probe = self._file.connect(Patience(0))
                self._probe.rows(_TOUCH)
        return self._file.log_end()

    def second(self) -> Connection | None:
        """Return the second connection, None where it is not open or at work."""
        return self._probe if self._probe and not self._probe.in_transaction else None

    def pages_to(self, end: LogEnd, page_size: int) -> set[int] | None:
        """Return the pages that the log names up to an end and perhaps more, None where it is another log now."""
        return self._pages.all if self._pages.read_to(end, page_size) else None

    def changed(self, start: LogEnd, end: LogEnd) -> set[int] | None:
        """Return the pages that changed between two ends, after `pages_to` the second; None where nobody can tell.

        Held, a log is begun anew once at most: by the first who writes after all of it was checkpointed.
        """
        held = self.since
        if start.salts == end.salts and (start.salts != NO_SALTS or held == start):
            return self._pages.since(start.frames, end.frames)
        if held and held.salts == start.salts and held.frames <= start.frames:
            return self._pages.since(0, end.frames)
        return None

    def take(self) -> None:
        """Take the hold anew, where that can be."""
        self.release()
        with suppress(SnapError):
            if self._holder is None:
                self._holder = self._file.connect(Patience(0))
            self._holder.rows("BEGIN")
            self._holder.rows(_TOUCH)
            self.since = self.end()

    def release(self) -> None:
        """Let the log go on without us."""
        self.since = None
        if self._holder:
            self._holder.roll_back()

    def pass_checkpoint(self, known: LogEnd | None, patience: Patience) -> LogEnd | None:
        """Let go, have the log checkpointed as soon as others allow, and hold it again.

        Return the end it has then while the state is the one it had at the end `known`, None where somebody wrote.
        """
        version = self._version()
        is_known = known is not None and self.end() == known
        self.release()
        self.checkpoint(patience)
        self.take()
        return self.since if is_known and version is not None and version == self._version() else None

    def checkpoint(self, patience: Patience) -> None:
        """Have what is in the log go into the file; wait for those who read or write at this moment."""
        for attempt in count():
            if not self._is_checkpoint_put_off() or not patience.wait(attempt):
                return

    def _is_checkpoint_put_off(self) -> bool:
        """Try to checkpoint; return whether somebody stood in the way."""
        if self._probe:
            with suppress(SnapError):
                is_busy, _, _ = self._probe.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
                return bool(is_busy)
        return False

    def close(self) -> None:
        """Close the connections."""
        self.release()
        for connection in filter(None, (self._holder, self._probe)):
            self._file.disconnect(connection)
        self._holder = self._probe = None

    def _version(self) -> object:
        """Return what differs once anybody else has committed, None where it cannot be had."""
        with suppress(SnapError):
            return self._probe.value("PRAGMA data_version") if self._probe else None
        return None
