"""Trying again where others were quicker: pauses that are random and grow, until a deadline."""

from __future__ import annotations

import random
import time

from snapstore.errors import RemoteBusy

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 2.0  # seconds at most


class Turns:
    """The tries of one writer of a log; `seconds` is how long others may be quicker, from the first time on."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._end: float | None = None
        self._count = 0

    def wait(self) -> None:
        """Wait before the next try. Raises RemoteBusy."""
        if self._end is None:
            self._end = time.monotonic() + self._seconds
        left = self._end - time.monotonic()
        if left <= 0:
            raise RemoteBusy(self._url, self._seconds)
        most = min(left, _LONGEST_PAUSE, _FIRST_PAUSE * 1.5**self._count)
        self._count += 1
        time.sleep(random.uniform(0, most))  # noqa: S311 - no secret
