"""Parameters of a session's methods, derived from the signatures of the verbs, and bound to what a request gives."""

from __future__ import annotations

import inspect
import operator
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, NamedTuple

from snapstore.api.verbs import PathLike
from snapstore.locks import MOST_SECONDS, is_seconds
from snapstore.session.protocol import INVALID_PARAMS, Fault


class Kind(NamedTuple):
    """A kind of value: its name, what to say about any other, and the check."""

    name: str
    wanted: str
    accepts: Callable[[Any], bool]


class Parameter(NamedTuple):
    """A parameter; `default` counts where none is given and it is not required."""

    name: str
    kind: Kind
    help: str
    default: Any = None
    required: bool = False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and is_seconds(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_texts_by_text(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(one) for pair in value.items() for one in pair)


TEXT = Kind("text", "text without NUL", _is_text)
FLAG = Kind("flag", "true or false", lambda value: isinstance(value, bool))
COUNT = Kind("count", "a whole number of at least zero", _is_count)
SECONDS = Kind("seconds", f"a number from 0 to {MOST_SECONDS:.0f}", _is_seconds)
SECONDS_OR_AUTO = Kind(
    "seconds or text",
    f"a number from 0 to {MOST_SECONDS:.0f}, or auto",
    lambda value: _is_seconds(value) or value == "auto",
)
NAMES = Kind("names", "a list of texts", _is_texts)
WORDS = Kind("words", "an object of texts", _is_texts_by_text)
_KINDS: dict[Any, Kind] = {
    str: TEXT,
    PathLike: TEXT,
    bool: FLAG,
    int: COUNT,
    float: SECONDS,
    float | str: SECONDS_OR_AUTO,
    Sequence[str]: NAMES,
    Mapping[str, str]: WORDS,
}


def parameters_of(verb: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the parameters of a verb; any number of texts in order is a list of them."""
    hints = typing.get_type_hints(verb, include_extras=True)
    return tuple(_parameters(inspect.signature(verb), hints))


def _parameters(signature: inspect.Signature, hints: Mapping[str, Any]) -> Iterator[Parameter]:
    for name, one in signature.parameters.items():
        if name == "self":
            continue
        assert typing.get_origin(hints[name]) is Annotated, f"parameter '{name}' has no help"
        kind, text = typing.get_args(hints[name])[:2]
        if one.kind is one.VAR_POSITIONAL:
            yield Parameter(name, NAMES, text, required=True)
        else:
            required = one.default is one.empty
            yield Parameter(name, _KINDS[without_none(kind)], text, None if required else one.default, required)


def without_none(hint: Any) -> Any:
    """Return the type of the values of an optional parameter, any other type as it is."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    return reduce(operator.or_, (one for one in typing.get_args(hint) if one is not type(None)))


def bind(parameters: tuple[Parameter, ...], given: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    """Return all parameters by name; null means the default. Raises Fault."""
    if isinstance(given, list):
        if len(given) > len(parameters):
            raise Fault(INVALID_PARAMS, f"{len(given)} parameters given, at most {len(parameters)} are known")
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
        raise Fault(INVALID_PARAMS, f"'{parameter.name}' must be {parameter.kind.wanted}")
    return tuple(value) if parameter.kind is NAMES else value
