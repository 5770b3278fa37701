"""Progress on a terminal, once work takes longer than a second: `reading default  [######------]  48%`.

What crosses a network also says how much of it there is, and how long it may take: `153.6 MB of 320.0 MB, 12 s left`.
"""

from __future__ import annotations

import time

from snapstore.cli import streams
from snapstore.cli.output import size

QUIET_SECONDS = 1.0
_BETWEEN_SECONDS = 0.1  # two drawings
_CELLS = 30
_TRANSFERS = ("uploading", "downloading")
_CELLS_OF_TRANSFER = 16
_LEAST_SECONDS = 1.0  # before an estimate says anything
_MINUTE, _HOUR = 60, 3600
_LONGEST_LABEL = 40  # characters


class ProgressBar:
    """Draws on standard error; the writer removes the bar before it writes anything else there."""

    def __init__(self) -> None:
        self._started = self._began = self._drawn = time.monotonic()
        self._what, self._total, self._done = "", 0, 0

    def start(self, what: str, total_bytes: int) -> None:
        """Start another piece of work."""
        self._what, self._total, self._done = what[:_LONGEST_LABEL], total_bytes, 0
        self._began = time.monotonic()

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
        is_transfer = self._what in _TRANSFERS
        cells = _CELLS_OF_TRANSFER if is_transfer else _CELLS
        full = int(share * cells)
        line = f"{self._what}  [{'#' * full}{'-' * (cells - full)}]  {share:4.0%}"
        return f"{line}  {self._amount()}" if is_transfer else line

    def _amount(self) -> str:
        """Say how many bytes are done, and how long the rest takes if it goes on like this."""
        done, elapsed = min(self._done, self._total), time.monotonic() - self._began
        said = f"{size(done)} of {size(self._total)}"
        if not done or done == self._total or elapsed < _LEAST_SECONDS:
            return said
        return f"{said}, {duration(elapsed * (self._total - done) / done)} left"


def duration(seconds: float) -> str:
    """Return a time as people say it: `12 s`, `3 min`, `2 h`."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < _HOUR else f"{round(seconds / _HOUR)} h"
