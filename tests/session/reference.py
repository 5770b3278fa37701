"""The methods of docs/session.md, written from the code: `python -m tests.session.reference` brings it up to date."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from snapstore import Session
from snapstore.errors import SnapError
from snapstore.session import results, server  # noqa: F401 - the server knows all methods
from snapstore.session.failures import SessionError
from snapstore.session.methods import METHODS, Method
from snapstore.session.parameters import Parameter
from snapstore.session.results import rows, sessions, snapshots, states, suites

DOCUMENT = Path(__file__).parents[2] / "docs" / "session.md"
BEGIN, END = "<!-- methods: from the code -->\n", "<!-- end of methods -->\n"
ORDER = (
    *("tag", "backup", "restore", "undo", "reset", "status", "verify", "diff", "clean", "query", "log", "tags"),
    *("show", "export", "begin_suite", "begin_test", "end_test", "end_suite", "info", "release", "shutdown"),
)
OTHERWISE = {
    "release": "`released`: the names of the databases",
    "shutdown": "`suite_left_open`: whether a suite was running, which the next one repairs",
}


def reference() -> str:
    """Return the part of the document that the code says."""
    assert sorted(ORDER) == sorted(METHODS)
    lines = [line for name in ORDER for line in _method(METHODS[name])]
    return "\n".join([*lines, *_records(), *_errors(), ""])


def _method(method: Method) -> Iterator[str]:
    yield f"### {method.name}\n\n{method.help}\n"
    if method.parameters:
        yield "| parameter | is | default | |\n|---|---|---|---|"
        yield from map(_parameter, method.parameters)
        yield ""
    yield f"Result: {_result(method.name)}.\n"


def _parameter(one: Parameter) -> str:
    default = "required" if one.required else f"`{_json(one.default)}`"
    return f"| `{one.name}` | {one.kind.name} | {default} | {one.help} |"


def _json(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return {None: "null", True: "true", False: "false", (): "[]"}[value] if type(value) is not int else str(value)


def _result(name: str) -> str:
    if name in OTHERWISE:
        return OTHERWISE[name]
    kind = typing.get_type_hints(getattr(Session, name))["return"]
    said = f"[{_type(kind)}](#results)"
    return f"{said}; with `delete` [`Deleted`](#results)" if name == "backup" else said


def _records() -> Iterator[str]:
    yield "## Results\n"
    yield "The names are those of the Python client's classes, in `snapstore.session.results`; the members are JSON's."
    for module in (rows, snapshots, states, suites, sessions):
        for kind in (one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__):
            yield f"\n**{kind.__name__}**: {' '.join((inspect.getdoc(kind) or '').split())}\n"
            hints = typing.get_type_hints(kind)
            yield ", ".join(f"`{one.name.rstrip('_')}` {_type(hints[one.name])}" for one in fields(kind))
    yield ""


def _type(kind: Any) -> str:
    arguments = typing.get_args(kind)
    if kind == results.Row:
        return "values by column"
    if isinstance(kind, types.UnionType):
        return f"{_type(arguments[0])} or null"
    if typing.get_origin(kind) is list:
        return f"list of {_type(arguments[0])}"
    if typing.get_origin(kind) is dict:
        return f"{_type(arguments[1])} by name"
    if kind is Any:
        return "value"
    words = {str: "text", int: "number", float: "number", bool: "flag"}
    return words.get(kind) or f"`{kind.__name__}`"


def _errors() -> Iterator[str]:
    yield "## Errors\n\n| `code` | `exit_code` | `fields` | |\n|---|---|---|---|"
    for kind in sorted(_kinds(SnapError), key=lambda one: (one.exit_code, one.code, one.__name__)):
        names = ", ".join(f"`{name}`" for name in kind.__annotations__) if "__annotations__" in vars(kind) else ""
        said = " ".join((kind.__doc__ or "").split())
        yield f"| `{kind.code}` | {kind.exit_code} | {names} | {said} |"


def _kinds(base: type[SnapError]) -> set[type[SnapError]]:
    own = {
        kind
        for kind in base.__subclasses__()
        if kind.__module__ in ("snapstore.errors", "snapstore.refusals") and kind is not SessionError
    }
    return own | {below for kind in own for below in _kinds(kind)}


def main() -> None:
    """Write the document anew."""
    text = DOCUMENT.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(before + BEGIN + "\n" + reference() + END + after, "utf-8")


if __name__ == "__main__":
    main()
