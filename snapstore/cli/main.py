"""The program `snap`: finds the command, and turns every error into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

import snapstore
from snapstore.cli.options import HELP_NAMES, Globals, SnapGroup

COMMANDS = {
    "Snapshots": ("tag", "backup", "restore", "undo", "reset", "status"),
    "Comparing": ("diff", "verify", "clean"),
    "History": ("log", "tags", "show", "reflog", "pin", "unpin", "rename", "rm"),
    "Suites": ("run",),
    "Reading": ("query", "export", "import"),
    "Care": ("fsck", "doctor"),
    "Setting up": ("init", "completion", "demo"),
}
_MODULES = {"import": "import_"}  # a keyword cannot name a module
_NAMES = [name for names in COMMANDS.values() for name in names]


class LazyGroup(SnapGroup):
    """Imports a command when it is asked for, so that every other one starts without its weight."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return _NAMES

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        if cmd_name not in _NAMES:
            return None
        command: click.Command = import_module(f"snapstore.cli.commands.{_MODULES.get(cmd_name, cmd_name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for one that there is not."""
        if args and args[0] not in _NAMES and not args[0].startswith("-"):
            from snapstore.history.refs import nearest

            near = nearest(args[0], _NAMES)
            also = f", did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"no such command '{args[0]}'{also}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in groups."""
        for title, names in COMMANDS.items():
            with formatter.section(title):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl([(name, one.get_short_help_str(80)) for name, one in commands if one])


@click.command(cls=LazyGroup, context_settings=HELP_NAMES)
@click.version_option(snapstore.__version__, message="snapstore %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Name, keep and bring back states of SQLite databases, under a running application.

    \b
    snap tag baseline        keep the present state under a name
    snap restore baseline    bring it back while the application runs
    snap undo                take that back
    snap demo                see it happen, in a temporary folder
    """  # noqa: D301 - click reads the escape
    context.ensure_object(Globals)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program and end the process with its exit code."""
    gc.set_threshold(100_000)  # a start makes many objects and no garbage
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    arguments = sys.argv[1:] if arguments is None else arguments
    status = 0
    try:
        status = cli.main(arguments, prog_name=_program(), standalone_mode=False) or 0
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # the reader had enough, as in `snap log | head`; click ends on it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except BaseException as error:  # noqa: BLE001 - the last place that can say it well
        from snapstore.cli.failure import report

        status = report(error, arguments)
    _end(status)


def _end(status: int) -> NoReturn:
    """End at once: everything is closed, and taking the interpreter apart takes longer than a small command."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def _program() -> str:
    name = os.path.basename(sys.argv[0])
    return "python -m snapstore" if name == "__main__.py" else name or "snap"
