"""What trees are called among the parts of a snapshot: databases have their names, trees a prefix before theirs."""

from __future__ import annotations

FILES = "files"  # what all trees are called together, where databases have their names
KEY = "files:"


def key_of(name: str) -> str:
    """Return what a tree is called among the parts of a snapshot, HEAD and intents."""
    return KEY + name


def tree_of(key: str) -> str | None:
    """Return the name of the tree that a part is, None for a database."""
    return key.removeprefix(KEY) if key.startswith(KEY) else None
