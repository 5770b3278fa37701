"""Named, hashed, timestamped snapshots of SQLite databases, put back under a running application."""

from __future__ import annotations

__version__ = "0.1.0"
