"""The progress bar: on a terminal, for work longer than a second."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

PATIENCE_SECONDS = 1.0


class Bar:
    """Progress drawn on standard error."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._what, self._total, self._done = "", 0, 0
        self._bar: Any = None

    def start(self, what: str, total_bytes: int) -> None:
        """Begin another piece of work."""
        self.finish()
        self._what, self._total, self._done = what, total_bytes, 0

    def advance(self, done_bytes: int) -> None:
        """Count; draw once it takes long."""
        self._done += done_bytes
        if self._bar is not None:
            self._bar.update(done_bytes)
        elif time.monotonic() - self._started > PATIENCE_SECONDS:
            self._bar = click.progressbar(length=self._total, label=self._what, file=sys.stderr)
            self._bar.update(self._done)

    def finish(self) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
