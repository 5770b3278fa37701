"""Which processes hold a file: those with a lock on it, else those that have it open; and what cannot be seen.

Linux reads /proc (proc(5): locks, fd); elsewhere `lsof` is asked where it is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from snapstore.record_locks import table

MAX_COMMAND = 60  # characters of a command line that a message shows
Identity = tuple[int, int]
"""Device and inode: which file it is, under whatever name."""


class OpenFile(NamedTuple):
    """A file that a process has open, and its name as the system tells it (proc(5), fd); `DELETED` may follow it."""

    pid: int
    identity: Identity
    name: str


DELETED = " (deleted)"
_FIRST_NAMESPACE, _FIRST_PROCESS = 0xEFFFFFFC, 1  # of processes (Linux, proc_ns.h); hidepid hides the latter
_FLAGS, _KERNEL_THREAD = 6, 0x00200000  # field of /proc/PID/stat after the name, and PF_KTHREAD (Linux, sched.h)


def holders_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each other process that locks, or else has open, any of `paths`."""
    inodes = {key for path in paths if (key := _inode(path))}
    if not inodes:
        return ()
    if sys.platform.startswith("linux"):
        pids = _lockers(inodes) or _openers(inodes)
    else:
        pids = _lsof(paths)
    return tuple(describe(pid) for pid in sorted(pids - {os.getpid()}))


def openers_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return a line for each other process that has any of `paths` open."""
    inodes = {key for path in paths if (key := _inode(path))}
    pids = _openers(inodes) if sys.platform.startswith("linux") else _lsof(paths)
    return tuple(describe(pid) for pid in sorted(pids - {os.getpid()}))


def open_files(pid: int) -> list[OpenFile] | None:
    """Return the files that a process has open, none once it has ended; None where the system does not tell."""
    folder, found = f"/proc/{pid}/fd", []
    try:
        for fd in os.listdir(folder):
            with suppress(FileNotFoundError):
                status = os.stat(f"{folder}/{fd}")
                found.append(OpenFile(pid, (status.st_dev, status.st_ino), os.readlink(f"{folder}/{fd}")))
    except (FileNotFoundError, ProcessLookupError):
        return []
    except OSError:
        return None
    return found


def open_names(pid: int) -> Iterator[str]:
    """Yield the names of the files that a process has open, as far as they can be seen: less work than `open_files`."""
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                yield os.readlink(f"/proc/{pid}/fd/{fd}")


def names_in_use(identity: Identity) -> list[OpenFile]:
    """Return under which names other processes have a file open, as far as they can be seen."""
    numbers = [pid for pid in processes() if _has_open(str(pid), {identity})] if sys.platform == "linux" else []
    return [one for pid in numbers for one in open_files(pid) or () if one.identity == identity]


def are_all_seen() -> bool:
    """Tell whether the open files of every process can be seen: also of other users, and outside a container."""
    if sys.platform != "linux":
        return os.geteuid() == 0
    try:
        return os.stat("/proc/self/ns/pid").st_ino == _FIRST_NAMESPACE and all(
            open_files(pid) is not None or _is_kernel_thread(pid) for pid in (_FIRST_PROCESS, *processes())
        )
    except OSError:
        return False


def users_of_lost(path: str) -> tuple[str, ...]:
    """Return a line for each other process that has a file open which had this name and was removed or replaced."""
    files = {pid: open_files(pid) or () for pid in processes()} if sys.platform == "linux" else {}
    return tuple(describe(pid) for pid, of in sorted(files.items()) if any(one.name == path + DELETED for one in of))


def processes() -> Iterator[int]:
    """Yield the numbers of all other processes that can be seen."""
    with suppress(OSError):
        yield from (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())


def _is_kernel_thread(pid: int) -> bool:
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return bool(int(file.read().rpartition(b")")[2].split()[_FLAGS]) & _KERNEL_THREAD)
    return False


def _inode(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lockers(inodes: set[Identity]) -> set[int]:
    found = table({inode for _, inode in inodes})
    return {one.pid for one in found if (one.device, one.inode) in inodes} - {0, os.getpid()}


def _openers(inodes: set[Identity]) -> set[int]:
    return {pid for pid in processes() if _has_open(str(pid), inodes)}


def _has_open(pid: str, inodes: set[Identity]) -> bool:
    # The process may have ended, or belong to another user.
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{fd}")
                if (found.st_dev, found.st_ino) in inodes:
                    return True
    return False


def _lsof(paths: Iterable[str]) -> set[int]:
    # Only systems without /proc need it.
    import subprocess

    with suppress(OSError, subprocess.SubprocessError):
        out = subprocess.run(
            ["lsof", "-t", "--", *(path for path in paths if os.path.exists(path))],
            capture_output=True,
            timeout=5,
            check=False,
        )
        return {int(pid) for pid in out.stdout.split() if pid.isdigit()}
    return set()


def describe(pid: int) -> str:
    """Return the command line and the number of a process."""
    command = ""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        command = file.read(4096).replace(b"\0", b" ").decode("utf-8", "replace").strip()
    if len(command) > MAX_COMMAND:
        command = command[: MAX_COMMAND - 3] + "..."
    return f"'{command}' (pid {pid})" if command else f"pid {pid}"
