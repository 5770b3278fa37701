"""What kind of file system a path is on, as far as the system tells (Linux: /proc/self/mountinfo, proc(5))."""

from __future__ import annotations

import os
from contextlib import suppress

# Their locks, or their shared memory, are not what SQLite's journal modes are built on (sqlite.org/wal.html, 2.2).
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "vboxsf"}
)
_DEVICE, _SEPARATOR = 2, "-"


def file_system_of(path: str) -> str | None:
    """Return the type of the file system, such as `ext4` or `nfs4`; None where it cannot be told."""
    with suppress(OSError):
        device = os.stat(path).st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                fields = line.split()
                if fields[_DEVICE] == wanted and _SEPARATOR in fields:
                    return fields[fields.index(_SEPARATOR) + 1]
    return None


def free_bytes(path: str) -> int:
    """Return how many bytes a user without special rights may still write where `path` is. Raises OSError."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
