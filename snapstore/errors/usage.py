"""Arguments that a verb cannot have: exit code 2."""

from __future__ import annotations

from snapstore.errors.base import SnapError


class InvalidArgument(SnapError):
    """An argument of a verb has a value that the verb cannot use."""

    code = "usage"
    exit_code = 2

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"'{name}' {problem}")
        self.name = name
        self.problem = problem
