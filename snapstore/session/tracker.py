"""The change tracker: knows which pages of one live database may have changed since its blocks were last hashed.

In WAL mode every change is in the log, whose frames name the pages, and the wal-index says where it ended when the
blocks were known. A read transaction keeps the log from being begun anew (hold.py); at rest points it is let go, the
log is checkpointed, and it is taken again.

In the rollback modes a file whose inode, size, modification time and change counter are as they were was not written.

It is never trusted over the truth: `check` compares what it says with a full hash, and a mismatch switches it off.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from snapstore.blocks import BLOCK_BYTES
from snapstore.database.file import DatabaseFile
from snapstore.database.header import normalise
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.database.wal import wal_path
from snapstore.database.wal_index import LogEnd
from snapstore.database.watch import Known, Sight
from snapstore.engine import Connection
from snapstore.errors import SnapError, TrackerMismatch
from snapstore.ids import ID_BYTES
from snapstore.patience import Patience
from snapstore.records import Record
from snapstore.session.hold import Hold

_PATIENT_SECONDS = 0.05
LOG_LIMIT = 4 << 20  # bytes: about what SQLite's own automatic checkpoint lets it grow to
BY_LOG, BY_STAMP, BY_HASHING = "log", "stamp", "hashing"
_COUNTER, _VERSION = slice(24, 28), slice(92, 100)  # SQLite file format, 1.3
_HEADER_BYTES = 100

_abandoned: list[DatabaseFile] = []
"""Files that another one took the place of: closing the last connection would remove the other one's log by name."""


class _State(Record):
    """The block ids of an image, and its moment (database/watch.py)."""

    moment: object
    page_size: int
    page_count: int
    ids: bytes

    def known(self, changed: Collection[int] = ()) -> Known:
        return Known(self.page_size, self.page_count, self.ids, changed)


class _Filed(Record):
    """An image that the file itself has, and the numbers of its blocks by their ids."""

    page_size: int
    page_count: int
    numbers: dict[bytes, int]

    @classmethod
    def of(cls, state: _State) -> _Filed:
        ids = state.ids
        numbers = {ids[at : at + ID_BYTES]: at // ID_BYTES for at in range(0, len(ids), ID_BYTES)}
        return cls(state.page_size, state.page_count, numbers)


class Tracker:
    """Follows one database; `hashed` counts the views of which nothing was known, `answered` the others."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.hashed = self.answered = self.rests = self.checks = 0
        self.is_off = False
        self._file: DatabaseFile | None = None
        self._hold: Hold | None = None
        self._now: _State | None = None
        self._read: tuple[object, dict[int, bytes]] | None = None
        self._filed: _Filed | None = None
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
        if self._hold:
            self._hold.release()
            self._hold.checkpoint(Patience(0))
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
        """Return where the log ends, None where that cannot be told."""
        return self._held().end() if self._file and self._is_wal(self._file) else None

    def look(self, view: View, before: object, *, alone: bool) -> Sight:
        """Say what is known of a view, and take the hold where there is none."""
        if view.file.immutable:
            return Sight(None, None)
        sight = self._look_at_log(view, before, alone=alone) if view.is_wal else self._look_at_file(view)
        if sight.known:
            self.answered += 1
        else:
            self.hashed += 1
        return sight

    def learn(self, view: View, ids: bytes) -> None:
        """Take the ids of all blocks of a view."""
        moment = view.sight.moment if view.sight else None
        if moment is not None:
            self._now = _State(moment, view.page_size, view.page_count, ids)
            if self._hold and self._hold.since == moment:
                self._filed = _Filed.of(self._now)

    def block(self, id_: bytes) -> bytes | None:
        """Return the bytes that the file itself has where the block of an id was when the hold was taken.

        While it is held no checkpoint writes to the file, unless some of the log was not in it by then.
        """
        filed = self._filed
        number = filed.numbers.get(id_) if filed else None
        if filed is None or number is None or self._file is None:
            return None
        start = number * BLOCK_BYTES
        data = self._file.read(min(BLOCK_BYTES, filed.page_count * filed.page_size - start), start)
        if number == 0:
            first = bytearray(data)
            normalise(first, filed.page_count)
            return bytes(first)
        return data

    def second(self) -> Connection | None:
        """Return a connection that is open and in no transaction, None where there is none."""
        return self._hold.second() if self._hold else None

    def let_go(self) -> None:
        """Close all connections, before another file takes the place of this one."""
        self._now = self._filed = self._read = None
        if self._hold:
            self._hold.close()
        self._hold = None

    @property
    def log_bytes(self) -> int:
        """The length of the log."""
        try:
            return os.path.getsize(wal_path(os.path.realpath(self.path)))
        except OSError:
            return 0

    def rest(self) -> None:
        """Have the log checkpointed where it has grown too long."""
        if self._hold is None or self._hold.since is None or self.log_bytes <= self._rest_at:
            return
        with suppress(SnapError):  # a full disk, a damaged file: whoever asks for something will be told
            is_long = self.log_bytes > 2 * LOG_LIMIT  # a client in a hurry writes again before the log is let go
            self._rest(self._hold, Patience(_PATIENT_SECONDS if is_long else 0))
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

    def _look_at_log(self, view: View, before: object, *, alone: bool) -> Sight:
        """Compare where the log ends with where it ended when the blocks were known.

        Where somebody commits while a transaction begins, its state is one between two ends; the pages that the log
        names since the first of them are more than those that changed, and never fewer.
        """
        self.how = BY_LOG
        hold = self._held()
        end = hold.end()
        logged = hold.pages_to(end, view.page_size) if end else None
        if end is None or logged is None:
            return Sight(None, None)
        known = self._known_by_log(hold, end, view.page_size)
        if known is None or hold.since is None:
            hold.take()
        return Sight(
            known, end if alone else before, logged, self._blocks_of(known, end if alone or before == end else None)
        )

    def _known_by_log(self, hold: Hold, end: LogEnd, page_size: int) -> Known | None:
        now = self._now
        if now and isinstance(now.moment, LogEnd) and now.page_size == page_size:
            changed = hold.changed(now.moment, end)
            if changed is not None:
                return now.known(changed)
        self._now = None
        return None

    def _look_at_file(self, view: View) -> Sight:
        if self._hold:  # the database has left WAL mode
            self.let_go()
        self.how = BY_STAMP
        moment, now = self._stamp(view.file), self._now
        is_same = now is not None and now.moment == moment and now.page_size == view.page_size
        known = now.known() if now and is_same else None
        return Sight(known, moment, blocks=self._blocks_of(known, moment))

    def _blocks_of(self, known: Known | None, moment: object) -> dict[int, bytes] | None:
        """Return the blocks that were read of the state at a moment, if it is followed, for more to be put to them."""
        if known is None or moment is None:
            self._read = None
        elif self._read is None or self._read[0] != moment:
            self._read = moment, {}
        return self._read[1] if self._read else None

    def _rest(self, hold: Hold, patience: Patience) -> None:
        """Learn what the present state is, and take the hold past a checkpoint."""
        with LiveDatabases({"": self.path}, Patience(0)) as live:
            for _ in live.read()[""].ids():
                pass
        state, self._now = self._now, None
        self.rests += 1
        moment = state.moment if state else None
        end = hold.pass_checkpoint(moment if isinstance(moment, LogEnd) else None, patience)
        if state and end:
            self._now = state._replace(moment=end)
            self._filed = _Filed.of(self._now)

    def _held(self) -> Hold:
        if self._hold is None:
            assert self._file is not None
            self._hold = Hold(self._file)
        return self._hold

    def _is_wal(self, file: DatabaseFile) -> bool:
        with suppress(SnapError):
            header = file.header()
            return header is not None and header.is_wal
        return False

    def _stamp(self, file: DatabaseFile) -> object:
        header = file.read(_HEADER_BYTES, 0)
        return file.state(), header[_COUNTER], header[_VERSION]

    def _abandon(self) -> None:
        """Leave connections open to a file that has lost its name."""
        if self._file:
            self._file.watch = None
            _abandoned.append(self._file)
        self._file = self._hold = self._now = self._filed = self._read = None


def _unlike(one: bytes, other: bytes) -> list[int]:
    places = range(0, max(len(one), len(other)), ID_BYTES)
    return [at // ID_BYTES for at in places if one[at : at + ID_BYTES] != other[at : at + ID_BYTES]][:10]
