"""The names of the tables of the live databases, for a shell that completes them."""

from __future__ import annotations

from snapstore.database.fingerprint import fingerprint
from snapstore.database.live import LiveDatabases
from snapstore.locks import Deadline
from snapstore.project import Project

_SECONDS = 1.0  # that a user waits for a completion
_INTERNAL = "sqlite_"


def table_names(project: Project) -> list[str]:
    """Return the names, of all databases together. Raises DatabaseLocked, DatabaseUnusable."""
    with LiveDatabases(project.databases, Deadline(_SECONDS)) as live:
        found = {name for view in live.read().values() for name in fingerprint(view.connection).tables}
    return sorted(name for name in found if not name.startswith(_INTERNAL))
