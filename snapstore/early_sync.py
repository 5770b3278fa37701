"""Large files that go to the disk while more of them is written, so that little is left for the sync at the end.

By itself the kernel begins only once much is waiting in memory, or for long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from snapstore.threads import in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

_BYTES = 32 << 20  # between the beginnings of two syncs


class EarlySync:
    """Syncs a file that grows, in another thread. It does not make the file durable: what is written last is left.

    Before its descriptor is closed, `wait` or `end` has to be called. The OSError of a sync is raised once by `wrote`
    or `wait`: the kernel may report it to no later one.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._bytes = 0  # since the last sync began
        self._running: Future[None] | None = None

    def wrote(self, count: int) -> None:
        """Note that so many more bytes were written; begin a sync when they are many."""
        self._bytes += count
        if self._bytes >= _BYTES and (self._running is None or self._running.done()):
            self.wait()
            self._bytes = 0
            self._running = in_background(partial(os.fsync, self._fd))

    def wait(self) -> None:
        """Wait for a sync that is under way."""
        running, self._running = self._running, None
        if running:
            running.result()

    def end(self) -> None:
        """Wait for a sync that is under way, whatever comes of it: the file is not wanted any more."""
        if self._running:
            self._running.exception()


@contextmanager
def synced_early(fd: int) -> Iterator[EarlySync]:
    """Give an EarlySync for a file that is written in the body."""
    early = EarlySync(fd)
    try:
        yield early
    except BaseException:
        early.end()
        raise
    early.wait()
