"""The lock between those who write objects and the one who frees some.

Who writes finds objects that are there and builds on them; until the catalog has the new ones nothing of that may go.
So writers hold the file `writers` shared, side by side, and who frees holds it alone, a moment at a time. All
pass through the file `gate` on the way in: who frees shuts it for a moment while the writers inside come to
their end, so that many short writers cannot keep it out for ever, and one long writer cannot make the others wait.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from snapstore.errors import StoreLocked
from snapstore.files import translated, try_lock
from snapstore.patience import Patience

GATE_SECONDS = 0.25  # the longest that the gate is shut for one long writer
_OPEN_TURNS = 8  # pauses of a waiting writer, in which it finds the gate open again


class FreeingLock:
    """The lock of one store; `folder` gives where its files are, `seconds` is how long a writer waits."""

    def __init__(self, store: str, folder: Callable[[], str], seconds: float) -> None:
        self._store = store
        self._folder = folder
        self._seconds = seconds

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep everything that is in the store over the body. Raises StoreLocked."""
        patience = Patience(self._seconds)
        gate = self._demand("gate", patience, shared=True)
        try:
            fd = self._demand("writers", patience, shared=True)
        finally:
            os.close(gate)
        try:
            yield
        finally:
            os.close(fd)

    @contextmanager
    def freeing(self, seconds: float) -> Iterator[None]:
        """Have no writer about over the body, which should be short; wait so long for that. Raises StoreLocked."""
        patience = Patience(seconds)
        while True:
            gate = self._demand("gate", patience, shared=False)
            try:
                fd = self._lock("writers", patience, shared=False, seconds=GATE_SECONDS)
                if fd is not None:
                    try:
                        yield
                        return
                    finally:
                        os.close(fd)
            finally:
                os.close(gate)
            for turn in range(_OPEN_TURNS):
                if not patience.wait(turn):
                    raise StoreLocked(self._store)

    def _demand(self, name: str, patience: Patience, *, shared: bool) -> int:
        fd = self._lock(name, patience, shared=shared, seconds=self._seconds)
        if fd is None:
            raise StoreLocked(self._store)
        return fd

    def _lock(self, name: str, patience: Patience, *, shared: bool, seconds: float) -> int | None:
        """Return a locked descriptor, None where patience, or the time for this try, is over."""
        folder = self._folder()
        with translated(folder):
            fd = os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        end = time.monotonic() + seconds
        for attempt in count():
            if try_lock(fd, shared=shared):
                return fd
            if time.monotonic() >= end or not patience.wait(attempt):
                break
        os.close(fd)
        return None
