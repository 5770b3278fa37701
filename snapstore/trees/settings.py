"""What the configuration says of one tree: where it is, what is ignored in it, and how much it may be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from snapstore.trees.patterns import Patterns

MOST_BYTES = 10**9  # of all files of a tree, where `most` does not say otherwise
MOST_ENTRIES = 100_000
GIT = ".git"
_NOTHING_IGNORED = Patterns()


class TreeSettings(NamedTuple):
    """A tree; `path` is the real path of its root, `place` the file and line that name it."""

    path: str
    ignored: Patterns = _NOTHING_IGNORED
    most_bytes: int = MOST_BYTES
    most_entries: int = MOST_ENTRIES
    place: tuple[str, int] = ("", 0)


def refusal(
    tree: TreeSettings, others: Mapping[str, str], databases: Sequence[str], store: str, home: str
) -> str | None:
    """Return why a folder or file cannot be a tree, None if it can; all paths are real ones."""
    path = tree.path
    if os.path.dirname(path) == path:
        return "is the root of the file system"
    if _is_in(home, path):
        return "is the home folder" if home == path else f"holds the home folder '{home}'"
    if _is_in(store, path) or _is_in(path, store):
        return f"holds the store '{store}'" if _is_in(store, path) else f"lies in the store '{store}'"
    if GIT in path.split(os.sep) or _holds_repository(tree):
        return "holds a Git repository, or is in one's '.git'"
    return _other_refusal(path, others, databases)


def _other_refusal(path: str, others: Mapping[str, str], databases: Sequence[str]) -> str | None:
    for database in databases:
        if _is_in(database, path) or path in (f"{database}{end}" for end in ("-wal", "-shm", "-journal")):
            return f"holds the database '{database}'" if database != path else "is a database"
    for name, other in others.items():
        if _is_in(path, other) or _is_in(other, path):
            return f"and '{other}' ('{name}') lie in each other"
    return None


def _holds_repository(tree: TreeSettings) -> bool:
    return os.path.lexists(os.path.join(tree.path, GIT)) and not tree.ignored.match(os.fsencode(GIT))


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
