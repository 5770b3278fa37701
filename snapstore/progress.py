"""How long work tells of itself. The command line draws it; below it nothing prints."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Progress(Protocol):
    """A counter of bytes done, of a known whole."""

    def start(self, what: str, total_bytes: int) -> None:
        """Begin a piece of work that will touch `total_bytes`."""

    def advance(self, done_bytes: int) -> None:
        """Count `done_bytes` more as done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, what: str, total_bytes: int) -> None:
        """Do nothing."""

    def advance(self, done_bytes: int) -> None:
        """Do nothing."""


SILENT = Silent()
