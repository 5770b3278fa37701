"""Durable files: write beside, fsync, rename, fsync the folder; and the names of those steps.

Every step after which a crash leaves something new on disk calls `reached(NAME)`. Tests set `on_step`
in a child process to end it there; in ordinary use it does nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

from snapstore.errors import DiskFull, FileError, SnapError

BEFORE_REBUILD = ".before-rebuild"  # the end of the name of what was put aside for something made anew
SECOND_NS = 1_000_000_000
_COARSE_NS = 3 * SECOND_NS
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _nothing(step: str) -> None:
    """Ignore the step."""


on_step: Callable[[str], None] = _nothing


def reached(step: str) -> None:
    """Tell a test that the durable step `step` has just been made."""
    on_step(step)


def os_error(path: str | os.PathLike[str], error: OSError) -> SnapError:
    """Return the error of ours that says what `error` means for `path`."""
    if error.errno in _FULL:
        return DiskFull(os.fspath(path))
    return FileError(os.fspath(path), (error.strerror or str(error)).lower())


@contextmanager
def translated(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise `DiskFull` or `FileError` naming `path` in place of an OSError from the body."""
    try:
        yield
    except OSError as error:
        raise os_error(path, error) from error


def path_text(path: str) -> str:
    r"""Return a path as text that can be stored: bytes that are not UTF-8 become `\xNN`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`; a single write may stop short (at 2 GiB, or when a disk fills up)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make renames inside the folder `path` durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def temporary_beside(path: str) -> str:
    """Return an unused name in the folder of `path`, recognisable as a left-over of ours."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.snap-tmp")


def free_name(path: str) -> str:
    """Return the path, with a number behind it where something is there already."""
    return next(one for one in (path if n == 1 else f"{path}-{n}" for n in count(1)) if not os.path.lexists(one))


@contextmanager
def written_durably(
    path: str, *, step: str, like: str | None = None, before_rename: Callable[[], None] = lambda: None
) -> Iterator[int]:
    """Give a descriptor to write; when the body ends the file stands complete under `path`.

    The file is synced, renamed over `path`, and the folder synced; on any error it is removed. It gets
    the mode and owner of the file `like`, where there is one. `before_rename` runs when the new file is
    complete and durable, right before it takes the name. Raises OSError.
    """
    temporary = temporary_beside(path)
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            if like:
                _be_like(fd, like)
            yield fd
            os.fsync(fd)
        finally:
            os.close(fd)
        reached(f"{step}-written")
        before_rename()
        os.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    reached(f"{step}-renamed")
    sync_folder(os.path.dirname(path) or ".")


def _be_like(fd: int, path: str) -> None:
    with suppress(FileNotFoundError):
        found = os.stat(path)
        os.fchmod(fd, stat.S_IMODE(found.st_mode))
        with suppress(PermissionError):
            os.fchown(fd, found.st_uid, found.st_gid)


def try_lock(fd: int, *, shared: bool) -> bool:
    """Lock an open file of ours against other processes; False where one has it. Closing `fd` unlocks."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_if_there(path: str) -> None:
    """Unlink `path`; it is no error when there is none."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def may_hide_a_write(files: Iterable[os.stat_result], step_ns: int) -> bool:
    """Tell whether a later write to one of some files might leave it the times it has.

    Systems count the times of files in steps, here of at most `step_ns`, or of up to two seconds, which shows in times
    without a fraction.
    """
    times = [moment for one in files for moment in (one.st_mtime_ns, one.st_ctime_ns)]
    step = _COARSE_NS if any(moment % SECOND_NS == 0 for moment in times) else step_ns
    return time.time_ns() - max(times) < step
