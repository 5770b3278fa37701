"""The change tracker: knows which pages of one live database may have changed since its blocks were last hashed.

In WAL mode every change is in the log, whose frames name the pages, and the wal-index tells where the log ended when
the blocks were known. A pinned read transaction keeps the log from starting again (pinned_read.py). Now and then it is
ended, the log is checkpointed, and it begins again.

In the rollback modes, a file was not written if its inode, size, modification time and change counter are the same.

What it knows is never trusted for good: `check` compares it with a full hash, and a mismatch switches the tracker off.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from snapstore import engine
from snapstore.blocks import BLOCK_BYTES
from snapstore.database.file import DatabaseFile
from snapstore.database.header import normalise
from snapstore.database.live import LiveDatabases
from snapstore.database.tracking import KnownImage, PinnedImage, TrackedState
from snapstore.database.wal import wal_path
from snapstore.database.wal_index import LogEnd
from snapstore.engine import Connection
from snapstore.errors import SnapError, TrackerMismatch
from snapstore.ids import ID_BYTES
from snapstore.locks import Deadline
from snapstore.session.pinned_read import PinnedRead

_LONG_LOG_SECONDS = 0.05
LOG_LIMIT = 4 << 20  # bytes: about what SQLite's own automatic checkpoint lets it grow to
BY_LOG, BY_STAMP, BY_HASHING = "log", "stamp", "hashing"
_COUNTER, _VERSION = slice(24, 28), slice(92, 100)  # SQLite file format, 1.3
_HEADER_BYTES = 100

_abandoned: list[DatabaseFile] = []
"""Files that were replaced: closing the last connection would remove the log of the new file, by its name."""


class _State(NamedTuple):
    """An image whose block ids are known, and its position (database/tracking.py)."""

    position: object
    image: KnownImage


class _Seen(NamedTuple):
    """What was read of the state at a position, and what was found out about it (database/tracking.py)."""

    position: object
    blocks: dict[int, bytes]
    notes: dict[type, object]


class _FileImage(NamedTuple):
    """An image that the file itself has, and the numbers of its blocks by their ids."""

    page_size: int
    page_count: int
    block_ids: bytes
    numbers: dict[bytes, int]

    @classmethod
    def of(cls, image: KnownImage) -> _FileImage:
        ids = image.block_ids
        numbers = {ids[at : at + ID_BYTES]: at // ID_BYTES for at in range(0, len(ids), ID_BYTES)}
        return cls(image.page_size, image.page_count, ids, numbers)


class Tracker:
    """Tracks one database; `hashed` counts the views of which nothing was known, `answered` the others."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.hashed = self.answered = self.rests = self.checks = 0
        self.is_off = engine.HAS_WAL_RESET_BUG  # a pinned log needs checkpoints, which such a library must not make
        self._file: DatabaseFile | None = None
        self._pin: PinnedRead | None = None
        self._now: _State | None = None
        self._read: _Seen | None = None
        self._in_file: _FileImage | None = None
        self._rest_at = LOG_LIMIT
        self.how = BY_HASHING

    def follow(self) -> None:
        """Begin to track the file at the path, if there is one and it is not the one that is tracked already."""
        if self._file and self._file.is_replaced():
            self._abandon()
        if self._file is None and not self.is_off:
            with suppress(SnapError):  # the verb that reads it reports what is wrong
                self._file = DatabaseFile(self.path)
                self._file.tracker = self

    def close(self) -> None:
        """Close everything; checkpoint the log, as far as others allow."""
        if self._file is None:
            return
        if self._file.is_replaced():
            self._abandon()
            return
        if self._pin:
            self._pin.unpin()
            self._pin.checkpoint(Deadline(0))
        self.disconnect()
        self._file.tracker = None
        self._file.close()
        self._file = None

    def switch_off(self) -> None:
        """Track nothing any more."""
        self.is_off = True
        self.how = BY_HASHING
        self.close()

    def position(self) -> object:
        """Return where the log ends, None where that cannot be told."""
        return self._pinned().end() if self._file and self._is_wal(self._file) else None

    def state(self, *, is_wal: bool, page_size: int, before: object, exclusive: bool) -> TrackedState:
        """Return what is known of the state in a transaction, and pin the log where it is not."""
        found = self._state_by_log(page_size, before, exclusive=exclusive) if is_wal else self._state_by_file(page_size)
        if found.image:
            self.answered += 1
        else:
            self.hashed += 1
        return found

    def learn(self, position: object, image: KnownImage) -> None:
        """Take the block ids of the state at a position."""
        if position is not None:
            self._now = _State(position, image)
            if self._pin and self._pin.since == position:
                self._in_file = _FileImage.of(image)

    def block(self, id_: bytes) -> bytes | None:
        """Return the bytes that the file has at the place where the block of an id was when the log was pinned.

        While it is pinned no checkpoint writes to the file, unless some of the log was not in the file by then.
        """
        found = self._in_file
        number = found.numbers.get(id_) if found else None
        if found is None or number is None or self._file is None:
            return None
        start = number * BLOCK_BYTES
        data = self._file.read(min(BLOCK_BYTES, found.page_count * found.page_size - start), start)
        if number == 0:
            first = bytearray(data)
            normalise(first, found.page_count)
            return bytes(first)
        return data

    @property
    def notes(self) -> dict[type, object]:
        """What was found out about the state that was seen last; whether it is still there, only a view can tell."""
        return self._read.notes if self._read else {}

    def idle_connection(self) -> Connection | None:
        """Return a connection that is open and in no transaction, None where there is none."""
        return self._pin.idle_connection() if self._pin else None

    def disconnect(self) -> None:
        """Close all connections, for what needs the database alone."""
        self._now = self._in_file = self._read = None
        if self._pin:
            self._pin.close()
        self._pin = None

    @property
    def log_bytes(self) -> int:
        """The length of the log."""
        try:
            return os.path.getsize(wal_path(os.path.realpath(self.path)))
        except OSError:
            return 0

    def rest(self) -> None:
        """Have the log checkpointed where it has grown too long; see who uses the database."""
        if self._file:
            self._file.look_at_users()
        if self._pin is None or self._pin.since is None or (length := self.log_bytes) <= self._rest_at:
            return
        is_known = self._now is not None and self._now.position == self._pin.end()
        if not is_known and length <= self._rest_at * 3 // 2:
            return  # the file is worth most with a state that was taken or restored, and that may come soon
        with suppress(SnapError):  # a full disk, a damaged file: the next request reports it
            is_long = self.log_bytes > 2 * LOG_LIMIT  # a client in a hurry writes again before the log is unpinned
            self._rest(self._pin, Deadline(_LONG_LOG_SECONDS if is_long else 0))
        self._rest_at = max(LOG_LIMIT, self.log_bytes + LOG_LIMIT // 4)  # another connection may keep it that long

    def check(self, timeout: float) -> None:
        """Compare what is known with a full hash. Raises TrackerMismatch, and what reading raises."""
        if self._file is None or self.is_off:
            return
        with LiveDatabases({"": self.path}, Deadline(timeout)) as live:
            view = live.read()[""]
            if view.tracked is None or view.tracked.image is None:
                return
            known, found = b"".join(view.ids()), b"".join(view.ids_hashed())
        self.checks += 1
        if known != found:
            self.switch_off()
            raise TrackerMismatch(self.path, f"blocks {_unlike(known, found)}")

    def _state_by_log(self, page_size: int, before: object, *, exclusive: bool) -> TrackedState:
        """Compare where the log ends with where it ended when the blocks were known.

        If another connection commits while a transaction begins, its state is one between two ends. The pages that the
        log names since the first of them are never fewer than those that changed.
        """
        self.how = BY_LOG
        pin = self._pinned()
        end = pin.end()
        logged = pin.pages_to(end, page_size) if end else None
        if end is None or logged is None:
            return TrackedState(None, None)
        known = self._known_by_log(pin, end, page_size)
        if known is None or pin.since is None:
            pin.pin()
        seen = self._seen(known, end if exclusive or before == end else None)
        blocks, notes = (seen.blocks, seen.notes) if seen else (None, None)
        return TrackedState(known, end if exclusive else before, logged, blocks, self._pinned_image(pin), notes)

    def _pinned_image(self, pin: PinnedRead) -> PinnedImage | None:
        found = self._in_file
        if found is None:
            return None
        pages = partial(pin.pages, page_count=found.page_count)
        return PinnedImage(found.page_size, found.page_count, found.block_ids, pages)

    def _known_by_log(self, pin: PinnedRead, end: LogEnd, page_size: int) -> KnownImage | None:
        now = self._now
        if now and isinstance(now.position, LogEnd) and now.image.page_size == page_size:
            changed = pin.changed(now.position, end)
            if changed is not None:
                return now.image._replace(changed=changed)
        self._now = None
        return None

    def _state_by_file(self, page_size: int) -> TrackedState:
        if self._pin:  # the database has left WAL mode
            self.disconnect()
        self.how = BY_STAMP
        assert self._file is not None
        position, now = self._stamp(self._file), self._now
        is_same = now is not None and now.position == position and now.image.page_size == page_size
        known = now.image if now and is_same else None
        seen = self._seen(known, position)
        return TrackedState(known, position, blocks=seen.blocks if seen else None)

    def _seen(self, known: KnownImage | None, position: object) -> _Seen | None:
        """Return what was seen of the state at a position, to which views add; None if it is not known."""
        if known is None or position is None:
            self._read = None
        elif self._read is None or self._read.position != position:
            self._read = _Seen(position, {}, {})
        return self._read

    def _rest(self, pin: PinnedRead, deadline: Deadline) -> None:
        """Learn the present state, and pin the log again after a checkpoint."""
        with LiveDatabases({"": self.path}, Deadline(0)) as live:
            for _ in live.read()[""].ids():
                pass
        state, self._now = self._now, None
        self.rests += 1
        position = state.position if state else None
        end = pin.pin_after_checkpoint(position if isinstance(position, LogEnd) else None, deadline)
        if state and end:
            self._now = state._replace(position=end)
            self._in_file = _FileImage.of(state.image)

    def _pinned(self) -> PinnedRead:
        if self._pin is None:
            assert self._file is not None
            self._pin = PinnedRead(self._file)
        return self._pin

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
            self._file.tracker = None
            _abandoned.append(self._file)
        self._file = self._pin = self._now = self._in_file = self._read = None


def _unlike(one: bytes, other: bytes) -> list[int]:
    places = range(0, max(len(one), len(other)), ID_BYTES)
    return [at // ID_BYTES for at in places if one[at : at + ID_BYTES] != other[at : at + ID_BYTES]][:10]
