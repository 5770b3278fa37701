"""How long something takes, for those who must not be late: also while the machine sleeps."""

from __future__ import annotations

import time


class Stopwatch:
    """Runs from its creation on. A clock that is set ahead makes it too long, none makes it too short."""

    def __init__(self) -> None:
        self._wall = time.time()
        self._boot = _since_boot()

    def seconds(self) -> float:
        """Return how many seconds have passed."""
        return max(time.time() - self._wall, _since_boot() - self._boot)


def _since_boot() -> float:
    """Return a time that goes on in suspended machines, where the system has one (time(7), Linux)."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
