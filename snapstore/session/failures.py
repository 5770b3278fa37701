"""Errors that crossed the line, rebuilt by the client from their code and fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snapstore import errors
from snapstore.errors import SnapError


class SessionError(SnapError):
    """A request that the session rejected, or an error of a kind that this version does not know."""

    def __init__(self, message: str, hint: str | None = None, code: str = "usage", exit_code: int = 2) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
        self.exit_code = exit_code


_KINDS: dict[tuple[str, frozenset[str]], Callable[..., SnapError]] = {
    (kind.code, frozenset(kind.fields())): kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, SnapError)
}


def error_of(answer: dict[str, Any]) -> SnapError:
    """Return the error in an answer: of its own class where one has its code and fields, else a SessionError."""
    data = answer.get("data") or {}
    code, fields = data.get("code", "usage"), data.get("fields") or {}
    kind = _KINDS.get((code, frozenset(fields)))
    if kind is None:
        return SessionError(answer.get("message", ""), data.get("hint"), code, data.get("exit_code", 2))
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
