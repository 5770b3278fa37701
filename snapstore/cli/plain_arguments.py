"""Reads everyday command lines without click, whose import takes longer than a small restore.

Plain are a command's name, words, and options in full, each followed by its value or joined to it by `=`. Of
everything else, and of every mistake, nothing is made here: click reads it, and says what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from snapstore.cli.options import GLOBAL_OPTIONS, Globals
from snapstore.cli.parameters import Parameter
from snapstore.cli.places import Places
from snapstore.cli.verbs import NAMES, load
from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from snapstore.cli.command import Verb


class Plain(Record):
    """A command line that was understood."""

    verb: Verb
    options: Globals
    places: Places
    values: dict[str, Any]


class _NotPlainError(Exception):
    """Somebody else has to read this."""


def read(arguments: Sequence[str], before_loading: Callable[[str, Places], None] = lambda *_: None) -> Plain | None:
    """Return what was asked for, None where it takes click to say.

    `before_loading` is told the command's name, and the places, before the command's modules are imported.
    """
    if any(name.startswith("_") and name.endswith("_COMPLETE") for name in os.environ):  # a shell asks, not a user
        return None
    try:
        return _read(arguments, before_loading)
    except (_NotPlainError, ValueError):
        return None


def _read(arguments: Sequence[str], before_loading: Callable[[str, Places], None]) -> Plain:
    options = Globals()
    words = list(_without_global(arguments, options))
    if not words or words[0] not in NAMES:
        raise _NotPlainError
    places = Places(options)
    before_loading(words[0], places)
    verb = load(words[0])
    return Plain(verb, options, places, _values(verb, words[1:]))


def _without_global(arguments: Sequence[str], options: Globals) -> Iterator[str]:
    """Set the global options, which may stand before or after the command's name; yield everything else."""
    known = _spelled(GLOBAL_OPTIONS)
    tokens = iter(arguments)
    name_seen = False
    for token in tokens:
        if token.startswith("-") and (token.partition("=")[0] in known or not name_seen):
            parameter, value = _option(token, tokens, known)
            setattr(options, parameter.name, value)
        else:
            name_seen = True
            yield token


def _values(verb: Verb, words: list[str]) -> dict[str, Any]:
    known = _spelled([parameter for parameter in verb.parameters if parameter.is_option])
    values = {parameter.name: parameter.absent for parameter in verb.parameters}
    tokens = iter(words)
    given = []
    for token in tokens:
        if not token.startswith("-"):
            given.append(token)
            continue
        parameter, value = _option(token, tokens, known)
        values[parameter.name] = (*values[parameter.name], value) if parameter.several else value
    values.update(_arguments(verb, given))
    return values


def _option(token: str, tokens: Iterator[str], known: dict[str, Parameter]) -> tuple[Parameter, Any]:
    """Read an option, with its value from the tokens behind it where it takes one."""
    spelling, joined, text = token.partition("=")
    parameter = known.get(spelling)
    if parameter is None or (joined and (parameter.is_flag or not spelling.startswith("--"))):
        raise _NotPlainError
    if parameter.is_flag:
        return parameter, True
    value = text if joined else next(tokens, "")
    if not value or value.startswith("-"):
        raise _NotPlainError
    return parameter, parameter.type.read(value)


def _arguments(verb: Verb, words: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the arguments that were given, by name."""
    arguments = [parameter for parameter in verb.parameters if not parameter.is_option]
    if len(words) > len(arguments) or "" in words or any(parameter.several for parameter in arguments):
        raise _NotPlainError
    for number, parameter in enumerate(arguments):
        if number < len(words):
            yield parameter.name, parameter.type.read(words[number])
        elif parameter.required:
            raise _NotPlainError


def _spelled(parameters: Iterable[Parameter]) -> dict[str, Parameter]:
    return {spelling: parameter for parameter in parameters for spelling in parameter.spellings}
