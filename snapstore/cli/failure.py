"""Errors as a user reads them: one line, a hint where something helps, JSON where it was asked for."""

from __future__ import annotations

import json
import traceback
from contextlib import suppress
from typing import NamedTuple

import click
from click.exceptions import NoArgsIsHelpError

from snapstore.cli.options import color_of
from snapstore.cli.paint import style
from snapstore.cli.streams import write_lines
from snapstore.errors import OutOfMemory, SnapError
from snapstore.files import os_error
from snapstore.results.commands import with_program
from snapstore.signals import Asked, exit_code

USAGE, INTERNAL = 2, 70
BUG = "bug"
_NO_MEMORY = ("failed to map segment", "cannot allocate memory", "can't start new thread")


class Failure(NamedTuple):
    """What is printed about an error, and the exit code."""

    code: str
    message: str
    hint: str | None
    exit_code: int


def report(error: BaseException, arguments: list[str], program: str = "snap") -> int:
    """Print an error, with `program` in the commands of its hint; return the exit code."""
    if isinstance(error, NoArgsIsHelpError):
        write_lines(error.format_message().splitlines(), err=True)
        return USAGE
    failure = _failure_of(error)
    failure = failure._replace(hint=failure.hint and with_program(failure.hint, program))
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    with suppress(OSError):  # nobody can be told where standard error is full
        if failure.code == BUG:
            lines = "".join(traceback.format_exception(error)).splitlines()  # a report of the bug needs them
            write_lines(lines, err=True)
        _print(failure, own)
    return failure.exit_code


def _print(failure: Failure, arguments: list[str]) -> None:
    if "--json" in arguments:
        document = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        with suppress(OSError):
            write_lines(json.dumps({"error": document}, indent=2).split("\n"))
            return
    lines = [f"{style('Error:', fg='red', bold=True)} {failure.message}"]
    lines += [f"Hint: {failure.hint}"] if failure.hint else []
    write_lines(lines, err=True, color=_color(arguments))


def _failure_of(error: BaseException) -> Failure:
    if isinstance(error, OSError):
        error = os_error(error.filename or "standard output", error)
    if isinstance(error, MemoryError) or any(text in str(error).lower() for text in _NO_MEMORY):
        error = OutOfMemory(str(error) or "allocation failed")
    if isinstance(error, SnapError):
        return Failure(error.code, str(error), error.hint, error.exit_code)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return Failure("interrupted", "interrupted", None, exit_code())
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"'{context.command_path} --help' shows how" if context else None
        return Failure("usage", error.format_message().rstrip("."), hint, USAGE)
    if Asked.number:  # code that an interrupt met may turn it into another error, as an import does
        return Failure("interrupted", "interrupted", None, exit_code())
    return Failure(BUG, f"internal error: {error!r}", "please report it with the lines above", INTERNAL)


def _color(arguments: list[str]) -> bool | None:
    """Read --color once more: the error may be one of reading the options."""
    words = " ".join(arguments).replace("--color=", "--color ")
    chosen = next((choice for choice in ("always", "never") if f"--color {choice}" in words), "auto")
    return color_of(chosen)
