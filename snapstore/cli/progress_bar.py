"""Progress on a terminal, once work takes longer than a second: `reading default  [######------]  48%`."""

from __future__ import annotations

import time

from snapstore.cli import streams

QUIET_SECONDS = 1.0
_BETWEEN_SECONDS = 0.1  # two drawings
_CELLS = 30
_LONGEST_LABEL = 40  # characters


class ProgressBar:
    """Draws on standard error; the writer removes the bar before it writes anything else there."""

    def __init__(self) -> None:
        self._started = self._drawn = time.monotonic()
        self._what, self._total, self._done = "", 0, 0

    def start(self, what: str, total_bytes: int) -> None:
        """Start another piece of work."""
        self._what, self._total, self._done = what[:_LONGEST_LABEL], total_bytes, 0

    def advance(self, done_bytes: int) -> None:
        """Count bytes; draw the bar once the work takes long."""
        self._done += done_bytes
        now = time.monotonic()
        if now - self._started > QUIET_SECONDS and now - self._drawn > _BETWEEN_SECONDS:
            self._drawn = now
            streams.draw(self._line())

    def hide(self) -> None:
        """Remove the bar; more work draws it again."""
        streams.draw("")

    def _line(self) -> str:
        share = min(1.0, self._done / self._total) if self._total else 1.0
        full = int(share * _CELLS)
        return f"{self._what}  [{'#' * full}{'-' * (_CELLS - full)}]  {share:4.0%}"
