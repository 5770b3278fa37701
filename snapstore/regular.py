"""Open only regular files, and without waiting: those of a store, and those that a user names.

A store may have been made by somebody else. A link in it would lead reads, writes and removals to files elsewhere, and
opening a FIFO waits for ever. So files are opened without following links and checked on the descriptor, and the
folders inside a store have to be folders. A path that a user names may be a link, and may lead to a device.
"""

from __future__ import annotations

import errno
import os
import stat

from snapstore.errors import StoreDamaged

_LINK = {errno.ELOOP, errno.EMLINK}  # what O_NOFOLLOW meets, EMLINK on some BSDs
_OTHER = {errno.ENXIO, errno.EISDIR}  # a socket, a FIFO that nobody reads, a folder


class NotRegular(OSError):
    """What lies at a path is a link, a FIFO, a device, a socket or a folder."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "is not a regular file", path)


def open_named(path: str | os.PathLike[str], *, follow: bool = True) -> int:
    """Open a regular file that a user names, to read it; return its descriptor. Raises NotRegular, OSError.

    The descriptor decides. The look before it keeps a device from being opened, which may have an effect already.
    """
    name = os.fspath(path)
    if not stat.S_ISREG(os.stat(name, follow_symlinks=follow).st_mode):
        raise NotRegular(name)
    return open_regular(os.path.realpath(name) if follow else name, os.O_RDONLY | os.O_NOCTTY)


def open_regular(path: str, flags: int, mode: int = 0) -> int:
    """Open a regular file, with `mode` where the flags create it; return its descriptor. Raises NotRegular, OSError."""
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in _LINK | _OTHER:
            raise NotRegular(path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotRegular(path)
    return fd


def is_regular(path: str) -> bool:
    """Return whether a regular file lies at a path, and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def check_kinds(store: str, files: tuple[str, ...], folders: tuple[str, ...]) -> None:
    """Check what lies at some names in a store; they may be missing. Raises StoreDamaged, OSError."""
    for names, is_right, wanted in ((files, stat.S_ISREG, "regular file"), (folders, stat.S_ISDIR, "folder")):
        for name in names:
            try:
                mode = os.lstat(os.path.join(store, name)).st_mode
            except FileNotFoundError:
                continue
            if not is_right(mode):
                raise StoreDamaged(store, f"{name} is not a {wanted}")
