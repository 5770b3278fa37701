"""The methods of a session: the verbs and `shutdown`, derived from the protocol that the verbs follow."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from snapstore.api.verbs import Verbs
from snapstore.results.codec import to_document
from snapstore.results.sessions import ShutDown
from snapstore.session.facade import SessionFacade
from snapstore.session.parameters import Parameter, bind, parameters_of
from snapstore.session.protocol import METHOD_NOT_FOUND, Fault, Request


class SessionVerbs(Verbs, Protocol):
    """What a session can do: all verbs, and end."""

    def shutdown(self) -> ShutDown:
        """End the session, after this response; closing standard input does the same."""


class Method(NamedTuple):
    """A method: its name in requests, its verb, the verb's parameters; `several` is the one of any number of texts."""

    name: str
    verb: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    several: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """What the verb does."""
        return " ".join((inspect.getdoc(self.verb) or "").split())

    def call(self, facade: SessionFacade, values: dict[str, Any]) -> Any:
        """Do the verb with values for all parameters; return its result."""
        positional = [value for name in self.several for value in values.pop(name)]
        return getattr(facade, self.verb.__name__)(*positional, **values)


def _methods() -> dict[str, Method]:
    verbs = [verb for kind in (Verbs, SessionVerbs) for name, verb in vars(kind).items() if not name.startswith("_")]
    names = [(verb.__name__.removesuffix("_"), verb) for verb in verbs]
    return {name: Method(name, verb, parameters_of(verb), _several(verb)) for name, verb in names}


def _several(verb: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(verb).parameters.values()
    return tuple(one.name for one in parameters if one.kind is one.VAR_POSITIONAL)


METHODS = _methods()


def perform(facade: SessionFacade, request: Request) -> Any:
    """Do a request; return its result as JSON has it. Raises Fault, and what its verb raises."""
    found = METHODS.get(request.method)
    if found is None:
        raise Fault(METHOD_NOT_FOUND, f"no method '{request.method}'")
    values = bind(found.parameters, request.params)
    facade.begin(request.method, values)
    return to_document(found.call(facade, values))
