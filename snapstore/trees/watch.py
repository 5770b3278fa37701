"""A watch on the folders of a tree: which entries have changed since, as Linux tells it (inotify(7)).

Every write, rename or change of a mode that ended before `dirty` is called has its event by then. Three kinds of
writes have none: through a mapping in memory, under another name of the file (a hard link), and by another machine. The
caller sees to these.
"""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress
from typing import Any

from snapstore.leftovers import is_temporary
from snapstore.mounts import file_system_of
from snapstore.trees.manifest import ROOT

LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "f2fs", "zfs", "overlay"}
"""File systems whose every write goes through this system."""

_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_OF_ENTRIES = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200  # modify, attributes, close, moved, created, deleted
_OF_ITSELF = 0x400 | 0x800  # the folder was deleted, or moved
_LOST = 0x4000 | 0x2000  # events were lost, or the file system is gone
_IGNORED = 0x8000  # the folder is not watched any more
_EVENT = struct.Struct("iIII")
_READ_BYTES = 1 << 16


class Watch:
    """Watches folders; `begin` returns None where that cannot be relied upon."""

    def __init__(self, libc: Any, fd: int) -> None:
        self._libc = libc
        self._fd = fd
        self._paths: dict[int, bytes] = {}
        self._is_whole = True

    @classmethod
    def begin(cls, path: str) -> Watch | None:
        """Begin to watch a tree."""
        if sys.platform != "linux" or file_system_of(path) not in LOCAL:
            return None
        import ctypes  # only a session watches

        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.inotify_init1(_NONBLOCK | _CLOEXEC)
        return cls(libc, fd) if fd >= 0 else None

    def add(self, path: bytes, fd: int) -> None:
        """Watch a folder that is open; what happens in it from now on is told."""
        number = self._libc.inotify_add_watch(self._fd, b"/proc/self/fd/%d" % fd, _OF_ENTRIES | _OF_ITSELF)
        if number < 0:  # there is a limit on watches
            self._is_whole = False
        else:
            self._paths[number] = path

    def dirty(self) -> set[bytes] | None:
        """Return the paths of the entries that have changed since the last call, None if that is not known."""
        found: set[bytes] = set()
        with suppress(BlockingIOError):
            while data := os.read(self._fd, _READ_BYTES):
                at = 0
                while at < len(data):
                    number, mask, _, length = _EVENT.unpack_from(data, at)
                    name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                    at += _EVENT.size + length
                    self._note(found, number, mask, name)
        return found if self._is_whole else None

    def _note(self, found: set[bytes], number: int, mask: int, name: bytes) -> None:
        folder = self._paths.get(number)
        if mask & _LOST or (folder == ROOT and not name and not mask & _IGNORED):
            self._is_whole = False  # the root itself has another mode, or is gone
        elif folder is not None and name and not is_temporary(os.fsdecode(name)):
            found.add(folder + b"/" + name if folder else name)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
