"""The class of all commands: each takes the global options and shows its examples in its help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from snapstore.cli.context import Context
from snapstore.cli.options import global_options
from snapstore.errors import InvalidArgument

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


@contextmanager
def usage_errors_of(ctx: click.Context) -> Iterator[None]:
    """Make an argument that a verb cannot use a usage error, and add the command to usage errors for their hint."""
    try:
        yield
    except click.UsageError as error:
        error.ctx = error.ctx or ctx
        raise
    except InvalidArgument as error:
        hints = (one.get_error_hint(ctx) for one in ctx.command.params if one.name == error.name)
        raise click.UsageError(f"{next(hints, repr(error.name))} {error.problem}", ctx) from error


class SnapCommand(click.Command):
    """A command that takes the global options after its name as well."""

    def __init__(self, *arguments: Any, examples: str, **settings: Any) -> None:
        settings.setdefault("context_settings", HELP_NAMES)
        super().__init__(*arguments, **settings)
        self.examples = examples
        self.params += global_options(hidden=True)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command's part of the command line."""
        with usage_errors_of(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; -v prints its locations before it and the time it took after it."""
        context = ctx.ensure_object(Context)
        start = time.monotonic()
        try:
            context.print_locations()
            with usage_errors_of(ctx):
                return super().invoke(ctx)
        finally:
            context.output.detail(f"{self.name}: {time.monotonic() - start:.3f} s")
            context.close()

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, then examples to paste."""
        super().format_help_text(ctx, formatter)
        program = ctx.find_root().info_name or "snap"
        with formatter.section("Examples"):
            for line in self.examples.strip().splitlines():
                formatter.write(f"  {line.strip().replace('snap ', program + ' ', 1)}\n")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name the global options, which every command's help would otherwise repeat."""
        formatter.write_paragraph()
        formatter.write_text(
            "Global options, here or before the command: --config --store --db --json -q -v --color --offline"
        )
