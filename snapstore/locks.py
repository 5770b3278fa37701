"""Locks between processes, on the files and the folder of a store (flock(2)), and how long a command waits for them.

A lock belongs to an open descriptor. It ends when the last copy of that descriptor is closed, so it ends with the
process, however that ends, and it outlives the process where a child has been handed the descriptor.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from snapstore.errors import SnapError
from snapstore.files import open_in_store, translated

FILE = os.O_RDWR  # created where there is none
FOLDER = os.O_RDONLY | os.O_DIRECTORY  # there is no file to lose, and a folder that is read-only can be locked too

# Seconds; the last pause repeats. Short, because an application that writes without a break leaves a database in a
# rollback mode free for moments only, and a try costs microseconds.
_PAUSES = (0.0005, 0.001, 0.001, 0.002)


MOST_SECONDS = 1e9  # 31 years; more is a mistake, and neither clocks nor sums take 1e308


def is_seconds(value: float) -> bool:
    """Tell whether a number can be a number of seconds to wait, or that something took; NaN cannot."""
    return 0 <= value <= MOST_SECONDS


class Deadline:
    """A budget of `seconds` of waiting, shared by all locks that one command needs; only waiting counts.

    What a part of another budget spends, that one spends too.
    """

    def __init__(self, seconds: float, whole: Deadline | None = None) -> None:
        self.seconds = seconds
        self._left = seconds
        self._whole = whole

    def part(self, seconds: float) -> Deadline:
        """Return a budget of at most so many seconds that is a part of this one."""
        return Deadline(min(seconds, max(0.0, self._left)), self)

    def reset(self, seconds: float) -> None:
        """Start again, for the next command of a process that does several."""
        self.seconds = self._left = seconds

    @property
    def has_passed(self) -> bool:
        """Whether the whole budget was spent."""
        return self._left <= 0

    def wait(self, attempt: int) -> bool:
        """Sleep a little after try number `attempt`, from 0; return False at once when the deadline has passed."""
        if self.has_passed:
            return False
        start = time.monotonic()
        try:
            time.sleep(min(_PAUSES[min(attempt, len(_PAUSES) - 1)], self._left))
        finally:
            self._spend(time.monotonic() - start)
        return True

    def _spend(self, seconds: float) -> None:
        self._left -= seconds
        if self._whole:
            self._whole._spend(seconds)


def acquire(path: str, deadline: Deadline, *, shared: bool, kind: int = FILE, limit: float | None = None) -> int | None:
    """Return a descriptor that holds the lock on `path` until it is closed, None when the deadline has passed.

    `limit` bounds the seconds of this wait alone. Raises FileError, StoreDamaged.
    """
    with translated(path):
        fd = _opened(path, kind)
        try:
            if _wait_for(fd, deadline, shared=shared, limit=limit):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None


@contextmanager
def held(
    path: str, deadline: Deadline, *, shared: bool, busy: Callable[[], SnapError], kind: int = FILE
) -> Iterator[int]:
    """Hold the lock on `path` over the body; give its descriptor. Raises what `busy` returns, and FileError."""
    fd = acquire(path, deadline, shared=shared, kind=kind)
    if fd is None:
        raise busy()
    try:
        yield fd
    finally:
        os.close(fd)


def _opened(path: str, kind: int) -> int:
    """Open a folder, or a file in the folder `locks` of a store. Raises StoreDamaged for what is no regular file."""
    if kind == FOLDER:
        return os.open(path, kind | os.O_CLOEXEC)
    return open_in_store(os.path.dirname(os.path.dirname(path)), path, kind)


def _wait_for(fd: int, deadline: Deadline, *, shared: bool, limit: float | None) -> bool:
    end = None if limit is None else time.monotonic() + limit
    for attempt in count():
        if _try(fd, shared=shared):
            return True
        if (end is not None and time.monotonic() >= end) or not deadline.wait(attempt):
            return False
    raise AssertionError("count() has no end")


def _try(fd: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
