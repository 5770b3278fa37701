"""Who works on a store: every open store holds a shared lock on its folder, a rebuild of the catalog holds it alone.

A process with the old catalog open would go on writing to it after the new one took its name. The lock is on
the folder itself (flock(2)), so that there is no file to lose, and a store that may only be read can be locked too.
"""

from __future__ import annotations

import os
from itertools import count

from snapstore.errors import StoreLocked
from snapstore.files import translated, try_lock
from snapstore.patience import Patience


def occupy(path: str, patience: Patience, *, shared: bool) -> int:
    """Lock the store at `path`; return the descriptor whose closing unlocks it. Raises StoreLocked, FileError."""
    with translated(path):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for attempt in count():
            with translated(path):
                if try_lock(fd, shared=shared):
                    return fd
            if not patience.wait(attempt):
                raise StoreLocked(path)
    except BaseException:
        os.close(fd)
        raise
    raise AssertionError("counting has no end")
