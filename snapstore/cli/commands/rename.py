"""`snap rename`: another name for the same snapshot."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.types import REVISION
from snapstore.ids import short


@click.command("rename", cls=SnapCommand, examples="snap rename run-41 good")
@click.argument("old", type=REVISION)
@click.argument("new")
@click.pass_obj
def command(context: Context, old: str, new: str) -> None:
    """Rename a tag.

    OLD becomes NEW, which must not exist.
    """
    tag = context.snapstore.rename(old, new)
    context.output.result(tag, [f"{old} is now {new} ({short(tag.snapshot)})"])
