"""The program as click has it: made from the declarations of the commands; help, completion and usage errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

import snapstore
from snapstore.cli.options import GLOBAL_OPTIONS, Globals
from snapstore.cli.parameters import Choice, Number, Parameter, Revision, Text
from snapstore.cli.verbs import COMMANDS, NAMES, load
from snapstore.errors import SnapError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from snapstore.cli.command import Verb

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class RevisionType(click.ParamType[str]):
    """A revision, completed with the names of the store."""

    name = "rev"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer tags that begin as typed; say nothing where there is no store."""
        from click.shell_completion import CompletionItem

        from snapstore.cli.places import Places

        try:
            with Places(ctx.ensure_object(Globals)).open_store() as store:
                names = [ref.name for ref in store.refs.all()]
        except (SnapError, OSError):
            return []
        return [CompletionItem(name) for name in [*names, "latest", "HEAD"] if name.startswith(incomplete)]


class ReadType(click.ParamType[Any]):
    """What a type of ours reads; the text of its ValueError is what a user is told."""

    def __init__(self, kind: Text) -> None:
        self.name = type(kind).__name__.lower()
        self._read = kind.read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value of what was typed."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SnapCommand(click.Command):
    """A command with the global options; its examples stand first in its help."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(
            verb.name,
            context_settings=HELP_NAMES,
            callback=click.pass_obj(lambda options, /, **values: verb.run(options, values)),
            params=[*map(click_parameter, verb.parameters), *_global_options(hidden=True)],
            help=verb.help,
        )
        self.examples = verb.examples

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
    """The program itself, with the global options; imports a command when it is asked for."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.extend(_global_options(hidden=False))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return NAMES

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name."""
        return SnapCommand(load(cmd_name)) if cmd_name in NAMES else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for one that there is not."""
        if args and args[0] not in NAMES and not args[0].startswith("-"):
            from snapstore.history.refs import nearest

            near = nearest(args[0], NAMES)
            also = f", did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"no such command '{args[0]}'{also}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in groups."""
        for title, names in COMMANDS.items():
            with formatter.section(title):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl([(name, one.get_short_help_str(80)) for name, one in commands if one])


def click_parameter(declared: Parameter, **settings: Any) -> click.Parameter:
    """Make what click needs of a declaration."""
    names = list(declared.names)
    if declared.default is not None:  # to click, None is a default as well
        settings["default"] = declared.default
    if not declared.is_option:
        return click.Argument(
            names,
            type=_type(declared),
            required=declared.required,
            nargs=-1 if declared.several else 1,
            metavar=declared.metavar,
            **settings,
        )
    settings.setdefault("hidden", declared.hidden)
    if declared.is_flag:
        return click.Option(names, is_flag=True, help=declared.help, **settings)
    return click.Option(
        names,
        type=_type(declared),
        multiple=declared.several,
        metavar=declared.metavar,
        help=declared.help,
        **settings,
    )


def _type(declared: Parameter) -> click.ParamType[Any] | None:
    kind = declared.type
    if isinstance(kind, Revision):
        return RevisionType()
    if isinstance(kind, Choice):
        return click.Choice(kind.words)
    if isinstance(kind, Number):
        return click.IntRange(min=0) if kind.whole else click.FloatRange(min=0)
    return None if type(kind) is Text else ReadType(kind)


def _global_options(*, hidden: bool) -> list[click.Parameter]:
    return [click_parameter(one, expose_value=False, callback=_keep, hidden=hidden) for one in GLOBAL_OPTIONS]


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note an option where it was given; one given after the command's name wins."""
    name = parameter.name or ""
    if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        setattr(context.ensure_object(Globals), name, value)


@click.command(cls=SnapGroup, context_settings=HELP_NAMES)
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
