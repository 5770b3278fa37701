"""`snap pull`: bring snapshots from a remote."""

from __future__ import annotations

from collections.abc import Iterator

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.options import timeout_option
from snapstore.cli.remote_text import pulled_lines
from snapstore.cli.remote_types import PULLED, split_remote
from snapstore.results.remotes import Pulled

EXAMPLES = """
snap pull
snap pull baseline
snap pull ci failed/checkout-pays-twice
snap pull origin --all
"""


@click.command("pull", cls=SnapCommand, examples=EXAMPLES)
@click.argument("tags", nargs=-1, type=PULLED, metavar="[REMOTE] [NAME]...")
@click.option("--all", "everything", is_flag=True, help="Bring all tags.")
@click.option("--force", is_flag=True, help="Move a tag that has moved here, too, or that is pinned.")
@timeout_option
@click.pass_obj
def command(context: Context, tags: tuple[str, ...], everything: bool, force: bool, timeout: float | None) -> None:
    """Bring snapshots from a remote.

    The first word is the remote if one is called so; else the default remote is meant. Without names, brings what
    `pull` in snapstore.yaml says, else the baseline. The tags of the same names move here, unless they have moved on
    both sides since. The live databases stay as they are.
    """
    remote, names = split_remote(context.locations.configuration, tags)
    pulled = context.snapstore.pull(names, remote=remote, everything=everything, force=force, timeout=timeout)
    context.output.result(pulled, [*pulled_lines(pulled), *_next(pulled)])


def _next(pulled: Pulled) -> Iterator[str]:
    if len(pulled.refs) == 1:
        yield hint(f"'snap restore {pulled.refs[0].name}' brings it back into the live database")
