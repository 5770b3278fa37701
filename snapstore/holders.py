"""Which processes hold a file: those with a lock on it, else those that have it open.

Linux reads /proc (proc(5): locks, fd); elsewhere `lsof` is asked where it is installed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress

MAX_COMMAND = 60  # characters of a command line that a message shows
_LOCK = re.compile(r"^\d+: +(?:-> +)?\w+ +\w+ +\w+ +(\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) ")


def holders_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each other process that locks, or else has open, any of `paths`."""
    inodes = {key for path in paths if (key := _inode(path))}
    if not inodes:
        return ()
    if sys.platform.startswith("linux"):
        pids = _lockers(inodes) or _openers(inodes)
    else:
        pids = _lsof(paths)
    return tuple(_describe(pid) for pid in sorted(pids - {os.getpid()}))


def openers_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each other process that has any of `paths` open."""
    inodes = {key for path in paths if (key := _inode(path))}
    pids = _openers(inodes) if sys.platform.startswith("linux") else _lsof(paths)
    return tuple(_describe(pid) for pid in sorted(pids - {os.getpid()}))


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lockers(inodes: set[tuple[int, int]]) -> set[int]:
    pids = set()
    with suppress(OSError), open("/proc/locks", encoding="ascii") as lines:
        for line in lines:
            if found := _LOCK.match(line):
                pid, major, minor, inode = found.groups()
                if (os.makedev(int(major, 16), int(minor, 16)), int(inode)) in inodes and int(pid) > 0:
                    pids.add(int(pid))
    return pids - {os.getpid()}


def _openers(inodes: set[tuple[int, int]]) -> set[int]:
    pids = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _has_open(entry, inodes):
            pids.add(int(entry))
    return pids


def _has_open(pid: str, inodes: set[tuple[int, int]]) -> bool:
    with suppress(OSError):  # it ended, or it belongs to another user
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{fd}")
                if (found.st_dev, found.st_ino) in inodes:
                    return True
    return False


def _lsof(paths: Iterable[str]) -> set[int]:
    import subprocess  # only where there is no /proc

    with suppress(OSError, subprocess.SubprocessError):
        out = subprocess.run(
            ["lsof", "-t", "--", *(path for path in paths if os.path.exists(path))],
            capture_output=True,
            timeout=5,
            check=False,
        )
        return {int(pid) for pid in out.stdout.split() if pid.isdigit()}
    return set()


def _describe(pid: int) -> str:
    command = ""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        command = file.read(4096).replace(b"\0", b" ").decode("utf-8", "replace").strip()
    if len(command) > MAX_COMMAND:
        command = command[: MAX_COMMAND - 3] + "..."
    return f"'{command}' (pid {pid})" if command else f"pid {pid}"
