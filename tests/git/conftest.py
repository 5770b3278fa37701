"""A repository with the hook, and one without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git.worktree import Worktree


@pytest.fixture
def plain(tmp_path: Path) -> Worktree:
    """Return a repository in which nothing is installed."""
    return Worktree.create(tmp_path / "repository")


@pytest.fixture
def hooked(plain: Worktree) -> Worktree:
    """Return a repository with the hook."""
    plain.install()
    return plain


@pytest.fixture
def synced(plain: Worktree) -> Worktree:
    """Return a repository whose databases follow when `sync` is called."""
    return plain.without_hook()
