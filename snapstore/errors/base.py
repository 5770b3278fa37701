"""`SnapError`, the base of every error that snapstore raises on purpose."""

from __future__ import annotations

import inspect
from typing import Any


class SnapError(Exception):
    """The base of every error that snapstore raises on purpose.

    A subclass has one cause. It keeps its facts in attributes named like the parameters of `__init__`, and makes its
    message from them. `code` names the cause for programs, `exit_code` is the status that `snap` ends with, and `hint`
    is one line about what to do, None if there is nothing useful to do.
    """

    code: str = "error"
    exit_code: int = 70
    hint: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the names of the facts, in the order in which `__init__` takes them."""
        return tuple(inspect.signature(cls).parameters)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the facts: `Exception` would pass the message to `__init__`."""
        return type(self), tuple(getattr(self, name) for name in self.fields()), vars(self)
