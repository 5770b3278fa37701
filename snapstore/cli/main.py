"""The program `snap`: reads the command line, and turns every error into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

from snapstore.cli import plain_arguments
from snapstore.cli.reading_ahead import read_ahead

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program and end the process with its exit code."""
    gc.set_threshold(100_000)  # a start makes many objects and no garbage
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments
    status = 0
    try:
        status = _run(arguments) or 0
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # the reader had enough, as in `snap log | head`; click ends on it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except BaseException as error:  # noqa: BLE001 - the last place that can say it well
        from snapstore.cli.failure import report

        status = report(error, arguments)
    _end(status)


def _run(arguments: list[str]) -> int | None:
    """Run the command that was asked for; return its exit code, None for 0."""
    if plain := plain_arguments.read(arguments, read_ahead):
        code: int | None = plain.verb.run(plain.options, plain.values, plain.places)
        return code
    from snapstore.cli.program import cli

    code = cli.main(arguments, prog_name=_program(), standalone_mode=False)
    return code  # noqa: RET504 - its type is anything


def _end(status: int) -> NoReturn:
    """End at once: everything is closed, and taking the interpreter apart takes longer than a small command."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def _program() -> str:
    name = os.path.basename(sys.argv[0])
    return "python -m snapstore" if name == "__main__.py" else name or "snap"
