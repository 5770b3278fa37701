"""How long-running work reports its progress. Only the command line displays it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Counts the bytes done, out of a known total."""

    def start(self, what: str, total_bytes: int) -> None:
        """Begin a piece of work on `total_bytes`."""

    def advance(self, done_bytes: int) -> None:
        """Count another `done_bytes` as done."""


class Silent:
    """Progress that is not displayed."""

    def start(self, what: str, total_bytes: int) -> None:
        """Do nothing."""

    def advance(self, done_bytes: int) -> None:
        """Do nothing."""


SILENT = Silent()
