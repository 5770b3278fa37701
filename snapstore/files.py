"""Durable files: write a temporary file beside, fsync, rename, fsync the folder; and a hook for those steps.

Every step after which a crash leaves something new on disk calls `reached(NAME)`. Tests set `on_step`
in a child process to kill it there; in ordinary use it does nothing.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count

from snapstore.creating import PRIVATE_FILE, as_owner_of, create_in_store, is_shared
from snapstore.errors import DiskFull, FileError, SnapError, StoreDamaged
from snapstore.leftovers import SIDECARS, create_claimed
from snapstore.regular import NotRegular, is_regular, open_regular

BEFORE_REBUILD = ".before-rebuild"  # suffix of what a rebuild replaced and kept
LONGEST_NAME = 255  # bytes of one name in a folder, on almost every file system (pathconf(3), NAME_MAX)
_LIMITS = {errno.ENOSPC: None, errno.EDQUOT: "the disk quota", errno.EFBIG: "the limit on the size of a file"}
_PROBE_BYTES = 1 << 20  # written to find out why SQLite could not write


def _nothing(step: str) -> None:
    """Ignore the step."""


on_step: Callable[[str], None] = _nothing


def reached(step: str) -> None:
    """Tell a test that the durable step `step` has just been made."""
    on_step(step)


def os_error(path: str | os.PathLike[str], error: OSError) -> SnapError:
    """Return the SnapError for an OSError on `path`."""
    if error.errno in _LIMITS:
        return DiskFull(os.fspath(path), _LIMITS[error.errno])
    return FileError(os.fspath(path), (error.strerror or str(error)).lower())


def sqlite_io_error(path: str, text: str) -> SnapError:
    """Return the SnapError for an I/O error of SQLite, which does not tell a limit from a failing disk.

    A limit shows when the same is tried here: to grow a file in the same folder to the size of the one at `path`.
    """
    try:
        # Not by opening it: to close a descriptor would drop the locks of this process on it.
        _grow_a_file(os.path.dirname(path) or ".", os.stat(path).st_size)
    except OSError as error:
        if error.errno in _LIMITS:
            return os_error(path, error)
    return FileError(path, f"{text} (a disk that fails, or a limit that was reached)")


def _grow_a_file(folder: str, size: int) -> None:
    """Write a little, far into a file without a name, which vanishes. Raises OSError."""
    flags = getattr(os, "O_TMPFILE", 0)  # Linux alone has it; elsewhere nothing is tried
    if not flags:
        return
    fd = os.open(folder, os.O_RDWR | flags | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, bytes(_PROBE_BYTES), size)
    finally:
        os.close(fd)


@contextmanager
def translated(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise `DiskFull` or `FileError` naming `path` instead of an OSError from the body."""
    try:
        yield
    except OSError as error:
        raise os_error(path, error) from error


def path_text(path: str) -> str:
    """Return a path as text that can be stored."""
    return storable(path)


def as_path(text: str) -> str:
    """Return a path that was stored, or read from a file, as Python has it in a locale that may know ASCII alone."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def storable(text: str) -> str:
    r"""Return text that can be stored: bytes that are not UTF-8 become `\xNN`."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold
        return text.encode("utf-8", "backslashreplace").decode()


def write_all(fd: int, data: bytes | bytearray) -> None:
    """Write all of `data`; a single write may stop short (at 2 GiB, or when a disk fills up)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_all_at(fd: int, data: bytes, at: int) -> None:
    """Write all of `data` to a place of a file, and leave the descriptor's own place alone."""
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, at)
        view, at = view[done:], at + done


def check_kind(path: str) -> None:
    """Check that a path to write to leads to a regular file or to nothing. Raises FileError."""
    if os.path.isdir(path):
        raise FileError(path, "is a folder")
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileError(path, "is not a regular file")


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make renames inside the folder `path` durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def temporary_beside(path: str) -> str:
    """Return an unused name in the folder of `path`; what a crash leaves of it is recognisable.

    It is short, whatever the file is called: a name made of a long one would be too long.
    """
    return os.path.join(os.path.dirname(path), f".{os.getpid()}-{os.urandom(4).hex()}.snap-tmp")


def with_suffix(path: str, suffix: str, reserved: int = 0) -> str:
    """Return the path with a suffix, and its name cut where it would be too long with `reserved` bytes after it."""
    folder, name = os.path.split(os.fsencode(path))
    kept = name[: LONGEST_NAME - len(os.fsencode(suffix)) - reserved]
    return os.fsdecode(os.path.join(folder, kept)) + suffix


def free_name(path: str) -> str:
    """Return the path, with a number appended if something exists there."""
    return next(one for one in (path if n == 1 else f"{path}-{n}" for n in count(1)) if not os.path.lexists(one))


def open_in_store(store: str, path: str, flags: int) -> int:
    """Open a file of a store, which is created if there is none.

    Raises StoreDamaged for anything but a regular file, OSError.
    """
    try:
        return _opened_or_created(path, flags)
    except NotRegular as error:
        raise StoreDamaged(store, f"{os.path.relpath(path, store)} {error.strerror}") from error


def _opened_or_created(path: str, flags: int) -> int:
    with suppress(FileNotFoundError):
        return open_regular(path, flags)
    folder = os.path.dirname(path)
    if not is_shared(os.stat(folder).st_mode):
        with as_owner_of(folder):
            return open_regular(path, flags | os.O_CREAT, PRIVATE_FILE)
    with temporary_file(path) as temporary, suppress(FileExistsError):  # it has the name once it is open to the group
        os.link(temporary, path)
    return open_regular(path, flags)


def create_temporary(path: str, create: Callable[[str], int] = create_in_store) -> tuple[int, str]:
    """Create a temporary file beside `path` that nobody sweeps away; return its descriptor and path. Raises OSError."""
    return create_claimed(partial(temporary_beside, path), create)


@contextmanager
def temporary_file(path: str) -> Iterator[str]:
    """Give a new empty file in the folder of `path`, for SQLite to write to; remove it and its sidecars afterwards.

    Raises OSError.
    """
    fd, temporary = create_temporary(path)
    try:
        yield temporary
    finally:
        for sidecar in ("", *SIDECARS):
            remove_if_there(temporary + sidecar)
        os.close(fd)


def _nothing_more(_fd: int) -> None:
    """Leave a new file as it is."""


@contextmanager
def written_durably(
    path: str,
    *,
    step: str,
    create: Callable[[str], int] = create_in_store,
    finish: Callable[[int], object] = _nothing_more,
    before_rename: Callable[[], None] = lambda: None,
    replaces: bool = True,
) -> Iterator[int]:
    """Yield a descriptor to write to; after the body the file is complete under `path`.

    The file is synced, renamed over `path`, and the folder synced; on any error it is removed. `create` makes it, and
    `finish` opens it to those who may use it, when all is written. `before_rename` runs when the new file is complete
    and durable, right before it takes the name. Only a regular file loses its name to it, and none unless `replaces`.
    Raises OSError.
    """
    fd, temporary = create_temporary(path, create)
    try:
        yield fd
        finish(fd)
        os.fsync(fd)
        reached(f"{step}-written")
        before_rename()
        _take_name(temporary, path, replaces=replaces)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    reached(f"{step}-renamed")
    sync_folder(os.path.dirname(path) or ".")


def _take_name(temporary: str, path: str, *, replaces: bool) -> None:
    """Give a file its name. Raises NotRegular, FileExistsError, OSError."""
    if not replaces:
        try:
            os.link(temporary, path, follow_symlinks=False)  # a rename would also replace what came a moment ago
        except FileExistsError:
            raise
        except OSError as error:  # not every file system has hard links
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from error
        else:
            remove_if_there(temporary)  # with two names it is free to be swept away
            return
    elif os.path.lexists(path) and not is_regular(path):
        raise NotRegular(path)
    os.rename(temporary, path)


def remove_if_there(path: str) -> None:
    """Unlink `path` if it exists."""
    with suppress(FileNotFoundError):
        os.unlink(path)
