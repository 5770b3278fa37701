"""Named, hashed, timestamped snapshots of SQLite databases, put back under a running application."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from snapstore.session.client import Session

__version__ = "0.1.0"
__all__ = ["Session", "__version__"]


def __getattr__(name: str) -> object:
    """Import the client when it is asked for: no command needs it."""
    if name == "Session":
        from snapstore.session.client import Session

        return Session
    raise AttributeError(f"module 'snapstore' has no attribute '{name}'")
