"""The program `snap` as a click group: its commands in the order of the help, each imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from snapstore import __version__
from snapstore.cli.command import HELP_NAMES, usage_errors_of
from snapstore.cli.options import global_options

COMMANDS = {
    "Snapshots": ("tag", "backup", "restore", "undo", "reset", "status"),
    "Comparing": ("diff", "verify", "clean", "apply"),
    "History": ("log", "tags", "show", "reflog", "pin", "unpin", "rename", "rm", "prune"),
    "Suites": ("run", "report", "session"),
    "Reading": ("query", "export", "import"),
    "Sharing": ("clone", "remote", "push", "fetch", "pull"),
    "Care": ("fsck", "doctor", "stores"),
    "Setting up": ("init", "config", "git", "completion", "demo"),
}
NAMES = [name for names in COMMANDS.values() for name in names]
_MODULES = {"import": "import_", "unpin": "pin"}  # where the module is not called like the command
SUMMARY_LENGTH = 45  # of the first sentence of a command's help; a longer one would be cut in the list of commands


class SnapGroup(click.Group):
    """Finds a command by its name, names the nearest one for a mistake, and lists all of them by topic."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params += global_options(hidden=False)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the part of the command line before the command's name."""
        with usage_errors_of(ctx):
            return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return NAMES

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; return None for a name that is none."""
        if cmd_name not in NAMES:
            return None
        module = import_module(f"snapstore.cli.commands.{_MODULES.get(cmd_name, cmd_name)}")
        commands = (value for value in vars(module).values() if isinstance(value, click.Command))
        return next(command for command in commands if command.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with. Raises UsageError, naming the nearest command."""
        from difflib import get_close_matches  # only for mistakes

        name = args[0]
        if name not in NAMES and not name.startswith("-"):
            nearest = [f", did you mean '{near}'?" for near in get_close_matches(name, NAMES, n=1)]
            raise click.UsageError(f"no such command '{name}'{''.join(nearest)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by topic."""
        for topic, names in COMMANDS.items():
            with formatter.section(topic):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl([(name, one.get_short_help_str(SUMMARY_LENGTH)) for name, one in commands if one])


@click.command(cls=SnapGroup, context_settings=HELP_NAMES)
@click.version_option(__version__, message="snapstore %(version)s")
def cli() -> None:
    """Name, keep and restore states of SQLite databases under a running application.

    \b
    snap tag baseline        keep the present state under a name
    snap restore baseline    restore it while the application runs
    snap undo                take that back
    snap demo                see it happen, in a temporary folder
    """  # noqa: D301 - click reads the escape
