"""How one hook went, and the time that it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """Whether a hook did what it should; `detail` is for people, and bounded."""

    ok: bool
    detail: str
    attempts: int = 1


STOPPED = Outcome(False, "stopped")


class Allowance:
    """The seconds that a hook has, until it is told to stop."""

    def __init__(self, seconds: float, is_stopped: Callable[[], bool]) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._is_stopped = is_stopped

    @property
    def left(self) -> float:
        """The seconds that are left, 0 where the hook has to stop."""
        return 0.0 if self.is_stopped else max(0.0, self._end - time.monotonic())

    @property
    def is_stopped(self) -> bool:
        """Whether the hook was told to stop, whatever time is left."""
        return self._is_stopped()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than what is left."""
        time.sleep(min(seconds, self.left))

    def missed(self, what: str) -> Outcome:
        """Return the outcome of a hook whose time is over."""
        return STOPPED if self.is_stopped else Outcome(False, f"{what} within {self.seconds:g} s")
