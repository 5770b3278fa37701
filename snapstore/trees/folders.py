"""Descriptors of the folders of a tree, each opened in the one above it and never through a link.

A path is bytes, relative to the root. What somebody puts in the place of a folder while we work, such as a link that
leads out of the tree, is not followed: opening it fails.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Self

from snapstore.errors import FileError
from snapstore.trees.manifest import ROOT

MOST_DEPTH = 200  # folders within each other; each is a descriptor while what is in it is looked at
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK}
"""What opening a folder fails with if it is not there any more, or something else has its name."""


class Folders:
    """Open folders of one tree; a single file's folder is the one it lies in. Use it in a `with` block."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._parent = -1
        self._chain: list[tuple[bytes, int]] = []

    def __enter__(self) -> Self:
        self._parent = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        os.close(self._parent)

    def forget(self) -> None:
        """Close all folders below the one that the tree lies in: names in them may mean something else by now."""
        while self._chain:
            os.close(self._chain.pop()[1])

    def parent(self, path: bytes) -> tuple[int, bytes]:
        """Return the descriptor of the folder that an entry is in, and the entry's name there. Raises OSError."""
        if path == ROOT:
            return self._parent, os.fsencode(os.path.basename(self.path))
        folder, _, name = path.rpartition(b"/")
        return self.folder(folder), name

    def folder(self, path: bytes) -> int:
        """Return the descriptor of a folder, valid until the next call. Raises OSError."""
        names = [os.fsencode(os.path.basename(self.path)), *(path.split(b"/") if path else ())]
        if len(names) > MOST_DEPTH:
            raise FileError(self.text(path), f"more than {MOST_DEPTH} folders within each other")
        same = 0
        while same < min(len(names), len(self._chain)) and self._chain[same][0] == names[same]:
            same += 1
        while len(self._chain) > same:
            os.close(self._chain.pop()[1])
        for name in names[same:]:
            above = self._chain[-1][1] if self._chain else self._parent
            self._chain.append((name, os.open(name, FOLDER_FLAGS, dir_fd=above)))
        return self._chain[-1][1]

    def lstat(self, path: bytes) -> os.stat_result | None:
        """Return what lies at a path, None if nothing does. Raises OSError."""
        try:
            folder, name = self.parent(path)
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise

    def open_file(self, path: bytes) -> int | None:
        """Open a regular file to read it; None if there is none at the path any more. Raises OSError."""
        try:
            folder, name = self.parent(path)
            fd = os.open(name, FILE_FLAGS, dir_fd=folder)
        except OSError as error:
            if error.errno in GONE | {errno.ENXIO}:
                return None
            raise
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        return None

    def text(self, path: bytes) -> str:
        """Return the whole path of an entry, for messages."""
        return os.path.join(self.path, os.fsdecode(path)) if path else self.path
