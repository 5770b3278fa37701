"""The program's entry point: runs a command line, and turns every error into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
from click.shell_completion import shell_complete

from snapstore.cli import streams
from snapstore.cli.context import Context
from snapstore.cli.options import color_of
from snapstore.cli.program import cli
from snapstore.signals import Asked, exit_code, raise_on_signals

BROKEN_PIPE = 141  # 128 and SIGPIPE: what a shell reports for programs that end on the signal


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and end the process with its exit code."""
    try:
        raise_on_signals()
        status = _status(list(sys.argv[1:] if arguments is None else arguments))
        Asked.is_over = True
    except KeyboardInterrupt:  # it came again while it was being reported, or as the command had just ended
        Asked.is_over = True
        status = exit_code()
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    streams.prepare()
    try:
        status = run(arguments)
    except BrokenPipeError:  # the reader closed the pipe, as in `snap log | head`
        status = BROKEN_PIPE
    return _finished(status, arguments)


def _finished(status: int, arguments: list[str]) -> int:
    """Write what the streams still hold; return the exit code, which a full disk changes."""
    try:
        streams.finish()
    except BrokenPipeError:
        streams.give_up()
        return BROKEN_PIPE
    except OSError as error:
        streams.give_up()
        if not status:
            from snapstore.cli.failure import report

            return report(error, arguments)
    return status


def run(arguments: list[str]) -> int:
    """Run the command that was asked for and report an error; return the exit code. Raises BrokenPipeError."""
    given = Context()
    try:
        program = program_name()
        variable = completion_variable(program)
        if instruction := os.environ.get(variable):  # a shell asks for completions
            from snapstore.cli.bash import register

            register()
            return shell_complete(cli, {}, program, variable, instruction)
        with cli.make_context(program, list(arguments), obj=given, color=color_of("auto")) as context:
            return int(cli.invoke(context) or 0)
    except click.exceptions.Exit as ended:  # after --help and --version
        return ended.exit_code
    except BrokenPipeError:
        raise
    except BaseException as error:  # noqa: BLE001 - the last place that can report it
        from snapstore.cli.failure import report

        return report(error, arguments, given.program)


def program_name() -> str:
    """Return the name this program was started under."""
    name = os.path.basename(sys.argv[0])
    return "python -m snapstore" if name == "__main__.py" else name or "snap"


def completion_variable(program: str) -> str:
    """Return the environment variable that a completion script sets, as click names it."""
    return f"_{program.replace('-', '_').replace('.', '_')}_COMPLETE".upper()
