"""The change tracker: knows which pages of one live database may have changed since its blocks were last hashed.

In WAL mode a connection holds a read transaction (the hold). The log cannot be begun anew past what it reads, so every
change since is in the log, whose frame headers name the pages. At rest points the hold is let go, the log is
checkpointed, and it is taken again; `PRAGMA data_version` of the connection that checkpoints tells whether anybody
wrote in between. Where the data version is the one of a state that is known, not even the log is read.

In the rollback modes a file whose inode, size, modification time and change counter are as they were was not written.

It is never trusted over the truth: `check` compares what it says with a full hash, and a mismatch switches it off.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from snapstore.database.file import DatabaseFile
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.database.wal import wal_path
from snapstore.database.watch import Known, Sight
from snapstore.engine import Connection
from snapstore.errors import SnapError, TrackerMismatch
from snapstore.ids import ID_BYTES
from snapstore.patience import Patience
from snapstore.records import Record

LOG_LIMIT = 4 << 20  # bytes: about what SQLite's own automatic checkpoint lets it grow to
BY_LOG, BY_STAMP, BY_HASHING = "log", "stamp", "hashing"
_COUNTER, _VERSION = slice(24, 28), slice(92, 100)  # SQLite file format, 1.3
_HEADER_BYTES = 100

_abandoned: list[DatabaseFile] = []
"""Files that another one took the place of: closing the last connection would remove the other one's log by name."""


class _State(Record):
    """The block ids of an image, and the moment that tells it from all others."""

    moment: object
    page_size: int
    page_count: int
    ids: bytes

    def known(self, changed: Collection[int] = ()) -> Known:
        return Known(self.page_size, self.page_count, self.ids, changed)


class Tracker:
    """Follows one database; `hashed` counts the views of which nothing was known, `answered` the others."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.hashed = self.answered = self.rests = self.checks = 0
        self.is_off = False
        self._file: DatabaseFile | None = None
        self._probe: Connection | None = None
        self._probes = 0
        self._hold: Connection | None = None
        self._held: object = None
        self._base: _State | None = None
        self._now: _State | None = None
        self._rest_at = LOG_LIMIT
        self.how = BY_HASHING

    def follow(self) -> None:
        """Begin to follow the file at the path, if there is one and it is another than before."""
        if self._file and self._file.is_replaced():
            self._abandon()
        if self._file is None and not self.is_off:
            with suppress(SnapError):  # whoever reads it will say what is wrong
                self._file = DatabaseFile(self.path)
                self._file.watch = self

    def close(self) -> None:
        """Let go of everything; what is in the log goes into the file, as far as others allow."""
        if self._file is None:
            return
        if self._file.is_replaced():
            self._abandon()
            return
        self._release()
        if self._probe:
            with suppress(SnapError):
                self._probe.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        self.let_go()
        self._file.watch = None
        self._file.close()
        self._file = None

    def switch_off(self) -> None:
        """Follow nothing any more."""
        self.is_off = True
        self.how = BY_HASHING
        self.close()

    def before(self) -> object:
        """Return the present data version, None where it cannot be told."""
        return self._version() if self._is_wal() else None

    def look(self, view: View, before: object, *, alone: bool) -> Sight:
        """Say what is known of a view, and take the hold where there is none."""
        if view.file.immutable:
            return Sight(None, None)
        moment = self._moment(view, before, alone=alone)
        known = self._known(view, moment)
        if known:
            self.answered += 1
        else:
            self.hashed += 1
        return Sight(known, moment)

    def learn(self, view: View, ids: bytes) -> None:
        """Take the ids of all blocks of a view."""
        moment = view.sight.moment if view.sight else None
        if moment is None:
            return
        self._now = _State(moment, view.page_size, view.page_count, ids)
        if self._hold and self._base is None and self._held == moment:
            self._base = self._now

    def let_go(self) -> None:
        """Close all connections, before another file takes the place of this one."""
        self._release()
        self._now = None
        if self._file:
            for connection in filter(None, (self._hold, self._probe)):
                self._file.disconnect(connection)
        self._hold = self._probe = None

    @property
    def log_bytes(self) -> int:
        """The length of the log."""
        try:
            return os.path.getsize(wal_path(os.path.realpath(self.path)))
        except OSError:
            return 0

    def rest(self) -> None:
        """Have the log checkpointed where it has grown too long."""
        if self._held is None or self.log_bytes <= self._rest_at:
            return
        if self._base is None:  # nothing is known that would be lost
            self._release()
            return
        with suppress(SnapError):  # a full disk, a damaged file: whoever asks for something will be told
            self._rest()
        self._rest_at = max(LOG_LIMIT, self.log_bytes + LOG_LIMIT // 4)  # somebody may have kept it as long as it is

    def check(self, timeout: float) -> None:
        """Compare what is known with a full hash. Raises TrackerMismatch, and what reading raises."""
        if self._file is None or self.is_off:
            return
        with LiveDatabases({"": self.path}, Patience(timeout)) as live:
            view = live.read()[""]
            if view.sight is None or view.sight.known is None:
                return
            said, found = b"".join(view.ids()), b"".join(view.ids_hashed())
        self.checks += 1
        if said != found:
            self.switch_off()
            raise TrackerMismatch(self.path, f"blocks {_unlike(said, found)}")

    def _known(self, view: View, moment: object) -> Known | None:
        now = self._now
        if now and moment is not None and now.moment == moment and now.page_size == view.page_size:
            return now.known()
        if not view.is_wal:
            self.how = BY_STAMP
            return None
        self.how = BY_LOG
        if self._base and self._base.page_size == view.page_size:
            return self._base.known(view.pages_logged)
        if moment is not None:
            self._take_hold(moment)
        return None

    def _moment(self, view: View, before: object, *, alone: bool) -> object:
        """Return what tells a view's state from all others: None where somebody may have written as it began."""
        if not view.is_wal:
            self.let_go_of_log()
            return self._stamp(view.file)
        version = self._version()
        return version if alone or version == before else None

    def let_go_of_log(self) -> None:
        """Give the connections back where the database has left WAL mode."""
        if self._probe or self._hold:
            self.let_go()

    def _take_hold(self, moment: object) -> None:
        """Hold the state of a moment; where somebody wrote since, nothing is held."""
        self._release()
        with suppress(SnapError):
            if self._hold is None:
                assert self._file is not None
                self._hold = self._file.connect(Patience(0))
            self._hold.rows("BEGIN")
            self._hold.rows("SELECT 1 FROM sqlite_schema LIMIT 1")
            if self._version() == moment:
                self._held = moment
                return
        self._release()

    def _release(self) -> None:
        """Let the log go on without us."""
        self._base = self._held = None
        if self._hold:
            self._hold.roll_back()

    def _rest(self) -> None:
        """Learn what the present state is, let the hold go, checkpoint, and take it again."""
        with LiveDatabases({"": self.path}, Patience(0)) as live:
            for _ in live.read()[""].ids():
                pass
        state = self._now
        self._release()
        self.rests += 1
        if self._probe is None or state is None:
            return
        self._probe.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        self._take_hold(state.moment)
        if self._held is not None:
            self._base = state

    def _is_wal(self) -> bool:
        if self._file is None:
            return False
        with suppress(SnapError):
            header = self._file.header()
            return header is not None and header.is_wal
        return False

    def _version(self) -> object:
        """Return what differs once anybody else has committed, None where it cannot be had."""
        with suppress(SnapError):
            if self._probe is None and self._file:
                self._probe = self._file.connect(Patience(0))
                self._probes += 1  # each counts versions from anew
            return (self._probes, self._probe.value("PRAGMA data_version")) if self._probe else None
        return None

    def _stamp(self, file: DatabaseFile) -> object:
        header = file.read(_HEADER_BYTES, 0)
        return file.state(), header[_COUNTER], header[_VERSION]

    def _abandon(self) -> None:
        """Leave connections open to a file that has lost its name."""
        if self._file:
            self._file.watch = None
            _abandoned.append(self._file)
        self._file = self._probe = self._hold = None
        self._base = self._now = None
        self._held = None


def _unlike(one: bytes, other: bytes) -> list[int]:
    places = range(0, max(len(one), len(other)), ID_BYTES)
    return [at // ID_BYTES for at in places if one[at : at + ID_BYTES] != other[at : at + ID_BYTES]][:10]
