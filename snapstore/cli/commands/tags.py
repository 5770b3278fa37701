"""`snap tags`: the tags by name, here or on a remote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.log import lines
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.output import table, when
from snapstore.cli.paint import style
from snapstore.cli.remote_types import REMOTE
from snapstore.ids import short
from snapstore.results.text import one_line

if TYPE_CHECKING:
    from snapstore.results.remotes import RemoteTag, RemoteTags

EXAMPLES = """
snap tags
snap tags --json
snap tags -r
snap tags -r origin
"""


@click.command("tags", cls=SnapCommand, examples=EXAMPLES)
@click.argument("remote", required=False, type=REMOTE)
@click.option("-r", "--remote", "on_remote", is_flag=True, help="Those of a remote, as of the last contact.")
@click.pass_obj
def command(context: Context, remote: str | None, on_remote: bool) -> None:
    """List the tags by name.

    With -r, those of a remote, by default of the default one; `snap fetch` brings the list up to date.
    """
    if on_remote:
        found = context.snapstore.remote_tags(remote)
        context.output.result(found, _remote_lines(found), always=True)
        return
    if remote is not None:
        raise click.UsageError("REMOTE needs -r")
    listed = context.snapstore.tags()
    context.output.result(listed, lines(listed), always=True)


def _remote_lines(found: RemoteTags) -> list[str]:
    if not found.tags:
        return [hint(f"no tag on {found.remote} yet; 'snap push {found.remote} NAME' sends one")]
    return table([_row(one) for one in found.tags])


def _row(one: RemoteTag) -> tuple[str, ...]:
    marks = [*["pinned"] * one.pinned, *["not here"] * (not one.here)]
    return (
        style(short(one.snapshot), fg="yellow"),
        when(one.at),
        one_line(one.by),
        style(one.name, fg="green") + (f" ({', '.join(marks)})" if marks else ""),
        one_line(one.message),
    )
