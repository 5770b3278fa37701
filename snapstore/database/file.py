"""A live database file: its real path, a plain descriptor, and the connections on it.

When a process closes any descriptor of a file, POSIX drops all locks that the process holds on that file
(sqlite.org/howtocorrupt.html, 2.2). So there is one plain descriptor for each file, shared by everything in this
process that opens the file, and it is closed after the last connection of the last user.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar

from snapstore import engine
from snapstore.access import Access
from snapstore.database.header import Header
from snapstore.database.names import KnownUsers, check_names
from snapstore.database.tracking import ChangeTracker
from snapstore.database.wal import wal_path
from snapstore.database.wal_index import LogEnd, index_path, log_end
from snapstore.errors import (
    DatabaseCorrupt,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseReadOnly,
    DatabaseUnreadable,
    DiskFull,
    NotADatabase,
    RecoveryNeeded,
    SnapError,
    SqliteTooOld,
)
from snapstore.files import LONGEST_NAME, sqlite_io_error
from snapstore.locks import Deadline
from snapstore.record_locks import is_open_elsewhere, lock_of_another
from snapstore.regular import open_named

_SAMPLE_BYTES = 1024
LOCK_BYTES = (0x40000000, 512)  # first byte, bytes: pending, reserved, shared (SQLite, os.h)
RESERVED_LOCK = (0x40000001, 1)  # of those, held by the one that writes
WAL_WRITE_LOCK = (120, 1)  # in the wal-index (SQLite WAL-mode file format, 2.2)
_LOOK_AGAIN_SECONDS = 0.4
_NOT_REGULAR = "it is not a regular file"
_RANDOM_BYTES = 200  # an encrypted file has about 250 distinct byte values in its first 1024


def journal_path(path: str) -> str:
    """Return the path of the rollback journal of a database."""
    return path + "-journal"


def sidecars(path: str) -> tuple[str, ...]:
    """Return the paths of the files that SQLite may keep beside the database at the real path `path`."""
    paths = (wal_path(path), index_path(path), journal_path(path))
    return tuple(one for one in paths if len(os.fsencode(os.path.basename(one))) <= LONGEST_NAME)


class _OpenFile:
    """What this process has open of one file: the plain descriptor, the number of its users, the tracker."""

    _all: ClassVar[dict[tuple[int, int], _OpenFile]] = {}

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.tracker: ChangeTracker | None = None
        self.known_users = KnownUsers()
        self._users = 0
        self._spare: list[int] = []
        self._index = -1

    @classmethod
    def of(cls, path: str, identity: tuple[int, int]) -> _OpenFile:
        """Return the entry of a file, opened if this process does not have it open. Raises OSError."""
        found = cls._all.get(identity)
        if found is None:
            fd = open_named(path, follow=False)
            status = os.fstat(fd)
            found = cls._all.setdefault((status.st_dev, status.st_ino), cls(fd))
            if found.fd != fd:  # another file took the path just now; to close this descriptor would drop its locks
                found._spare.append(fd)
        found._users += 1
        return found

    def index(self, path: str) -> int | None:
        """Return a descriptor of the wal-index, None if there is none. It is kept as long as the file's."""
        try:
            status = os.lstat(index_path(path))
            if self._index < 0 or not os.path.samestat(status, os.fstat(self._index)):
                self._index = open_named(index_path(path), follow=False)
                self._spare.append(self._index)
        except OSError:
            return None
        return self._index

    @classmethod
    def tracker_at(cls, path: str) -> ChangeTracker | None:
        """Return the tracker of the file at a path."""
        with suppress(OSError):
            status = os.stat(path)
            found = cls._all.get((status.st_dev, status.st_ino))
            return found.tracker if found else None
        return None

    def release(self) -> None:
        """Close the descriptors after the last user."""
        self._users -= 1
        if not self._users:
            status = os.fstat(self.fd)
            del self._all[status.st_dev, status.st_ino]
            for fd in (self.fd, *self._spare):
                os.close(fd)


def disconnect_tracker(path: str) -> None:
    """Have the tracker of the database at a path close its connections, before another file takes its place."""
    if tracker := _OpenFile.tracker_at(path):
        tracker.disconnect()


class DatabaseFile:
    """An existing database file and everything this process has open on it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.realpath(path)
        try:
            found = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DatabaseMissing(os.fspath(path)) from error
        except (OSError, ValueError) as error:
            raise DatabaseUnreadable(os.fspath(path), getattr(error, "strerror", str(error)).lower()) from error
        if not stat.S_ISREG(found.st_mode):
            raise NotADatabase(os.fspath(path), _NOT_REGULAR)
        self._connections: list[engine.Connection] = []
        self._borrowed: engine.Connection | None = None
        self._immutable = False
        self._is_open = True
        try:
            self._file = _OpenFile.of(self.path, (found.st_dev, found.st_ino))
        except OSError as error:
            raise self._unreadable(error) from error
        self._fd = self._file.fd

    def __enter__(self) -> DatabaseFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, deadline: Deadline, *, writable: bool = False) -> engine.Connection:
        """Open a connection, for writing or for one read transaction.

        Raises OtherNameInUse, SeveralNames, DatabaseReadOnly, DatabaseUnreadable, SqliteTooOld.
        """
        header = self.header()
        self._check_sidecars()
        self._check_names(header, will_write=writable)
        may_write = os.access(self.path, os.W_OK)
        if writable and not may_write:
            raise DatabaseReadOnly(self.path)
        if writable and header and header.is_wal and engine.HAS_WAL_RESET_BUG:
            raise SqliteTooOld(self.path, engine.LIBRARY_VERSION, engine.WAL_RESET_FIX)
        options: dict[str, str | int] = {"mode": "rw" if may_write else "ro"}
        if not writable and self._needs_immutable(header):
            options["immutable"] = 1
            self._immutable = True
        connection = engine.Connection(engine.file_uri(self.path, **options), self._translate, deadline)
        self._connections.append(connection)
        return connection

    def reader(self, deadline: Deadline) -> engine.Connection:
        """Return a connection for one read transaction: an idle one of the tracker, or a new one.

        Raises what `connect` raises.
        """
        idle = self.tracker.idle_connection() if self.tracker else None
        if idle is None:
            return self.connect(deadline)
        self._check_sidecars()
        self.check_names(will_write=False)
        idle.deadline = deadline
        self._borrowed = idle
        return idle

    def disconnect(self, connection: engine.Connection) -> None:
        """Close one of the connections, or give it back."""
        if connection is self._borrowed:
            self._give_back()
            return
        self._connections.remove(connection)
        connection.close()

    def _give_back(self) -> None:
        if self._borrowed:
            self._borrowed.roll_back()
            self._borrowed.deadline = Deadline(0)  # between requests the tracker waits for nobody
            self._borrowed = None

    def close(self) -> None:
        """Close the connections, then the descriptor."""
        with suppress(SnapError):
            self._give_back()
        while self._connections:
            with suppress(SnapError):
                self._connections.pop().close()
        if self._is_open:
            self._is_open = False
            self._file.release()

    @property
    def tracker(self) -> ChangeTracker | None:
        """The tracker of this file's changes, shared by everything in this process that has the file open."""
        return self._file.tracker

    @tracker.setter
    def tracker(self, tracker: ChangeTracker | None) -> None:
        self._file.tracker = tracker

    def read(self, size: int, offset: int) -> bytes:
        """Return up to `size` bytes of the file itself, whatever is in a write-ahead log."""
        try:
            return os.pread(self._fd, size, offset)
        except OSError as error:
            raise self._unreadable(error) from error

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from the file itself; return how many bytes there were."""
        filled = 0
        try:
            while filled < len(buffer) and (count := os.preadv(self._fd, [buffer[filled:]], offset + filled)):
                filled += count
        except OSError as error:
            raise self._unreadable(error) from error
        return filled

    def header(self) -> Header | None:
        """Return the file's own header, None for a file of zero bytes. Raises NotADatabase."""
        data = self.read(_SAMPLE_BYTES, 0)
        if not data:
            return None
        try:
            return Header.decode(data)
        except ValueError as error:
            looks_encrypted = len(data) == _SAMPLE_BYTES and len(set(data)) >= _RANDOM_BYTES
            reason = "it looks encrypted (its first bytes are random)" if looks_encrypted else str(error)
            raise NotADatabase(self.path, reason) from error

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        found = os.fstat(self._fd)
        return found.st_dev, found.st_ino

    def state(self) -> tuple[int, int, int]:
        """Return what changes when the file is written: inode, bytes, modification time in ns."""
        found = os.fstat(self._fd)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def access(self) -> Access:
        """Return who may use the file."""
        return Access.of(self._fd)

    def is_open_elsewhere(self) -> bool | None:
        """Tell whether another process has the file open, before there are connections; None if that is not known."""
        return is_open_elsewhere(self._fd)

    def is_locked_elsewhere(self) -> bool:
        """Tell whether another process holds any of SQLite's locks on the file."""
        return lock_of_another(self._fd, *LOCK_BYTES) is not None

    def has_writer(self) -> bool:
        """Tell whether another process is in a write transaction."""
        index = self._file.index(self.path)
        if index is not None and lock_of_another(index, *WAL_WRITE_LOCK):
            return True
        return lock_of_another(self._fd, *RESERVED_LOCK) is not None

    def log_end(self) -> LogEnd | None:
        """Return where the write-ahead log ends, None if that cannot be told."""
        try:
            index = self._file.index(self.path)
            return None if index is None else log_end(index)
        except OSError:
            return None

    def check_names(self, *, will_write: bool) -> None:
        """Check that the file is used under this name alone. Raises OtherNameInUse, SeveralNames, NotADatabase."""
        self._check_names(self.header(), will_write=will_write)

    def _check_names(self, header: Header | None, *, will_write: bool) -> None:
        index, is_wal = partial(self._file.index, self.path), bool(header and header.is_wal)
        check_names(self.path, self._fd, index, self._file.known_users, is_wal=is_wal, will_write=will_write)

    def look_at_users(self) -> None:
        """Look at all users again if the last look was some time ago, so that the next check need not wait for it."""
        known = self._file.known_users
        if _LOOK_AGAIN_SECONDS < known.seconds < math.inf:
            known.forget()
            with suppress(SnapError):  # the next check reports it
                self.check_names(will_write=False)

    def is_replaced(self) -> bool:
        """Tell whether another file has taken the path since this one was opened."""
        try:
            return not os.path.samestat(os.fstat(self._fd), os.stat(self.path))
        except FileNotFoundError:
            return True

    @property
    def immutable(self) -> bool:
        """Whether it is read without locks, as on a medium that nobody can write to."""
        return self._immutable

    def locked(self) -> DatabaseLocked:
        """Return the error that names the processes that hold the file."""
        from snapstore.processes import holders_of

        return DatabaseLocked(self.path, holders_of((self.path, *sidecars(self.path))))

    def _check_sidecars(self) -> None:
        """Refuse what SQLite would open and wait for, such as a FIFO in the place of a journal."""
        for sidecar in sidecars(self.path):
            with suppress(OSError):
                if not stat.S_ISREG(os.lstat(sidecar).st_mode):
                    raise DatabaseUnreadable(self.path, f"'{sidecar}' is not a regular file")

    def _unreadable(self, error: OSError) -> DatabaseUnreadable:
        return DatabaseUnreadable(self.path, (error.strerror or str(error)).lower())

    def _corrupt(self, text: str) -> DatabaseCorrupt:
        header = self.header()
        size = os.fstat(self._fd).st_size
        if header is None or header.page_count * header.page_size <= size:
            return DatabaseCorrupt(self.path, text)
        pages = size // header.page_size
        return DatabaseCorrupt(self.path, f"truncated: its header says {header.page_count} pages, the file has {pages}")

    def _needs_immutable(self, header: Header | None) -> bool:
        """WAL mode needs a -shm file beside the database. Where it cannot be created, nobody can write either."""
        folder = os.path.dirname(self.path)
        if header is None or not header.is_wal or os.access(folder, os.W_OK):
            return False
        wal = wal_path(self.path)
        return not os.path.exists(index_path(self.path)) and not (os.path.exists(wal) and os.path.getsize(wal))

    def _read_only(self) -> SnapError:
        """Say why SQLite has to write where it may not: to roll back what a dead process left, or as it was told."""
        journal = journal_path(self.path)
        with suppress(OSError):
            if os.path.getsize(journal):
                return RecoveryNeeded(self.path, journal)
        return DatabaseReadOnly(self.path)

    def _translate(self, code: int, text: str) -> SnapError | None:
        if "malformed database schema" in text or text == "unsupported file format":
            return self._corrupt(text)
        causes: dict[int, Callable[[], SnapError]] = {
            engine.BUSY: self.locked,
            engine.LOCKED: self.locked,
            engine.CORRUPT: lambda: self._corrupt(text),
            engine.NOTADB: lambda: NotADatabase(self.path),
            engine.FULL: lambda: DiskFull(self.path),
            engine.READONLY: self._read_only,
            engine.CANTOPEN: lambda: DatabaseUnreadable(self.path, text),
            engine.PERM: lambda: DatabaseUnreadable(self.path, text),
            engine.IOERR: lambda: sqlite_io_error(self.path, text),
        }
        cause = causes.get(code)
        return cause() if cause else None
