"""A verb that a child process does: the signature is that of the verb, the result is rebuilt from JSON."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from snapstore.api.verbs import PathLike, Verbs
from snapstore.results.codec import from_document
from snapstore.session.parameters import without_none

P = ParamSpec("P")
T = TypeVar("T")


class Caller(Protocol):
    """What sends requests; `timeout` counts for verbs that take one and are given none."""

    timeout: float | None

    def call(self, method: str, **parameters: Any) -> Any:
        """Do a method; return its result as JSON has it."""


def remote(verb: Callable[Concatenate[Verbs, P], T]) -> Callable[Concatenate[Caller, P], T]:
    """Return a method that has the verb done, with the verb's signature and documentation."""
    signature = inspect.signature(verb)
    name = verb.__name__.removesuffix("_")

    @wraps(verb)
    def method(caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = signature.bind(caller, *args, **kwargs).arguments
        hints = _hints(verb)
        parameters = dict(_parameters(given, hints))
        if "timeout" in hints and caller.timeout is not None:
            parameters.setdefault("timeout", caller.timeout)
        result: T = from_document(hints["return"], caller.call(name, **parameters))
        return result

    return method


def _parameters(given: Mapping[str, Any], hints: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield arguments as JSON has them: paths absolute, since the child may be in another folder, and no defaults."""
    for name, value in given.items():
        if name == "self" or value is None:
            continue
        if without_none(hints[name]) == PathLike:
            yield name, os.path.abspath(value)
        elif isinstance(value, Mapping):
            yield name, dict(value)
        else:
            yield name, [value] if isinstance(value, str) and _is_several(hints[name]) else value


def _is_several(hint: Any) -> bool:
    return typing.get_origin(hint) is Sequence


@cache
def _hints(verb: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(verb)
