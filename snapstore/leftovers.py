"""Temporary files: each is locked while somebody writes it, so that what a killed process left is known for sure.

A temporary file lies beside the one it becomes, under a name that nothing else has:

    .PID-8 hex digits.snap-tmp       and with -wal, -shm or -journal where SQLite writes it

Earlier versions put the name of the final file in front of the number.

The process that creates one locks it (flock(2)) until it is renamed or removed. The lock ends with the process, however
that ends. So a file whose lock is free belongs to nobody, whatever its age, and whatever runs under its number now.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from snapstore.regular import open_regular

SUFFIX = ".snap-tmp"
SIDECARS = ("-wal", "-shm", "-journal")


def is_temporary(name: str) -> bool:
    """Return whether a name in a folder is one of a temporary file."""
    return SUFFIX in name and _pattern().fullmatch(name) is not None


@cache
def _pattern() -> re.Pattern[str]:
    sidecars = "|".join(SIDECARS)
    return re.compile(rf"\.(?:.+\.)?\d+-[0-9a-f]{{8}}{re.escape(SUFFIX)}(?:{sidecars})?", re.DOTALL)


def create_claimed(new_name: Callable[[], str], create: Callable[[str], int]) -> tuple[int, str]:
    """Create a temporary file and lock it; return its descriptor and its path. Raises OSError.

    The lock holds until the descriptor is closed, and the name should be gone by then.
    """
    while True:
        path = new_name()
        fd = create(path)
        try:
            # Before it is locked, `sweep` may take it for one that was left: it is locked by `sweep` then, or gone.
            if _is_ours(fd) and os.fstat(fd).st_nlink:
                return fd, path
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        with suppress(FileNotFoundError):
            os.unlink(path)


def abandoned(folder: str) -> list[str]:
    """Return the names of the temporary files in a folder that no process holds. Raises OSError."""
    names = sorted(filter(is_temporary, os.listdir(folder)))  # a file comes before its sidecars
    return [name for name in names if _is_abandoned(os.path.join(folder, name))]


def sweep(folder: str) -> tuple[str, ...]:
    """Remove the temporary files in a folder that no process holds; return the names of those that went."""
    with suppress(OSError):
        names = (name for name in sorted(os.listdir(folder)) if is_temporary(name))
        return tuple(name for name in names if _remove(os.path.join(folder, name)))
    return ()


def _remove(path: str) -> bool:
    with suppress(OSError), _claimed(path) as is_abandoned:
        if is_abandoned:
            os.unlink(path)  # still locked, or its creator may lock it in between
            return True
    return False


def _is_abandoned(path: str) -> bool:
    with suppress(OSError), _claimed(path) as is_abandoned:
        return is_abandoned
    return False


@contextmanager
def _claimed(path: str) -> Iterator[bool]:
    """Give whether nobody holds a file; over the body it stays so. Raises OSError."""
    main = next((path.removesuffix(end) for end in SIDECARS if path.endswith(end)), None)
    if main is not None:
        yield not os.path.lexists(main)
    elif os.lstat(path).st_nlink > 1:
        # With a second name it is complete, and its creator does not need this name any more. It must not be opened:
        # to close it would drop the locks that this process has on the file by its other name.
        yield True
    else:
        fd = open_regular(path, os.O_RDONLY)
        try:
            yield _lock(fd)
        finally:
            os.close(fd)


def _is_ours(fd: int) -> bool:
    """Lock a new file; without locks on the file system nobody can tell whose it is, and so nobody removes it."""
    try:
        return _lock(fd)
    except OSError:
        return True


def _lock(fd: int) -> bool:
    """Lock a file; return whether nobody else has it locked. Raises OSError on a file system without locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
