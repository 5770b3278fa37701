"""A remote in a folder: on this machine, on a network file system, or on what rclone or sshfs mounts.

An object is created under a temporary name, synced, and linked to its own, which fails where that exists (link(2)).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from stat import S_ISREG
from threading import Lock

from snapstore.errors import DiskFull, RemoteRefused, RemoteUnreachable
from snapstore.files import create_temporary, os_error, reached, remove_if_there, sync_folder, write_all
from snapstore.leftovers import abandoned, is_temporary
from snapstore.regular import open_regular
from snapstore.remotes.transport import Count, KeyExists, KeyMissing, Listed, Traffic

_PIECE_BYTES = 1 << 20
_LEFT_SECONDS = 86400.0
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class FolderTransport:
    """The objects of a remote as files; a key is a path below `folder`."""

    def __init__(self, folder: str) -> None:
        self.url = folder
        self._folder = folder
        self._traffic = Traffic()
        self._lock = Lock()
        self._used: set[str] = set()  # folders in which something was created

    @property
    def traffic(self) -> Traffic:
        """What was done so far; a call is a request."""
        return self._traffic

    def get(self, key: str, most: int) -> bytes:
        """Return an object of at most `most` bytes. Raises KeyMissing; ValueError for a longer one."""
        with self._reading(key) as fd:
            size = os.fstat(fd).st_size
            if size > most:
                raise ValueError(f"{key} has {size:,} bytes")
            return self._received(self._read(key, fd, 0, size))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of an object. Raises KeyMissing; ValueError where it is shorter."""
        with self._reading(key) as fd:
            data = self._read(key, fd, start, length)
        if len(data) != length:
            raise ValueError(f"{key} ends at byte {start + len(data):,}")
        return self._received(data)

    def download(self, key: str, fd: int, size: int, count: Count) -> None:
        """Write an object of `size` bytes to a file. Raises KeyMissing, DiskFull; ValueError for another length."""
        done = 0
        with self._reading(key) as source:
            while piece := self._read(key, source, done, _PIECE_BYTES):
                done += len(piece)
                if done > size:
                    break
                write_all(fd, self._received(piece, requests=0))
                count(len(piece))
        self._count(Traffic(requests=1))
        if done != size:
            raise ValueError(f"{key} does not have {size:,} bytes")

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object, durably. Raises KeyExists, and then nothing has changed."""
        path = self._path(key)
        self._count(Traffic(requests=1, sent=len(data)))
        with self._translated(f"create {key}"):
            self._make_folder(key)
            fd, temporary = create_temporary(path, _create)
            try:
                write_all(fd, data)
                os.fsync(fd)
                reached("remote-object-written")
                _take_name(temporary, path)
            finally:
                remove_if_there(temporary)
                os.close(fd)
            reached("remote-object-linked")
            sync_folder(os.path.dirname(path))
            self._used.add(os.path.dirname(path))

    def list_after(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield the objects whose keys begin with `prefix`, in order, those after the key `after`."""
        part = prefix.rpartition("/")[0]
        self._count(Traffic(requests=1))
        with self._translated(f"list {part or 'it'}"):
            try:
                names = os.listdir(self._path(part) if part else self._folder)
            except FileNotFoundError:
                self._check_there()
                return
        keys = sorted(f"{part}/{name}" if part else name for name in names if not is_temporary(name))
        for key in keys:
            if key.startswith(prefix) and key > after:
                with suppress(KeyMissing):
                    yield self._listed(key)

    def head(self, key: str) -> Listed:
        """Return what a list has about one object. Raises KeyMissing."""
        self._count(Traffic(requests=1))
        return self._listed(key)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone are no error."""
        for key in keys:
            self._count(Traffic(requests=1))
            with self._translated(f"delete {key}"):
                remove_if_there(self._path(key))
                reached("remote-object-deleted")

    def close(self) -> None:
        """Remove what killed pushes left, where this one created something."""
        for folder in self._used:
            _sweep(folder)

    def _listed(self, key: str) -> Listed:
        with self._translated(f"read {key}"):
            try:
                found = os.lstat(self._path(key))
            except (FileNotFoundError, NotADirectoryError) as error:
                self._check_there()
                raise KeyMissing(key) from error
        if not S_ISREG(found.st_mode):
            raise KeyMissing(key)
        return Listed(key, found.st_size, found.st_mtime)

    @contextmanager
    def _reading(self, key: str) -> Iterator[int]:
        with self._translated(f"read {key}"):
            try:
                fd = open_regular(self._path(key), os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError) as error:
                self._check_there()
                raise KeyMissing(key) from error
        try:
            yield fd
        finally:
            os.close(fd)

    def _make_folder(self, key: str) -> None:
        """Make the folder of a key. A remote's own is made with its format alone: it may be a disk that is not mounted.

        Raises OSError.
        """
        folder = os.path.dirname(self._path(key))
        if folder == self._folder:
            os.makedirs(folder, exist_ok=True)
            return
        try:
            os.mkdir(folder)
        except FileExistsError:
            return
        sync_folder(self._folder)

    def _read(self, key: str, fd: int, start: int, length: int) -> bytes:
        """Return a part of an open object, less at its end."""
        pieces = []
        with self._translated(f"read {key}"):
            while length and (piece := os.pread(fd, length, start)):
                pieces.append(piece)
                start, length = start + len(piece), length - len(piece)
        return b"".join(pieces)

    def _check_there(self) -> None:
        """Check that the remote's folder is there, where an object is not. Raises OSError."""
        os.close(os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, *key.split("/"))

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            raise KeyExists(action) from error
        except OSError as error:
            known = os_error(self._folder, error)
            if isinstance(known, DiskFull):
                raise known from error
            problem = (error.strerror or str(error)).lower()
            if error.errno in _REFUSED:
                raise RemoteRefused(self.url, action, problem, "check the permissions of the folder") from error
            raise RemoteUnreachable(self.url, problem, "check that the folder exists and is mounted") from error

    def _received(self, data: bytes, requests: int = 1) -> bytes:
        self._count(Traffic(requests=requests, received=len(data)))
        return data

    def _count(self, more: Traffic) -> None:
        with self._lock:
            self._traffic = Traffic(*map(sum, zip(self._traffic, more, strict=True)))


def _create(path: str) -> int:
    """Create a file that everybody may read whom the umask lets: a remote is there to be shared. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)


def _take_name(temporary: str, path: str) -> None:
    """Give a complete file its name, unless that exists. Raises FileExistsError, OSError."""
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in _WITHOUT_LINKS:
            raise OSError(error.errno, "its file system has no hard links, which a remote in a folder needs") from error
        raise


def _sweep(folder: str) -> None:
    """Remove temporary files that no process holds, and none has held for long.

    A mounted folder may keep to itself which of its files another machine has locked.
    """
    with suppress(OSError):
        for name in abandoned(folder):
            path = os.path.join(folder, name)
            if time.time() - os.lstat(path).st_mtime > _LEFT_SECONDS:
                os.unlink(path)
