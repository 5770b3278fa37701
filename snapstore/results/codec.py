"""Results as JSON has them, and back.

A result is a dataclass, and the small values inside of it are NamedTuples. Both directions follow the types of their
fields, so no field can be lost on the way. A key is the name of its attribute, without the underscore that keeps it
from being a keyword of Python (`from_`). The values of rows are encoded as in values.py.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache
from inspect import Parameter, signature
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, cast

from snapstore.results.values import Row, Value, decode_row, decode_value, encode_row, encode_value

T = TypeVar("T")
Convert = Callable[[Any], Any]


class _Form(NamedTuple):
    """How values of one type are converted; None where they stay as they are."""

    encode: Convert | None = None
    decode: Convert | None = None


_AS_IT_IS = _Form()


def to_document(result: object) -> Any:
    """Return a result, or a list or dict with results in it, as JSON has it."""
    if is_record(type(result)):
        return _encode(type(result), result)
    if isinstance(result, (list, tuple)):
        return [to_document(one) for one in result]
    if isinstance(result, Mapping):
        return {str(name): to_document(one) for name, one in result.items()}
    return result


def from_document(kind: type[T], document: Any) -> T:
    """Return the result of a type that `to_document` was given. Raises ValueError where a key is missing.

    Keys that the type does not have are ignored: they are of a later version.
    """
    wanted: Any = kind
    decode = _form(wanted).decode
    return cast(T, decode(document) if decode else document)


def _encode(kind: Any, result: object) -> Any:
    encode = _form(kind).encode
    return encode(result) if encode else result


@cache
def _form(kind: Any) -> _Form:
    """Return the form of a type that a field may have. Raises TypeError for any other."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == Value:
        return _Form(encode_value, decode_value)
    if kind == Row:
        return _Form(encode_row, decode_row)
    if kind in (str, int, float, bool) or origin is typing.Literal:
        return _AS_IT_IS
    if origin in (types.UnionType, typing.Union):
        return _optional(arguments)
    if origin in (tuple, list):
        return _sequence(origin, _form(arguments[0]))
    if origin is Mapping:
        return _mapping(arguments[0], _form(arguments[1]))
    if is_record(kind):
        return _record(kind)
    raise TypeError(f"no JSON is known for {kind}")


def _optional(arguments: tuple[Any, ...]) -> _Form:
    (kind,) = (one for one in arguments if one is not type(None))
    encode, decode = _form(kind)
    return _Form(
        encode and (lambda value: None if value is None else encode(value)),
        decode and (lambda document: None if document is None else decode(document)),
    )


def _sequence(make: type, of: _Form) -> _Form:
    encode, decode = of
    return _Form(
        (lambda values: [encode(one) for one in values]) if encode else list,
        (lambda document: make(map(decode, document))) if decode else make,
    )


def _mapping(key: Any, of: _Form) -> _Form:
    encode, decode = of
    return _Form(
        (lambda values: {str(name): encode(one) for name, one in values.items()}) if encode else _with_names_as_text,
        lambda document: {key(name): decode(one) if decode else one for name, one in document.items()},
    )


def _with_names_as_text(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): one for name, one in values.items()} if values else {}


def is_record(kind: Any) -> bool:
    """Tell whether a type has named fields: it is a dataclass or a NamedTuple."""
    return isinstance(kind, type) and (is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields")))


def fields_of(kind: Any) -> dict[str, Any]:
    """Return the fields of such a type in order, with the type of each."""
    return typing.get_type_hints(kind)


def _record(kind: Any) -> _Form:
    forms = [(name, name.removesuffix("_"), _form(type_)) for name, type_ in fields_of(kind).items()]
    keys = [(name, key) for name, key, _ in forms]
    encoders = [(key, form.encode) for _, key, form in forms if form.encode]
    decoders = [(name, form.decode) for name, _, form in forms if form.decode]
    needed = {one.name for one in signature(kind).parameters.values() if one.default is Parameter.empty}
    documented = tuple(key for _, key in keys)
    values_of = _values_of([name for name, _ in keys])

    def encode(result: Any) -> dict[str, Any]:
        document = dict(zip(documented, values_of(result), strict=True))
        for key, encode_one in encoders:
            document[key] = encode_one(document[key])
        return document

    def decode(document: Mapping[str, Any]) -> Any:
        values = {name: document[key] for name, key in keys if key in document}
        for name, decode_one in decoders:
            if name in values:
                values[name] = decode_one(values[name])
        if len(values) < len(keys) and (missing := [key for name, key in keys if name in needed - values.keys()]):
            raise ValueError(f"{kind.__name__} has no '{missing[0]}'")
        return kind(**values)

    return _Form(encode, decode)


def _values_of(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads some attributes of an object."""
    if len(names) == 1:
        return lambda one: (getattr(one, names[0]),)
    return attrgetter(*names)
