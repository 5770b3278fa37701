"""Results made of what JSON has."""

from __future__ import annotations

import base64
import typing
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from snapstore.session.results.rows import Row


def build(kind: Any, document: Any) -> Any:
    """Make a value of a type from what JSON has; keys that a dataclass does not have are left out."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == Row:
        return {name: python_value(value) for name, value in document.items()}
    if origin is list:
        return [build(arguments[0], one) for one in document]
    if origin is dict:
        return {name: build(arguments[1], one) for name, one in document.items()}
    if type(None) in arguments:
        return None if document is None else build(arguments[0], document)
    if kind is str:
        return document or ""
    if hasattr(kind, "__dataclass_fields__"):
        return _build_dataclass(kind, document)
    return python_value(document)


def python_value(value: Any) -> Any:
    """Return a value of a row as Python has it."""
    if not isinstance(value, dict):
        return value
    if "blob" in value:
        return base64.b64decode(value["blob"])
    if "int" in value:
        return int(value["int"])
    if "float" in value:
        return float(value["float"])
    return value.get("text", value)


def _build_dataclass(kind: Any, document: dict[str, Any]) -> Any:
    values = {}
    for name, key, hint, required in _fields(kind):
        if required or key in document:
            values[name] = build(hint, document[key])
    return kind(**values)


@cache
def _fields(kind: Any) -> list[tuple[str, str, Any, bool]]:
    hints = typing.get_type_hints(kind)
    return [
        (one.name, one.name.rstrip("_"), hints[one.name], one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)
    ]
