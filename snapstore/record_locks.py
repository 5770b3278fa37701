"""What the kernel tells about other processes that use a file: their record locks, and whether there are any.

SQLite's locks are record locks (fcntl(2), proc(5)). The kernel knows those of all processes, also of other users and in
other containers, and whether any of them has a file open. It does not always say who it is. Only Linux is asked;
elsewhere nothing is known.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

IS_KNOWN = sys.platform.startswith("linux") and sys.maxsize > 1 << 32
_TRIES, _PAUSE_SECONDS = 10, 0.005  # something may look at the file for a moment, such as a backup
_FLOCK = struct.Struct("hh4xqqi4x")  # struct flock of 64-bit Linux: type, whence, start, length, process
_LINE = re.compile(rb"\d+: +(-> +)?(\w+) +\w+ +\w+ +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (\d+|EOF) *")


class Lock(NamedTuple):
    """A lock of another process; `pid` is 0 where the process cannot be seen from here."""

    pid: int
    is_exclusive: bool


class Entry(NamedTuple):
    """A line of the system's table of locks; `end` is the last byte, -1 for the end of the file."""

    is_waiting: bool
    kind: str
    pid: int
    device: int
    inode: int
    start: int
    end: int


def lock_of_another(fd: int, start: int, length: int) -> Lock | None:
    """Return one of the locks that other processes hold on some bytes of an open file, None if there is none."""
    if not IS_KNOWN:
        return None
    with suppress(OSError):
        found = fcntl.fcntl(fd, fcntl.F_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
        kind, _, _, _, pid = _FLOCK.unpack(found)
        if kind != fcntl.F_UNLCK:
            return Lock(max(pid, 0), kind == fcntl.F_WRLCK)
    return None


def is_open_elsewhere(fd: int) -> bool | None:
    """Tell whether anything else has an open file open, be it of this process; None where that cannot be told.

    A write lease is granted only to the one descriptor of a file (fcntl(2), F_SETLEASE), and only to the file's owner
    or root. It is given back at once.
    """
    if not IS_KNOWN:
        return None
    for _ in range(_TRIES):
        try:
            # Whoever opens the file meanwhile waits for us, and we get a signal: one that is ignored by default.
            fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return None
        else:
            return False
    return True


def lock_alone(fd: int, start: int, length: int) -> bool:
    """Lock some bytes of a file open for writing, until a descriptor of it is closed; return False if others have."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def table(inodes: Iterable[int]) -> Iterator[Entry]:
    """Yield the locks on files with some inodes: of processes that can be seen, and those that a process waits for."""
    wanted = [b":%d " % inode for inode in inodes]
    with suppress(OSError), open("/proc/locks", "rb") as file:
        for line in file.read().splitlines():
            if any(inode in line for inode in wanted) and (found := _LINE.fullmatch(line)):
                waiting, kind, pid, major, minor, inode, start, end = found.groups()
                device = os.makedev(int(major, 16), int(minor, 16))
                last = -1 if end == b"EOF" else int(end)
                yield Entry(waiting is not None, kind.decode(), int(pid), device, int(inode), int(start), last)


def owners(*places: tuple[int, int, int]) -> list[set[int]]:
    """Return for each place which other processes that can be seen hold a record lock there.

    A place is a descriptor, a first byte, and a number of bytes.
    """
    files = [os.fstat(fd) for fd, _, _ in places]
    entries = _record_locks({file.st_ino for file in files})
    return [_owners(entries, (file.st_dev, file.st_ino), *place[1:]) for file, place in zip(files, places, strict=True)]


def owners_of(identity: tuple[int, int], start: int, length: int) -> set[int]:
    """Return which other processes that can be seen hold a record lock on some bytes of a file (device, inode)."""
    return _owners(_record_locks({identity[1]}), identity, start, length)


def _record_locks(inodes: set[int]) -> list[Entry]:
    return [one for one in table(inodes) if one.kind == "POSIX" and not one.is_waiting]


def _owners(entries: list[Entry], identity: tuple[int, int], start: int, length: int) -> set[int]:
    # The table may give another number for the device than stat(2) does (btrfs, overlayfs). Then the inode decides.
    found = [one for one in entries if one.inode == identity[1]]
    same = [one for one in found if one.device == identity[0]] or found
    return {one.pid for one in same if one.start < start + length and (one.end < 0 or one.end >= start)} - {os.getpid()}
