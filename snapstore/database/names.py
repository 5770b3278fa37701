"""The names of a database file: whether it is used under another one than ours.

SQLite's locks are on the file itself, so they hold whatever it is called: under a hard link, in a container that mounts
the file alone, after a rename. The write-ahead log, the wal-index and the rollback journal are found by name
(sqlite.org/howtocorrupt.html, 2.4 and 2.5). A process that opens the file under another name reads and writes another
log. So the application may see other rows than snapstore does, and it would not roll back snapstore's journal.

- In WAL mode every connection holds a lock on the file and one on its wal-index. A process that has the first and not
  the second, on our wal-index, uses another. That costs a system call or two, and is seen across users and containers.
- A log that was removed is no more seen under our name than one that never was there. The wal-index, which all users of
  the database share, says how many frames the log has, and the log beside it has to have them. A log without frames
  does not matter to a reader. A writer would begin another one, so before a write the users' open files are looked at.
- To see the locks of all processes, the system's table of locks is read, and for that the kernel may wait a hundredth
  of a second. So a process that looks again and again, such as a session, relies on its last look for up to a second:
  as long as one process, the same one, is the first in line for both locks, the file has a single name and its status
  has not changed, as it does when it gets another name. What may be missed until the next look is a process that uses
  the file through a mount of the file alone, while another one uses it under our name.
- In a rollback mode the locks keep readers and writers apart under all names. What they cannot see is the journal.
  So processes are searched only if the file has hard links, or before a write if some namespace mounts it alone.
- Nobody uses the file under a hard link, but somebody did: what stands beside the link is looked at if it is in our
  folder. If it is elsewhere, a database in WAL mode is refused, since its last commits may be in that log.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain

from snapstore.database.wal import has_frames, wal_path
from snapstore.database.wal_index import index_path, log_end
from snapstore.errors import OtherNameInUse, SeveralNames
from snapstore.mounts import is_mounted_alone
from snapstore.processes import (
    DELETED,
    Identity,
    OpenFile,
    describe,
    names_in_use,
    open_files,
    open_names,
    users_of_lost,
)
from snapstore.record_locks import Lock, lock_of_another, owners, owners_of
from snapstore.regular import open_named

_SHARED = (0x40000002, 510)  # first byte, bytes: locked by each connection in WAL mode (SQLite, os.h)
_INDEX_IN_USE = (128, 1)  # of the wal-index: locked by each of its users (SQLite, os_unix.c, UNIX_SHM_DMS)
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")  # SQLite file format, 3; other bytes begin one that means nothing
_LOOK_SECONDS = 1.0
_CLOCK_NS = 20_000_000  # a status that changed a moment ago may change again under the same time
_LOOKS, _PAUSE_SECONDS = 40, 0.025  # a connection takes the first lock some time before the second


class KnownUsers:
    """What the last look at all users of a database found, as long as nothing tells that there are others."""

    def __init__(self) -> None:
        self._found: tuple[object, ...] | None = None
        self._at = 0.0

    @property
    def seconds(self) -> float:
        """How long ago the last look was that found only users of our log."""
        return time.monotonic() - self._at if self._found else math.inf

    def forget(self) -> None:
        """Have the next check look at all users."""
        self._found = None

    def note(self, lock: Lock, fd: int, index: int | None) -> None:
        """Note that all users have our log; `lock` is one of their locks on the file."""
        self._found = _signs(lock, fd, index)
        self._at = time.monotonic()

    def are_the_same(self, lock: Lock, fd: int, index: int | None) -> bool:
        """Tell whether the last look still counts."""
        return self.seconds < _LOOK_SECONDS and self._found == _signs(lock, fd, index)


def _signs(lock: Lock, fd: int, index: int | None) -> tuple[object, ...] | None:
    """Return what changes when somebody else begins to use a file; None if that cannot be told."""
    if index is None or not lock.pid:
        return None
    file, ours = os.fstat(fd), lock_of_another(index, *_INDEX_IN_USE)
    is_recent = abs(time.time_ns() - file.st_ctime_ns) < _CLOCK_NS
    if file.st_nlink > 1 or is_recent or ours is None or ours.pid != lock.pid:
        return None
    return lock.pid, file.st_ctime_ns, _identity(index)


def check_names(
    path: str, fd: int, index: Callable[[], int | None], known: KnownUsers, *, is_wal: bool, will_write: bool
) -> None:
    """Check that the open database at a real path is not used under another name.

    `index` returns a descriptor of the wal-index under our name, None if there is none; `known` is kept for the next
    check. Raises OtherNameInUse, SeveralNames.
    """
    if is_wal and _is_log_used(path, fd, index, known):
        _check_log(path, index(), will_write=will_write)
        return
    links = os.fstat(fd).st_nlink
    if not is_wal and (links > 1 or (will_write and is_mounted_alone(path))):
        _check_users(path, fd)
    if links > 1:
        _check_links(path, fd, links, is_wal=is_wal)


def _is_log_used(path: str, fd: int, index: Callable[[], int | None], known: KnownUsers) -> bool:
    """Tell whether other processes have the database open, all with our log. Raises OtherNameInUse."""
    suspects: set[int] = set()
    seen: set[OpenFile] = set()
    for attempt in range(_LOOKS):
        lock = lock_of_another(fd, *_SHARED)
        if lock is None or lock.is_exclusive:  # one that has it alone keeps its wal-index in memory
            return lock is not None
        if known.are_the_same(lock, fd, index()):
            return True
        suspects = _without_our_index(lock, fd, index())
        if not suspects:
            known.note(lock, fd, index())
            return True
        others = {other for pid in suspects if (other := _other_log(pid, fd, index()))}
        if stayed := others & seen:  # one that was just closing had the file alone meanwhile
            raise _in_use(path, min(stayed))
        seen = others
        time.sleep(_PAUSE_SECONDS if attempt < _LOOKS - 1 else 0)
    raise OtherNameInUse(path, None, tuple(describe(pid) for pid in sorted(suspects) if pid))


def _without_our_index(lock: Lock, fd: int, index: int | None) -> set[int]:
    """Return the processes that have the database open and not our wal-index; 0 is one that cannot be seen."""
    if index is None or lock_of_another(index, *_INDEX_IN_USE) is None:
        return owners((fd, *_SHARED))[0] or {lock.pid}
    users, ours = owners((fd, *_SHARED), (index, *_INDEX_IN_USE))
    return users - ours


def _other_log(pid: int, fd: int, index: int | None) -> OpenFile | None:
    """Return the wal-index that a process uses of this database and that is not ours.

    A wal-index that is open but not locked is not in use: another snapstore process may still hold one that is gone.
    """
    files = (open_files(pid) if pid else None) or []
    names = [one.name for one in files if one.identity == _identity(fd)]
    indexes = [one for one in files if one.name.removesuffix(DELETED).endswith(index_path(""))]
    if not names or (index is not None and any(one.identity == _identity(index) for one in indexes)):
        return None
    others = [one for one in indexes if one.name.removesuffix(DELETED) in map(index_path, names)]
    return next((one for one in others if pid in owners_of(one.identity, *_INDEX_IN_USE)), None)


def _in_use(path: str, other: OpenFile) -> OtherNameInUse:
    name = other.name.removesuffix(DELETED).removesuffix(index_path(""))
    deleted = index_path("") if other.name.endswith(DELETED) else None
    return OtherNameInUse(path, name, (describe(other.pid),), deleted)


def _check_log(path: str, index: int | None, *, will_write: bool) -> None:
    """Check that the log under our name is that of our wal-index, which others use. Raises OtherNameInUse."""
    if index is None:
        return
    end = None
    for _ in range(_LOOKS):
        end = log_end(index)
        if end and (not end.frames or has_frames(path, end.salts, end.frames)):
            break
        if end and end == log_end(index):  # so the log did not begin again meanwhile
            if lock_of_another(index, *_INDEX_IN_USE) is None:  # its last user has just removed both
                return
            raise OtherNameInUse(path, path, users_of_lost(wal_path(path)), wal_path(""))
    is_empty = end is None or not end.frames
    if will_write and is_empty and (holders := _users_of_lost_log(path, index)):
        raise OtherNameInUse(path, path, holders, wal_path(""))


def _users_of_lost_log(path: str, index: int) -> tuple[str, ...]:
    """Return a line for each process that uses our wal-index, and a log that was removed."""
    lost = wal_path(path) + DELETED
    pids = sorted(owners((index, *_INDEX_IN_USE))[0])
    return tuple(describe(pid) for pid in pids if lost in open_names(pid))


def _check_users(path: str, fd: int) -> None:
    """Check that no process that can be seen has the file open under another name. Raises OtherNameInUse."""
    for one in names_in_use(_identity(fd)):
        if not _is_ours(path, one):
            raise OtherNameInUse(path, one.name.removesuffix(DELETED), (describe(one.pid),))


def _is_ours(path: str, other: OpenFile) -> bool:
    """Tell whether a name means ours: it may lead to our folder by a path of another namespace."""
    folder, name = os.path.split(other.name)
    if name != os.path.basename(path):
        return False
    try:
        return os.path.samefile(f"/proc/{other.pid}/root{folder}", os.path.dirname(path))
    except OSError:
        return other.name == path


def _check_links(path: str, fd: int, links: int, *, is_wal: bool) -> None:
    """Check that nothing beside another name belongs to the file. Raises SeveralNames."""
    others = list(_links_beside(path, fd))
    for left in chain.from_iterable(_left_beside(other, path) for other in others):
        raise SeveralNames(path, links, left)
    if is_wal and len(others) + 1 < links:
        _check_users(path, fd)  # to name one that has not begun to read
        raise SeveralNames(path, links)


def _links_beside(path: str, fd: int) -> Iterator[str]:
    """Yield the other names that the file has in its folder."""
    folder, name = os.path.split(path)
    inode = os.fstat(fd).st_ino
    with suppress(OSError), os.scandir(folder) as entries:
        for one in entries:
            if one.inode() == inode and one.name != name and os.path.samestat(one.stat(), os.fstat(fd)):
                yield one.path


def _left_beside(name: str, path: str) -> Iterator[str]:
    """Yield the log or journal that was left under a name, that SQLite would read there and not under ours."""
    for suffix, begins in ((wal_path(""), b""), ("-journal", _JOURNAL_MAGIC)):
        with suppress(OSError), open(open_named(name + suffix, follow=False), "rb") as file:
            found = file.read(len(_JOURNAL_MAGIC))
            if found and found.startswith(begins) and not _is_at(path + suffix, file.fileno()):
                yield name + suffix


def _is_at(path: str, fd: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except OSError:
        return False


def _identity(fd: int) -> Identity:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
