"""What a configuration may do without a command of its user's: the hook runs with whatever a checkout brought.

Whoever checks out a branch of somebody else's has that one's snapstore.yaml. The file belongs to the user then, so that
trust.py is content, although nobody has looked at it. So where it runs commands, or names databases, files or a store
outside what is checked out (Git runs some files of its own folder), the hook follows it only if `snap git install` has
seen the same. What was seen is in the repository's own settings, which no checkout can change.
"""

from __future__ import annotations

import os

from snapstore.config.configuration import Configuration
from snapstore.errors import CannotFollow
from snapstore.files import storable
from snapstore.git.repository import ALLOWED, Repository
from snapstore.hooks.hook import NO_SETTINGS
from snapstore.ids import object_id
from snapstore.trees.names import key_of


def approve(repository: Repository, configuration: Configuration) -> None:
    """Allow what a configuration asks for. Raises GitUnusable."""
    digest = _digest(configuration)
    if not _is_harmless(repository, configuration) and digest not in _allowed(repository):
        repository.add(ALLOWED, digest)


def check_approved(repository: Repository, configuration: Configuration) -> None:
    """Raise CannotFollow for a configuration that asks for what was not allowed."""
    if not _is_harmless(repository, configuration) and _digest(configuration) not in _allowed(repository):
        raise CannotFollow(
            f"'{configuration.file}' runs commands, or uses files outside the worktree, in a way that is new",
            "look at it; 'snap git install' allows it, and then 'snap git sync' switches",
        )


def _allowed(repository: Repository) -> list[str]:
    return repository.settings().get(ALLOWED, [])


def _is_harmless(repository: Repository, configuration: Configuration) -> bool:
    trees = [tree.path for tree in configuration.files.values()]
    paths = [*configuration.databases.values(), *trees, *filter(None, [configuration.store])]
    return not _commands(configuration) and all(map(repository.is_in_worktree, paths))


def _commands(configuration: Configuration) -> str:
    """Return what runs around a restore, as text; empty where that is nothing."""
    return "" if configuration.hooks == NO_SETTINGS else repr(configuration.hooks)


def _digest(configuration: Configuration) -> str:
    """Return a hash of what a configuration runs and uses, relative to its folder, since each worktree has its own."""
    folder = os.path.dirname(configuration.file or "")
    trees = [(key_of(name), tree.path) for name, tree in configuration.files.items()]
    named = sorted((*configuration.databases.items(), *trees, ("store=", configuration.store or folder)))
    relative = [(name, os.path.relpath(path, folder)) for name, path in named]
    parts = [_commands(configuration).replace(folder, ""), *relative]
    return object_id(storable(repr(parts)).encode()).hex()
