"""The methods of docs/session.md, written from the code: `python -m tests.session.reference` brings it up to date."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snapstore import errors
from snapstore.errors import DatabaseUnusable, Refused, SnapError
from snapstore.results import (
    against,
    answers,
    applies,
    checks,
    cleans,
    diffs,
    files,
    findings,
    hooks,
    kept,
    leaks,
    names,
    prunes,
    remotes,
    reports,
    restores,
    rows,
    sessions,
    snapshots,
    statuses,
    stores,
    suites,
    verdicts,
)
from snapstore.results.codec import fields_of
from snapstore.results.values import Row, Value
from snapstore.session.methods import METHODS, Method
from snapstore.session.parameters import Parameter

DOCUMENT = Path(__file__).parents[2] / "docs" / "session.md"
BEGIN, END = "<!-- methods: from the code -->\n", "<!-- end of methods -->\n"
MODULES = (
    *(
        rows,
        files,
        leaks,
        against,
        hooks,
        kept,
        snapshots,
        names,
        restores,
        statuses,
        verdicts,
        diffs,
        cleans,
        applies,
        answers,
    ),
    *(prunes, stores, checks, findings, suites, reports, remotes, sessions),
)


def reference() -> str:
    """Return the part of the document that the code says."""
    lines = [line for method in METHODS.values() for line in _method(method)]
    return "\n".join([*lines, *_records(), *_errors(), ""])


def _method(method: Method) -> Iterator[str]:
    yield f"### {method.name}\n\n{method.help}\n"
    if method.parameters:
        yield "| parameter | is | default | |\n|---|---|---|---|"
        yield from map(_parameter, method.parameters)
        yield ""
    kind = typing.get_type_hints(method.verb)["return"]
    yield f"Result: [{_type(kind)}](#results).\n"


def _parameter(one: Parameter) -> str:
    default = "required" if one.required else f"`{_json(one.default)}`"
    return f"| `{one.name}` | {one.kind.name} | {default} | {one.help} |"


def _json(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return {None: "null", True: "true", False: "false", (): "[]"}[value] if type(value) is not int else str(value)


def _records() -> Iterator[str]:
    yield "## Results\n"
    yield "The names are those of the classes in `snapstore.results`, whose attributes are the members of JSON."
    for module in MODULES:
        for kind in (
            one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__
        ):
            yield f"\n**{kind.__name__}**: {' '.join((inspect.getdoc(kind) or '').split())}\n"
            yield ", ".join(f"`{name.rstrip('_')}` {_type(type_)}" for name, type_ in fields_of(kind).items())
    yield ""


def _type(kind: Any) -> str:
    arguments = typing.get_args(kind)
    if kind == Row:
        return "values by column"
    if kind == Value:
        return "value"
    if isinstance(kind, types.UnionType):
        return f"{_type(arguments[0])} or null"
    if typing.get_origin(kind) in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if typing.get_origin(kind) is Mapping:
        return f"{_type(arguments[1])} by name"
    words = {str: "text", int: "number", float: "number", bool: "flag"}
    return words.get(kind) or f"`{kind.__name__}`"


def _errors() -> Iterator[str]:
    yield "## Errors\n\n| `code` | `exit_code` | `fields` | |\n|---|---|---|---|"
    for kind in sorted(_kinds(), key=lambda one: (one.exit_code, one.code, one.__name__)):
        names = ", ".join(f"`{name}`" for name in kind.fields())
        said = " ".join((kind.__doc__ or "").split())
        yield f"| `{kind.code}` | {kind.exit_code} | {names} | {said} |"


def _kinds() -> set[type[SnapError]]:
    found = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SnapError)}
    return found - {SnapError, Refused, DatabaseUnusable}


def main() -> None:
    """Rewrite the document."""
    text = DOCUMENT.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(before + BEGIN + "\n" + reference() + END + after, "utf-8")


if __name__ == "__main__":
    main()
