"""The methods of a session: a table of names, parameters and functions. verbs.py and suites.py fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snapstore.records import Record
from snapstore.session.parameters import SECONDS, Parameter, bind
from snapstore.session.protocol import METHOD_NOT_FOUND, Fault, Request
from snapstore.session.workplace import Workplace

Function = Callable[..., Any]
TIMEOUT = Parameter("timeout", SECONDS, "how long to wait for locks, in place of the configuration's")


class Method(Record):
    """A method; its function takes the workplace and the parameters, and returns what JSON has."""

    name: str
    parameters: tuple[Parameter, ...]
    function: Function

    @property
    def help(self) -> str:
        """What the function says it does."""
        return " ".join((self.function.__doc__ or "").split())


METHODS: dict[str, Method] = {}


def method(name: str, *parameters: Parameter) -> Callable[[Function], Function]:
    """Enter a function into the table."""

    def enter(function: Function) -> Function:
        METHODS[name] = Method(name, parameters, function)
        return function

    return enter


def perform(workplace: Workplace, request: Request) -> Any:
    """Do a request. Raises Fault, and what its method raises."""
    found = METHODS.get(request.method)
    if found is None:
        raise Fault(METHOD_NOT_FOUND, f"no method '{request.method}'")
    values = bind(found.parameters, request.params)
    workplace.begin(values.get(TIMEOUT.name))
    return found.function(workplace, **values)
