"""A live database file: its real path, a plain descriptor, and the connections on it.

POSIX drops all locks a process holds on a file when it closes any descriptor of it
(sqlite.org/howtocorrupt.html, 2.2). So there is one plain descriptor a file, shared by all who open
the file in this process, and it is closed after the last connection of the last of them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from snapstore import engine
from snapstore.database.ahead import Ahead, begun_on
from snapstore.database.header import Header
from snapstore.database.wal import wal_path
from snapstore.errors import (
    DatabaseCorrupt,
    DatabaseLocked,
    DatabaseMissing,
    DatabaseUnreadable,
    DiskFull,
    FileError,
    NotADatabase,
    SnapError,
)
from snapstore.patience import Patience
from snapstore.refusals import DatabaseReadOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from snapstore.database.watch import Watch

_SAMPLE_BYTES = 1024
_RANDOM_BYTES = 200  # an encrypted file has about 250 distinct byte values in its first 1024


def sidecars(path: str) -> tuple[str, ...]:
    """Return the paths of the files SQLite may keep beside the database at the real path `path`."""
    return (wal_path(path), path + "-shm", path + "-journal")


class _Shared:
    """What this process has of one file: the plain descriptor, how many use it, who follows its changes."""

    _all: ClassVar[dict[tuple[int, int], _Shared]] = {}

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.watch: Watch | None = None
        self._users = 0
        self._spare: list[int] = []

    @classmethod
    def of(cls, path: str, identity: tuple[int, int]) -> _Shared:
        """Return what there is of a file, opened where nothing is. Raises OSError."""
        shared = cls._all.get(identity)
        if shared is None:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            found = os.fstat(fd)
            shared = cls._all.setdefault((found.st_dev, found.st_ino), cls(fd))
            if shared.fd != fd:  # it took the path in this very moment; closing a descriptor would drop its locks
                shared._spare.append(fd)
        shared._users += 1
        return shared

    @classmethod
    def watch_of(cls, path: str) -> Watch | None:
        """Return who follows the file at a path."""
        with suppress(OSError):
            found = os.stat(path)
            shared = cls._all.get((found.st_dev, found.st_ino))
            return shared.watch if shared else None
        return None

    def leave(self) -> None:
        """Close the descriptor with its last user."""
        self._users -= 1
        if not self._users:
            found = os.fstat(self.fd)
            del self._all[found.st_dev, found.st_ino]
            for fd in (self.fd, *self._spare):
                os.close(fd)


def let_go(path: str) -> None:
    """Have whoever follows the database at a path close its connections, before another file takes the place."""
    if watch := _Shared.watch_of(path):
        watch.let_go()


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
            raise NotADatabase(os.fspath(path), "it is not a regular file")
        self._connections: list[engine.Connection] = []
        self._immutable = False
        self._is_open = True
        try:
            self._shared = _Shared.of(self.path, (found.st_dev, found.st_ino))
        except OSError as error:
            raise DatabaseUnreadable(self.path, (error.strerror or str(error)).lower()) from error
        self._fd = self._shared.fd

    def __enter__(self) -> DatabaseFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self, patience: Patience, *, writable: bool = False) -> engine.Connection:
        """Open a connection, for writing or for one read transaction."""
        self.header()
        may_write = os.access(self.path, os.W_OK)
        if writable and not may_write:
            raise DatabaseReadOnly(self.path)
        options: dict[str, str | int] = {"mode": "rw" if may_write else "ro"}
        if not writable and self._needs_immutable():
            options["immutable"] = 1
            self._immutable = True
        connection = engine.Connection(engine.file_uri(self.path, **options), self._translate, patience)
        self._connections.append(connection)
        return connection

    def disconnect(self, connection: engine.Connection) -> None:
        """Close one of the connections."""
        self._connections.remove(connection)
        connection.close()

    def close(self) -> None:
        """Close the connections, then the descriptor."""
        while self._connections:
            with suppress(SnapError):
                self._connections.pop().close()
        if self._is_open:
            self._is_open = False
            self._shared.leave()

    @property
    def watch(self) -> Watch | None:
        """Who follows the changes of this file, for all who have it open in this process."""
        return self._shared.watch

    @watch.setter
    def watch(self, watch: Watch | None) -> None:
        self._shared.watch = watch

    def read(self, size: int, offset: int) -> bytes:
        """Return up to `size` bytes of the file itself, whatever a write-ahead log says."""
        try:
            return os.pread(self._fd, size, offset)
        except OSError as error:
            raise DatabaseUnreadable(self.path, (error.strerror or str(error)).lower()) from error

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from the file itself; return how many bytes there were."""
        filled = 0
        try:
            while filled < len(buffer) and (count := os.preadv(self._fd, [buffer[filled:]], offset + filled)):
                filled += count
        except OSError as error:
            raise DatabaseUnreadable(self.path, (error.strerror or str(error)).lower()) from error
        return filled

    def read_ahead(self) -> Ahead | None:
        """Return who hashes the file ahead, None where nobody does or it was written to since."""
        return begun_on(self._fd)

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

    def state(self) -> tuple[int, int, int]:
        """Return what changes when the file is written: inode, bytes, modification time in ns."""
        found = os.fstat(self._fd)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def is_replaced(self) -> bool:
        """Tell whether another file has taken the path since this one was opened."""
        try:
            return not os.path.samestat(os.fstat(self._fd), os.stat(self.path))
        except FileNotFoundError:
            return True

    @property
    def immutable(self) -> bool:
        """Whether it is read without locks, as on a medium nobody can write to."""
        return self._immutable

    def _corrupt(self, text: str) -> DatabaseCorrupt:
        header = self.header()
        size = os.fstat(self._fd).st_size
        if header is None or header.page_count * header.page_size <= size:
            return DatabaseCorrupt(self.path, text)
        pages = size // header.page_size
        return DatabaseCorrupt(self.path, f"truncated: its header says {header.page_count} pages, the file has {pages}")

    def _needs_immutable(self) -> bool:
        """WAL mode needs a -shm file beside the database; where none can be made, nobody can write either."""
        header = self.header()
        folder = os.path.dirname(self.path)
        if header is None or not header.is_wal or os.access(folder, os.W_OK):
            return False
        wal = wal_path(self.path)
        return not os.path.exists(self.path + "-shm") and not (os.path.exists(wal) and os.path.getsize(wal))

    def _translate(self, code: int, text: str) -> SnapError | None:
        if "malformed database schema" in text or text == "unsupported file format":
            return self._corrupt(text)
        causes: dict[int, Callable[[], SnapError]] = {
            engine.BUSY: self.locked,
            engine.LOCKED: self.locked,
            engine.CORRUPT: lambda: self._corrupt(text),
            engine.NOTADB: lambda: NotADatabase(self.path),
            engine.FULL: lambda: DiskFull(self.path),
            engine.READONLY: lambda: DatabaseReadOnly(self.path),
            engine.CANTOPEN: lambda: DatabaseUnreadable(self.path, text),
            engine.PERM: lambda: DatabaseUnreadable(self.path, text),
            engine.IOERR: lambda: FileError(self.path, f"{text} (a file-size limit, or a disk that fails)"),
        }
        cause = causes.get(code)
        return cause() if cause else None

    def locked(self) -> DatabaseLocked:
        """Return the error that names who holds the file."""
        from snapstore.holders import holders_of

        return DatabaseLocked(self.path, holders_of((self.path, *sidecars(self.path))))
