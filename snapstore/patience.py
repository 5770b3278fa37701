"""How long a command waits for locks in all; the time it works does not count."""

from __future__ import annotations

import time

# Seconds, the last one again and again. Short, because an application that writes without a break
# leaves a rollback-mode database free for moments only, and a try costs microseconds.
_PAUSES = (0.0005, 0.001, 0.001, 0.002)


class Patience:
    """A budget of `seconds` of waiting, shared by all locks that one command needs."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds

    def renew(self, seconds: float) -> None:
        """Begin anew, for the next command of a process that does several."""
        self.seconds = self._left = seconds

    @property
    def is_over(self) -> bool:
        """Whether all of it was spent."""
        return self._left <= 0

    def wait(self, attempt: int) -> bool:
        """Sleep a little before try number `attempt`, from 0; False, at once, when none is left."""
        if self.is_over:
            return False
        start = time.monotonic()
        try:
            time.sleep(min(_PAUSES[min(attempt, len(_PAUSES) - 1)], self._left))
        finally:
            self._left -= time.monotonic() - start
        return True
