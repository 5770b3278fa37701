"""Options that every command takes, before or after its name, and the class of command that takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


@dataclass
class Globals:
    """What was said with the global options."""

    config: str | None = None
    store: str | None = None
    db: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note an option where it was given; one given after the command's name wins."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        setattr(context.ensure_object(Globals), name, value)


def _global_options(*, hidden: bool) -> list[click.Option]:
    def option(*names: str, **settings: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_keep, hidden=hidden, **settings)

    return [
        option("--config", metavar="FILE", help="Configuration file [default: the nearest snapstore.yaml]."),
        option("--store", metavar="DIR", help="Store [default: one for each project in the user's data folder]."),
        option("--db", metavar="PATH", help="Database, without any configuration."),
        option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        option("-q", "--quiet", is_flag=True, help="Print nothing but errors and what was asked for."),
        option("-v", "--verbose", is_flag=True, help="Say what is done."),
        option("--color", type=click.Choice(["auto", "always", "never"]), help="Colour the output."),
    ]


class SnapCommand(click.Command):
    """A command with the global options; its examples stand first in its help."""

    def __init__(self, *arguments: Any, examples: str = "", **settings: Any) -> None:
        settings.setdefault("context_settings", HELP_NAMES)
        super().__init__(*arguments, **settings)
        self.examples = examples
        self.params.extend(_global_options(hidden=True))

    def format_help_text(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, then examples to paste."""
        super().format_help_text(context, formatter)
        if self.examples:
            program = context.find_root().info_name or "snap"
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip().replace('snap ', program + ' ', 1)}\n")

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Name the global options, which every command's help would otherwise repeat."""
        formatter.write_paragraph()
        formatter.write_text("Global options, here or before the command: --config --store --db --json -q -v --color")


class SnapGroup(click.Group):
    """The program itself, with the global options."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.extend(_global_options(hidden=False))
