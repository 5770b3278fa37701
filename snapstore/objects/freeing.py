"""The lock between writers of objects and the one process that frees objects.

A writer finds objects in the store and builds on them. Until the catalog has the new objects, none of those may go.
So each writer shares the lock on the file `writers`, and a process that frees objects holds it alone, a moment at a
time. Both pass the file `gate` first. To free objects a process shuts the gate briefly, while the writers inside
finish: so many short writers cannot keep it out for ever, and one long writer does not block the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from snapstore.errors import StoreLocked
from snapstore.locks import Deadline, acquire, held

GATE_SECONDS = 0.25  # the longest that the gate stays shut for one long writer
_OPEN_TURNS = 8  # pauses of a waiting writer, in which it finds the gate open again


class FreeingLock:
    """The lock of one store; `folder` returns where its files are, `seconds` is how long a writer waits."""

    def __init__(self, store: str, folder: Callable[[], str], seconds: float) -> None:
        self._store = store
        self._folder = folder
        self._seconds = seconds

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep everything that is in the store over the body. Raises StoreLocked."""
        deadline = Deadline(self._seconds)
        with self._gate(deadline, shared=True):
            fd = acquire(self._writers(), deadline, shared=True)
        if fd is None:
            raise self._locked()
        try:
            yield
        finally:
            os.close(fd)

    @contextmanager
    def freeing(self, seconds: float) -> Iterator[None]:
        """Keep all writers out over the body, which should be short; wait `seconds` for that. Raises StoreLocked."""
        deadline = Deadline(seconds)
        while True:
            with self._gate(deadline, shared=False):
                fd = acquire(self._writers(), deadline, shared=False, limit=GATE_SECONDS)
                if fd is not None:
                    try:
                        yield
                        return
                    finally:
                        os.close(fd)
            for turn in range(_OPEN_TURNS):
                if not deadline.wait(turn):
                    raise self._locked()

    def _gate(self, deadline: Deadline, *, shared: bool) -> AbstractContextManager[int]:
        return held(os.path.join(self._folder(), "gate"), deadline, shared=shared, busy=self._locked)

    def _writers(self) -> str:
        return os.path.join(self._folder(), "writers")

    def _locked(self) -> StoreLocked:
        return StoreLocked(self._store)
