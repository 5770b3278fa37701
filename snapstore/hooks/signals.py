"""A hook that sends a signal to the process whose number is in a file.

A file may outlive its process, and the number may belong to another one by then. So the process must have begun before
the file was written, and both must belong to this user. Linux tells all of that (proc(5)); elsewhere only the kernel's
refusal is known.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from snapstore.hooks.hook import Signal
from snapstore.hooks.outcome import Outcome
from snapstore.processes import describe
from snapstore.regular import NotRegular, open_named

_MOST_BYTES = 4096  # of a file; the number stands on its first line
_NUMBER = re.compile(rb"\s*([1-9][0-9]{0,9})\s*(?:\n|$)")
_SLACK_SECONDS = 2.0  # clocks count in ticks, and file systems in their own
_STATE, _STARTED = 0, 19  # fields of /proc/PID/stat after the name
_ENDED = b"ZX"  # states of a process that only waits to be noticed
_ROOT = 0


class _Refused(Exception):
    """The signal must not be sent."""


class _PidFile(NamedTuple):
    pid: int
    owner: int
    written: float  # seconds since the epoch


class _Process(NamedTuple):
    """A process: its real owner, and when it began, in seconds since the epoch."""

    owner: int
    began: float
    has_ended: bool


def send_signal(wanted: Signal) -> Outcome:
    """Send the signal, unless the file is stale or somebody else's."""
    try:
        file = _read(wanted.pid_file)
        with _sender(file.pid) as send:
            whom = describe(file.pid)
            _check(file, _look_up(file.pid))
            send(wanted.number)
    except _Refused as error:
        return Outcome(False, str(error))
    except ProcessLookupError:
        return Outcome(False, "the pid file is stale: that process is gone")
    except PermissionError:
        return Outcome(False, "the process belongs to another user")
    except OSError as error:
        return Outcome(False, (error.strerror or str(error)).lower())
    return Outcome(True, f"sent to {whom}")


def _read(path: str) -> _PidFile:
    """Read the file. Raises _Refused."""
    try:
        with open(open_named(path), "rb") as file:
            found, data = os.fstat(file.fileno()), file.read(_MOST_BYTES)
    except FileNotFoundError as error:
        raise _Refused("there is no such pid file") from error
    except NotRegular as error:
        raise _Refused("the pid file is not a regular file") from error
    except OSError as error:
        raise _Refused(f"the pid file cannot be read: {(error.strerror or str(error)).lower()}") from error
    number = _NUMBER.match(data)
    if not number:
        raise _Refused("the pid file does not begin with a process number")
    if found.st_mode & stat.S_IWOTH:
        raise _Refused("others may write the pid file")
    return _PidFile(int(number[1]), found.st_uid, found.st_mtime)


def _check(file: _PidFile, process: _Process | None) -> None:
    """Check that the file speaks of the process that has the number now. Raises _Refused."""
    me = os.geteuid()
    if me != _ROOT and file.owner not in (me, _ROOT):
        raise _Refused(f"the pid file belongs to user {file.owner}")
    if process is None:
        return
    if file.written < time.time() - _uptime() - _SLACK_SECONDS:
        raise _Refused("the pid file is stale: it is older than the last start of this machine")
    if process.has_ended:
        raise _Refused(f"the pid file is stale: process {file.pid} has ended")
    # Root may signal every process, so the file must not name one of another user's than its writer.
    if process.owner != (file.owner if me == _ROOT else me):
        raise _Refused(f"process {file.pid} belongs to user {process.owner}")
    if process.began > file.written + _SLACK_SECONDS:
        raise _Refused(f"the pid file is stale: process {file.pid} began after it was written")


def _look_up(pid: int) -> _Process | None:
    """Return what the system tells of a process, None where it tells nothing. Raises ProcessLookupError."""
    if sys.platform != "linux":
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as line:
            fields = line.read().rpartition(b")")[2].split()
        with open(f"/proc/{pid}/status", "rb") as lines:
            owner = next(int(line.split()[1]) for line in lines if line.startswith(b"Uid:"))
    except FileNotFoundError as error:
        raise ProcessLookupError from error
    began = time.time() - _uptime() + int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    return _Process(owner, began, fields[_STATE] in _ENDED)


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else 0.0


class _Sender:
    """What sends signals to one process; with a descriptor, to no other that gets its number."""

    def __init__(self, pid: int, descriptor: int | None) -> None:
        self._pid = pid
        self._descriptor = descriptor

    def __call__(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError, PermissionError."""
        if self._descriptor is None:
            os.kill(self._pid, number)
        else:
            signal.pidfd_send_signal(self._descriptor, number)


@contextmanager
def _sender(pid: int) -> Iterator[_Sender]:
    """Give what sends signals to a process, from now on to no other. Raises ProcessLookupError."""
    descriptor = None
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            raise
        except OSError:  # an old kernel, or a sandbox
            descriptor = None
    try:
        yield _Sender(pid, descriptor)
    finally:
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)
