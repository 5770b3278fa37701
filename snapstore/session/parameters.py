"""Parameters of a session's methods: how they are declared, and how what came is bound to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from snapstore.records import Record
from snapstore.session.protocol import INVALID_PARAMS, Fault


class Kind(Record):
    """A kind of value: its name, and what to say where it is not met."""

    name: str
    wanted: str

    def accepts(self, value: Any) -> bool:
        """Tell whether a value is of this kind."""
        return _ACCEPTED[self.name](value)


class Parameter(Record):
    """A parameter; `default` counts where none is given and it is not required."""

    name: str
    kind: Kind
    help: str
    default: Any = None
    required: bool = False


TEXT = Kind("text", "text without NUL")
FLAG = Kind("flag", "true or false")
COUNT = Kind("count", "a whole number of at least zero")
SECONDS = Kind("seconds", "a number of at least zero")
NAMES = Kind("names", "a list of texts")
WORDS = Kind("words", "an object of texts")


def bind(parameters: tuple[Parameter, ...], given: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    """Return all parameters by name; a null is as good as nothing. Raises Fault."""
    if isinstance(given, list):
        if len(given) > len(parameters):
            raise Fault(INVALID_PARAMS, f"{len(given)} parameters, at most {len(parameters)} are known")
        given = dict(zip([one.name for one in parameters], given, strict=False))
    known = {one.name for one in parameters}
    for name in given:
        if name not in known:
            raise Fault(INVALID_PARAMS, f"no parameter '{name}', only {', '.join(sorted(known)) or 'none at all'}")
    return {one.name: _value(one, given.get(one.name)) for one in parameters}


def _value(parameter: Parameter, value: Any) -> Any:
    if value is None:
        if parameter.required:
            raise Fault(INVALID_PARAMS, f"'{parameter.name}' is missing")
        return parameter.default
    if not parameter.kind.accepts(value):
        raise Fault(INVALID_PARAMS, f"'{parameter.name}' has to be {parameter.kind.wanted}")
    return tuple(value) if parameter.kind is NAMES else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


_ACCEPTED: dict[str, Callable[[Any], bool]] = {
    "text": _is_text,
    "flag": lambda value: isinstance(value, bool),
    "count": lambda value: _is_number(value) and isinstance(value, int) and value < 1 << 63,
    "seconds": _is_number,
    "names": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "words": lambda value: isinstance(value, dict) and all(_is_text(one) for pair in value.items() for one in pair),
}
