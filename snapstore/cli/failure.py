"""Errors as a user reads them: one line, a hint where something helps, JSON where it was asked for."""

from __future__ import annotations

import json
import os
import sys
import traceback

import click

from snapstore.cli.hints import hint_for
from snapstore.errors import FileError, SnapError
from snapstore.files import os_error

USAGE, INTERRUPTED, BUG = 2, 130, 70


def report(error: BaseException, arguments: list[str]) -> int:
    """Print an error; return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _say(arguments, "interrupted", "interrupted", None, INTERRUPTED)
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"'{context.command_path} --help' shows how" if context else None
        return _say(arguments, "usage", error.format_message().rstrip("."), hint, USAGE)
    if isinstance(error, OSError):
        error = os_error(error.filename or "?", error)
        assert isinstance(error, SnapError)
    if isinstance(error, SnapError):
        return _say(arguments, error.code, str(error), hint_for(error), error.exit_code)
    if isinstance(error, (MemoryError, RecursionError)):
        failed = FileError("memory", "not enough of it")
        return _say(arguments, failed.code, str(failed), None, failed.exit_code)
    traceback.print_exception(error)  # a bug of ours, and the trace is what a report of it needs
    return _say(arguments, "bug", f"internal error: {error!r}", "please report it with the lines above", BUG)


def _say(arguments: list[str], code: str, message: str, hint: str | None, status: int) -> int:
    if _wants_json(arguments):
        document = {"error": {"code": code, "message": message, "hint": hint}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        sys.stdout.flush()
    else:
        colored = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        label = click.style("Error:", fg="red", bold=True) if colored else "Error:"
        sys.stderr.write(f"{label} {message}\n")
        if hint:
            sys.stderr.write(f"Hint: {hint}\n")
    return status


def _wants_json(arguments: list[str]) -> bool:
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own
