"""All classes of results, and values of them made up by hypothesis."""

from __future__ import annotations

import pkgutil
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from hypothesis import strategies as st

from snapstore import results
from snapstore.database.record import ENCODINGS, decode_text
from snapstore.results.codec import fields_of, is_record
from snapstore.results.long_value import LongValue
from snapstore.results.values import Row, Value

TEXT = st.text(max_size=8) | st.builds(
    decode_text, st.binary(max_size=8), st.sampled_from(sorted(set(ENCODINGS.values())))
)
VALUES: st.SearchStrategy[Value] = (
    st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats() | TEXT | st.binary(max_size=8)
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(1 << 53), 1 << 53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
}


def kinds() -> list[type]:
    """Return every class of `snapstore.results`."""
    found = []
    for module in pkgutil.iter_modules(results.__path__, f"{results.__name__}."):
        found += [one for one in vars(import_module(module.name)).values() if _is_of(one, module.name)]
    return found


def _is_of(one: object, module: str) -> bool:
    """Tell whether something is a public class of a module; a LongValue is a value of a row."""
    if not isinstance(one, type) or one is LongValue:
        return False
    return is_record(one) and one.__module__ == module and not one.__name__.startswith("_")


def made_up(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a type that a field may have."""
    arguments = typing.get_args(kind)
    if kind == Value:
        return VALUES
    if kind == Row:
        return st.dictionaries(TEXT, VALUES, max_size=3)
    if is_record(kind):
        make = typing.cast("Callable[..., Any]", kind)
        return st.builds(make, **{name: made_up(type_) for name, type_ in fields_of(kind).items()})
    if kind in _SCALARS:
        return _SCALARS[kind]
    if typing.get_origin(kind) is tuple:
        return st.lists(made_up(arguments[0]), max_size=3).map(tuple)
    if typing.get_origin(kind) is Mapping:
        return st.dictionaries(made_up(arguments[0]), made_up(arguments[1]), max_size=3)
    return st.one_of(*map(made_up, arguments))
