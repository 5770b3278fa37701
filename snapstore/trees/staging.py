"""A staging folder: new files and links of a tree, complete and durable under temporary names before they get theirs.

It lies in the tree's root, or beside it where that is no folder, under a name that leftovers.py knows for a temporary
one. The process that made it holds a lock on it (flock(2)), so that one that a killed process left is known for sure.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from snapstore.access import for_group
from snapstore.files import reached
from snapstore.leftovers import SUFFIX, is_temporary
from snapstore.threads import in_background
from snapstore.trees.folders import FOLDER_FLAGS
from snapstore.trees.manifest import TreeEntry
from snapstore.trees.syncing import sync_all, sync_and_close, sync_file_system

if TYPE_CHECKING:
    from concurrent.futures import Future

LARGE_BYTES = 1 << 20  # worth a thread
_FEW = 64  # files that are synced one by one
_FILE_BITS = 0o777


class Staging:
    """The staging folder in the folder that a descriptor is of, which it keeps a copy of, for so many files.

    Raises OSError.
    """

    def __init__(self, host: int, files: int) -> None:
        self._host = os.dup(host)
        self._numbers = count()
        self._open: dict[str, int] = {}
        self._closed: list[str] = []
        self._syncing: list[Future[None]] = []
        self.inodes: dict[str, int] = {}
        """The inodes of the files that are finished, by their names here."""
        self._syncs_all = files > _FEW
        try:
            self.name, self.fd = create_staging(self._host)
        except BaseException:
            os.close(self._host)
            raise
        self.device = os.fstat(self.fd).st_dev

    def add_link(self, entry: TreeEntry) -> str:
        """Make a link that becomes an entry; return its name here. Raises OSError."""
        name = str(next(self._numbers))
        os.symlink(entry.content, name, dir_fd=self.fd)
        with suppress(OSError):
            os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=self.fd, follow_symlinks=False)
        return name

    def create(self) -> tuple[str, int]:
        """Create a file; return its name here and a descriptor, which `finish` or `close` closes. Raises OSError."""
        name = str(next(self._numbers))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._open[name] = fd = os.open(name, flags, 0o600, dir_fd=self.fd)
        return name, fd

    def finish(self, name: str, entry: TreeEntry) -> None:
        """Give a file that is written what an entry says; another thread begins to make a large one durable."""
        fd = self._open[name]
        give_access(fd, entry, _FILE_BITS)
        os.utime(fd, ns=(entry.mtime, entry.mtime))
        self.inodes[name] = os.fstat(fd).st_ino
        if self._syncs_all:
            self._closed.append(name)
            os.close(self._open.pop(name))
        elif entry.size >= LARGE_BYTES:
            self._syncing.append(in_background(partial(sync_and_close, self._open.pop(name))))

    def sync(self) -> None:
        """Make all files durable. Raises OSError."""
        sync_all(list(self._open.values()))
        if self._syncs_all and not sync_file_system(self.fd):
            for name in self._closed:
                _sync_file(name, self.fd)
        while self._syncing:
            self._syncing.pop().result()
        os.fsync(self.fd)
        reached("files-staged")

    def close(self) -> None:
        """Remove the folder and what is still in it."""
        for future in self._syncing:
            future.exception()
        for fd in self._open.values():
            os.close(fd)
        self._open, self._syncing = {}, []
        _remove(self._host, self.name, self.fd)
        os.close(self.fd)
        os.close(self._host)


def sweep_staging(host: int) -> Iterator[str]:
    """Remove the staging folders that nobody holds from a folder; yield their names."""
    with suppress(OSError):
        for name in filter(is_temporary, os.listdir(host)):
            with suppress(OSError):
                fd = os.open(name, FOLDER_FLAGS, dir_fd=host)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(host, name, fd)
                    yield name
                finally:
                    os.close(fd)


def give_access(fd: int, entry: TreeEntry, bits: int) -> None:
    """Give a new file or folder the owner, group and mode of an entry, as far as the system permits.

    A group that it could not get leaves its own with what everybody has, and no more. Raises OSError.
    """
    found = os.fstat(fd)
    if found.st_gid != entry.group:
        with suppress(PermissionError):
            os.fchown(fd, -1, entry.group)
    if found.st_uid != entry.owner:
        with suppress(PermissionError):
            os.fchown(fd, entry.owner, -1)
    is_kept = os.fstat(fd).st_gid == entry.group
    special = entry.mode & bits & ~_FILE_BITS
    os.fchmod(fd, special | for_group(entry.mode & _FILE_BITS, is_kept=is_kept))


def create_staging(host: int) -> tuple[str, int]:
    """Create and lock a staging folder in the folder of a descriptor; return its name and its descriptor."""
    while True:
        name = f".{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        os.mkdir(name, 0o700, dir_fd=host)
        with suppress(FileNotFoundError):  # somebody took it for one that was left
            fd = os.open(name, FOLDER_FLAGS, dir_fd=host)
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(fd).st_nlink:
                    return name, fd
            os.close(fd)


def _remove(host: int, name: str, fd: int) -> None:
    with suppress(OSError):
        for one in os.listdir(fd):
            os.unlink(one, dir_fd=fd)
        os.rmdir(name, dir_fd=host)
        return
    shutil.rmtree(name, ignore_errors=True, dir_fd=host)  # an export's has folders in it


def _sync_file(name: str, folder: int) -> None:
    sync_and_close(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder))
