"""The global options, which may stand before a command's name or after it, and options that commands share."""

from __future__ import annotations

import os
from typing import Any

import click

from snapstore.cli.context import Context
from snapstore.cli.types import PATH, SECONDS

POLICIES = ("missing", "always", "never")  # of remotes/settings.py, which few commands load
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
timeout_option = click.option(
    "--timeout",
    type=SECONDS,
    metavar="S",
    help="Wait this long for locks [default: 10, or 'timeout' in the configuration].",
)


def _keep_policy(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Context).pull = value


pull_option = click.option(
    "--pull",
    type=click.Choice(POLICIES),
    expose_value=False,
    callback=_keep_policy,
    help="When to pull a name from the remote [default: missing, or its 'policy'].",
)


def color_of(choice: str) -> bool | None:
    """Return what click calls `color`: whether output is coloured, None for on a terminal only."""
    if choice == "auto":
        return False if os.environ.get("NO_COLOR") else None
    return choice == "always"


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """Make the global options, once for the program and once for each command; the last one given wins."""

    def option(*names: str, **settings: Any) -> click.Option:
        settings.setdefault("callback", _keep)
        return click.Option(names, expose_value=False, hidden=hidden, **settings)

    return [
        option("--config", type=PATH, metavar="FILE", help="Configuration file [default: the nearest snapstore.yaml]."),
        option("--store", type=PATH, metavar="DIR", help="Store [default: one per project in the user's data folder]."),
        option("--db", type=PATH, metavar="PATH", help="Database; without snapstore.yaml, unless it names it."),
        option("--worker", metavar="NAME", help="Take --db for this worker's copy of the project's database."),
        option("--offline", is_flag=True, help="Contact no remote for a name that is not here."),
        option("--json", "json_output", is_flag=True, help="Print one JSON document."),
        option("-q", "--quiet", is_flag=True, help="Print only errors and what was asked for."),
        option("-v", "--verbose", is_flag=True, help="Print what is done."),
        option(
            "--color", type=click.Choice(["auto", "always", "never"]), callback=_set_color, help="Colour the output."
        ),
    ]


def _keep(context: click.Context, parameter: click.Parameter, value: str | bool | None) -> None:
    if value is not None and value is not False:
        setattr(context.ensure_object(Context), str(parameter.name), value)


def _set_color(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.color = color_of(value)
