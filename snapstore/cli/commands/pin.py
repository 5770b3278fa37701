"""`snap pin` and `snap unpin`: protect a tag, and end that."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.types import REVISION


@click.command("pin", cls=SnapCommand, examples="snap pin baseline")
@click.argument("name", type=REVISION)
@click.pass_obj
def pin(context: Context, name: str) -> None:
    """Protect a tag from being moved or removed.

    Only a command with --force moves or removes a pinned NAME.
    """
    tag = context.snapstore.pin(name)
    context.output.result(tag, [f"{tag.name} is pinned already" if tag.unchanged else f"pinned {tag.name}"])


@click.command("unpin", cls=SnapCommand, examples="snap unpin baseline")
@click.argument("name", type=REVISION)
@click.pass_obj
def unpin(context: Context, name: str) -> None:
    """Let a pinned tag be moved and removed."""
    tag = context.snapstore.unpin(name)
    context.output.result(tag, [f"{tag.name} was not pinned" if tag.unchanged else f"unpinned {tag.name}"])
