"""Commands in what is printed: under the program's name, with the options that lead to the same databases."""

from __future__ import annotations

import os
import sys

import click

from snapstore.results.commands import with_program

NAMES = ("snap", "snapstore")


def hint(text: str) -> str:
    """Return our own words with their commands as they can be pasted, for the command line that runs."""
    return with_program(text, program())


def program() -> str:
    """Return the program as it is typed, with the options that lead to the same databases."""
    context = click.get_current_context(silent=True)
    return str(context.obj.program) if context and context.obj else NAMES[0]


def program_of_project() -> str:
    """Return the same for the project of a worker, whose store has what is kept for all its workers."""
    context = click.get_current_context(silent=True)
    return str(context.obj.program_of_project) if context and context.obj else NAMES[0]


def program_name() -> str:
    """Return the name of the program for commands: the one it was started under, if it is one of its own."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    return name if name in NAMES else NAMES[0]
