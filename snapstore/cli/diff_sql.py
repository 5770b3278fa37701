"""A diff as a patch in SQL."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.actions.diff import Diff
from snapstore.cli.output import one_line
from snapstore.errors import ConfigurationError


def pieces(diff: Diff) -> Iterator[str]:
    """Yield a script that turns the first state into the second. Raises PatchImpossible, ConfigurationError."""
    differing = [database for database in diff.databases if not database.is_same]
    if len(differing) > 1:
        raise ConfigurationError("a patch is for one database, and several differ; narrow it with --table")
    yield f"-- snapstore: from {one_line(diff.before.label)} to {one_line(diff.after.label)}\n"
    for database in differing:
        for statement in database.patch().script():
            yield f"{statement};\n"
