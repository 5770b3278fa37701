"""`snap push`: send snapshots to a remote."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.options import timeout_option
from snapstore.cli.remote_text import pushed_lines
from snapstore.cli.remote_types import ON_PUSHED, PUSHED, split_remote

EXAMPLES = """
snap push origin baseline
snap push baseline run-41:run-41-of-anna
snap push --all -n
snap push --delete run-41
"""


@click.command("push", cls=SnapCommand, examples=EXAMPLES)
@click.argument("revs", nargs=-1, type=PUSHED, metavar="[REMOTE] [NAME[:REMOTE_NAME]]...")
@click.option("--all", "everything", is_flag=True, help="Send all tags.")
@click.option(
    "--delete", multiple=True, type=ON_PUSHED, metavar="NAME", help="Remove a name on the remote; repeatable."
)
@click.option("--force", is_flag=True, help="Move a name that others moved, or that is pinned there.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be sent.")
@timeout_option
@click.pass_obj
def command(
    context: Context,
    revs: tuple[str, ...],
    everything: bool,
    delete: tuple[str, ...],
    force: bool,
    dry_run: bool,
    timeout: float | None,
) -> None:
    """Send snapshots to a remote.

    The first word is the remote if one is called so; else the default remote is meant. NAME:REMOTE_NAME gives it
    another name there; NAME may be any revision then. Without names, sends what `push` in snapstore.yaml says. What is
    there already is not sent again. If others moved the name since, nothing is changed, unless with --force.
    """
    remote, names = split_remote(context.locations.configuration, revs)
    pushed = context.snapstore.push(
        names,
        remote=remote,
        everything=everything,
        delete=delete,
        force=force,
        dry_run=dry_run,
        timeout=timeout,
    )
    context.output.result(pushed, pushed_lines(pushed))
