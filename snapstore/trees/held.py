"""Large files that lose their names, held open so that another thread frees them.

The system frees what a file had when it loses its last name, before the call that takes the name returns. Of a held
file that is done when it is let go, while this thread goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from snapstore.threads import in_background
from snapstore.trees.folders import FILE_FLAGS
from snapstore.trees.manifest import FILE, TreeEntry

_LARGE_BYTES = 1 << 20  # to free them takes longer than a thread
_MOST = 16
_FLAGS = getattr(os, "O_PATH", 0) | FILE_FLAGS


class HeldFiles:
    """The files that are held now."""

    def __init__(self) -> None:
        self._fds: list[int] = []

    def hold(self, folder: int, name: bytes, entry: TreeEntry | None) -> None:
        """Hold a file by its name in an open folder, if it is large. It is about to lose that name."""
        if entry is None or entry.kind != FILE or entry.size < _LARGE_BYTES:
            return
        with suppress(OSError):  # it is gone, or may not be opened
            self._fds.append(os.open(name, _FLAGS, dir_fd=folder))
        if len(self._fds) >= _MOST:
            self.let_go()

    def let_go(self) -> None:
        """Close the files in other threads."""
        for fds in (self._fds[::2], self._fds[1::2]):
            if fds:
                in_background(partial(_close, fds))
        self._fds = []


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
