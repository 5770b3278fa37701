"""Create files and folders so that nobody else can ever use them, not even for a moment.

In a store each file is its owner's alone, unless the store's folders are open to their group: then each file is, too.
As root, files are created as the owner of their folder would create them, so that root locks nobody out, and cannot be
led elsewhere by a link in somebody's folder.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
SHARED_FILE, SHARED_FOLDER = 0o660, 0o2770  # new files in a set-group-ID folder get its group
_NOBODY = 0xFFFFFFFF  # no user's number
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def is_shared(mode: int) -> bool:
    """Tell whether the mode of a store's folder opens the store to a group."""
    return mode & stat.S_ISGID != 0 and mode & stat.S_IRWXG == stat.S_IRWXG


def create_ordinary(path: str) -> int:
    """Create a file that holds nothing of a database, with the mode that the umask leaves. Raises OSError."""
    with as_owner_of(os.path.dirname(path) or "."):
        return os.open(path, _NEW, 0o666)


def create_private(path: str) -> int:
    """Create a file for this user alone. Raises OSError."""
    return os.open(path, _NEW, PRIVATE_FILE)


def create_in_store(path: str) -> int:
    """Create a file of a store. Raises OSError."""
    folder = os.path.dirname(path) or "."
    with as_owner_of(folder):
        fd = os.open(path, _NEW, PRIVATE_FILE)
    if is_shared(os.stat(folder).st_mode):
        os.fchmod(fd, SHARED_FILE)
    return fd


def make_folders(path: str) -> None:
    """Create the missing folders above a path, with the mode that the umask leaves. Raises OSError."""
    nearest = path
    while not os.path.isdir(nearest) and nearest != os.path.dirname(nearest):
        nearest = os.path.dirname(nearest)
    with as_owner_of(nearest):
        os.makedirs(path, exist_ok=True)


def make_folder_of_store(path: str, *, shared: bool | None = None) -> None:
    """Create a folder of a store where there is none, by default as open as the folder above it. Raises OSError."""
    parent = os.path.dirname(path)
    if shared is None:
        shared = is_shared(os.stat(parent).st_mode)
    with suppress(FileExistsError), as_owner_of(parent):
        if not shared:
            os.mkdir(path, PRIVATE_FOLDER)
        elif not os.path.isdir(path):
            _make_shared(path)


def _make_shared(path: str) -> None:
    """Create a folder that is open to its group from the moment it has its name."""
    temporary = os.path.join(os.path.dirname(path), f".{os.getpid()}-{os.urandom(4).hex()}.snap-tmp")
    os.mkdir(temporary, PRIVATE_FOLDER)
    try:
        os.chmod(temporary, SHARED_FOLDER)
        os.rename(temporary, path)
    except OSError:  # another process was faster, and its folder is in use
        os.rmdir(temporary)
        if not os.path.isdir(path):
            raise


@contextmanager
def as_owner_of(folder: str) -> Iterator[None]:
    """As root, do the body with the rights of a folder's owner and group; as anybody else, just do it.

    A link has the rights of the user who made it: it may lead to a folder where that user may not write. The body must
    import nothing and read nothing of this package: the owner may not be allowed to, as where Python is in root's home.
    """
    found = os.lstat(folder) if os.geteuid() == 0 else None
    if found is None or found.st_uid == 0:
        yield
        return
    group = os.getegid()
    try:
        _become(found.st_uid, found.st_gid)
        yield
    finally:
        _become(0, group)


def _become(user: int, group: int) -> None:
    """Change whom the system takes this thread for when it uses files. Raises OSError where root may not do that."""
    if sys.platform == "linux":
        import ctypes  # Only root needs it, for setfsuid(2): that is about one thread, os.seteuid about all.

        libc = ctypes.CDLL(None)
        libc.setfsgid(ctypes.c_uint(group))
        libc.setfsuid(ctypes.c_uint(user))
        if libc.setfsuid(ctypes.c_uint(_NOBODY)) != user:  # changes nothing and returns whom we are taken for
            raise OSError(errno.EPERM, f"root may not act as user {user} here, whose store it is")
    else:
        os.seteuid(0)
        os.setegid(group)
        os.seteuid(user)
