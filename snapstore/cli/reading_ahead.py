"""Which commands have the database read while their modules are still being loaded: those that will read all of it."""

from __future__ import annotations

from contextlib import suppress

from snapstore.cli.places import Places
from snapstore.database import ahead
from snapstore.errors import SnapError

_COMMANDS = frozenset({"tag", "backup", "restore", "undo", "verify"})


def read_ahead(command: str, places: Places) -> None:
    """Begin to read the databases for a command; what is wrong with the places it will say itself."""
    if command in _COMMANDS:
        with suppress(SnapError):
            ahead.begin(places.database_paths)
