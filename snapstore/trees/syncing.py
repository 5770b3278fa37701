"""Make files and folders durable, several at once: the system syncs them together, so that all take as long as one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial

from snapstore.threads import in_background

TOGETHER = 16  # each is a thread that waits for the disk


def sync_all(fds: Sequence[int]) -> None:
    """Make what descriptors are of durable. Raises OSError."""
    for start in range(0, len(fds), TOGETHER):
        first, *others = fds[start : start + TOGETHER]
        futures = [in_background(partial(os.fsync, fd)) for fd in others]
        try:
            os.fsync(first)
        finally:
            errors = [future.exception() for future in futures]
        for error in filter(None, errors):
            raise error


def sync_and_close(fd: int) -> None:
    """Make a file durable, and close it. Raises OSError."""
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file_system(fd: int) -> bool:
    """Make all that was written to the file system of a descriptor durable; return whether that can be done here."""
    if sys.platform != "linux":
        return False
    import ctypes  # Only many files at once need it, for syncfs(2).

    return bool(ctypes.CDLL(None).syncfs(fd) == 0)
