"""What a path is mounted from, and where else: where the system tells (Linux: /proc/PID/mountinfo, proc(5))."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress

from snapstore.processes import processes

# Their locks or their shared memory are not as SQLite's journal modes require (sqlite.org/wal.html, 2.2).
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "vboxsf"}
)
# A file has one device and one path there, whatever it is mounted from. On others, such as overlays, it may have more.
_TOLD = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs"})
_DEVICE, _ROOT, _POINT, _SEPARATOR = 2, 3, 4, "-"
_RECENT_SECONDS = 1.0
_not_found: dict[str, float] = {}  # when no mount of that file was found
_ESCAPED = re.compile(rb"[ \t\n\\#]")  # in mountinfo they are an octal number


def file_system_of(path: str) -> str | None:
    """Return the type of the file system, such as `ext4` or `nfs4`; None if unknown."""
    with suppress(OSError):
        device = os.stat(path).st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                fields = line.split()
                if fields[_DEVICE] == wanted and _SEPARATOR in fields:
                    return fields[fields.index(_SEPARATOR) + 1]
    return None


def is_mounted_alone(path: str) -> bool:
    """Tell whether any mount that can be seen, in this namespace or another, may be of this file and not its folder.

    On a file system that is not `_TOLD` by its mounts, a mount of something else with the same name counts too. A look
    costs some microseconds for each process, so a session that writes many times a second looks again only after a
    second.
    """
    now = time.monotonic()
    if now - _not_found.get(path, -_RECENT_SECONDS) < _RECENT_SECONDS:
        return False
    name = b"/" + _escaped(os.path.basename(path)) + b" "
    found = [line.split(b" ") for mounts in _tables() if name in mounts for line in mounts.splitlines() if name in line]
    if found:
        place = _place(path)
        if place is None or any((fields[_DEVICE], fields[_ROOT]) == place for fields in found):
            return True
    _not_found[path] = now
    return False


def _place(path: str) -> tuple[bytes, bytes] | None:
    """Return the device of a file and its path there, as mountinfo writes them; None where mounts do not tell."""
    real = _escaped(os.path.realpath(path))
    mount: list[bytes] = []
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields = line.split(b" ")
            point = fields[_POINT].rstrip(b"/")
            if real == point or real.startswith(point + b"/"):
                mount = max(fields, mount, key=lambda one: len(one[_POINT]) if one else 0)
    if not mount or mount[mount.index(_SEPARATOR.encode()) + 1].rstrip().decode() not in _TOLD:
        return None
    return mount[_DEVICE], mount[_ROOT].rstrip(b"/") + real.removeprefix(mount[_POINT].rstrip(b"/"))


def is_mount_point(path: str) -> bool:
    """Tell whether the file at a real path is itself where something is mounted, as in a container."""
    name = _escaped(path)
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        return any(line.split(b" ")[_POINT] == name for line in file)
    return False


def _escaped(text: str) -> bytes:
    """Return a name as mountinfo writes it."""
    return _ESCAPED.sub(lambda found: b"\\%03o" % found[0][0], os.fsencode(text))


def _tables() -> Iterator[bytes]:
    """Yield the table of mounts of each mount namespace."""
    seen: set[str] = set()
    for pid in ("self", *processes()):
        with suppress(OSError):
            namespace = os.readlink(f"/proc/{pid}/ns/mnt")
            if namespace not in seen:
                seen.add(namespace)
                with open(f"/proc/{pid}/mountinfo", "rb") as file:
                    yield file.read()


def free_bytes(path: str) -> int:
    """Return how many bytes an unprivileged user can still write where `path` is. Raises OSError."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
