"""Errors as a user reads them: one line, a hint where something helps, JSON where it was asked for."""

from __future__ import annotations

import json
import os
import sys
import traceback

import click
from click.exceptions import NoArgsIsHelpError

from snapstore.cli.hints import hint_for
from snapstore.cli.output import one_line
from snapstore.errors import SnapError
from snapstore.files import os_error

USAGE, INTERRUPTED, BUG = 2, 130, 70


def report(error: BaseException, arguments: list[str]) -> int:
    """Print an error; return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _say(arguments, "interrupted", "interrupted", None, INTERRUPTED)
    if isinstance(error, NoArgsIsHelpError):
        sys.stderr.write(error.format_message() + "\n")
        return USAGE
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"'{context.command_path} --help' shows how" if context else None
        return _say(arguments, "usage", error.format_message().rstrip("."), hint, USAGE)
    if isinstance(error, OSError):
        error = os_error(error.filename or "?", error)
        assert isinstance(error, SnapError)
    if isinstance(error, SnapError):
        return _say(arguments, error.code, str(error), hint_for(error), error.exit_code)
    traceback.print_exception(error)  # a bug of ours, and the trace is what a report of it needs
    return _say(arguments, "bug", f"internal error: {error!r}", "please report it with the lines above", BUG)


def _say(arguments: list[str], code: str, message: str, hint: str | None, status: int) -> int:
    if _wants_json(arguments):
        document = {"error": {"code": code, "message": message, "hint": hint}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        sys.stdout.flush()
    else:
        label = click.style("Error:", fg="red", bold=True) if _colored(arguments) else "Error:"
        sys.stderr.write(f"{label} {one_line(message)}\n")
        if hint:
            sys.stderr.write(f"Hint: {one_line(hint)}\n")
    return status


def _own(arguments: list[str]) -> list[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _wants_json(arguments: list[str]) -> bool:
    return "--json" in _own(arguments)


def _colored(arguments: list[str]) -> bool:
    """Read --color once more: the error may be one of parsing the options."""
    said = " ".join(_own(arguments)).replace("--color=", "--color ")
    if "--color always" in said or "--color never" in said:
        return "--color always" in said
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
