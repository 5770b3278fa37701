"""Errors of a Git repository and its hooks."""

from __future__ import annotations

from snapstore.errors.refused import Refused


class GitUnusable(Refused):
    """Git, or the repository, cannot be asked."""

    code = "git-unusable"
    hint = "'git status' in that folder shows whether Git can use it"

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(f"cannot ask Git in '{folder}': {reason}")
        self.folder = folder
        self.reason = reason


class CannotFollow(Refused):
    """The databases cannot follow the branches of the repository."""

    code = "cannot-follow"
    hint = "'snap git status' shows where it stands"

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(f"cannot follow branches: {reason}")
        self.reason = reason
        self.hint = hint or self.hint
