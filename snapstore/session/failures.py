"""Errors that came over the line, made anew from their code and fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snapstore import errors, refusals  # noqa: F401 - so that all classes there are known
from snapstore.errors import SnapError
from snapstore.records import annotated


class SessionError(SnapError):
    """A request that was not understood, or an error of a kind that this version does not know."""

    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return self.message


def error_of(said: dict[str, Any]) -> SnapError:
    """Return the error that an answer tells of: of the class it had, where there is one of its code and fields."""
    data = said.get("data") or {}
    code, fields = data.get("code"), data.get("fields") or {}
    for kind in _kinds(SnapError):
        if kind.code == code and set(annotated(kind)) == set(fields):
            return kind(**{name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()})
    error = SessionError(said.get("message", ""), data.get("hint"))
    error.__dict__.update(code=code or "usage", exit_code=data.get("exit_code", 2))
    return error


def _kinds(base: type[SnapError]) -> Iterator[type[SnapError]]:
    for kind in base.__subclasses__():
        if kind is not SessionError:
            yield kind
        yield from _kinds(kind)
