"""Named, hashed, timestamped snapshots of SQLite databases, put back under a running application."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["Session", "Snapstore", "__version__", "clone"]

_HOMES = {"Session": "snapstore.session.client", "Snapstore": "snapstore.api.facade", "clone": "snapstore.api.clone"}


def __getattr__(name: str) -> object:
    """Import a public class when it is asked for: `Session` must not bring a SQLite library into the process."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'snapstore' has no attribute '{name}'")
