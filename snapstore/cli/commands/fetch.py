"""`snap fetch`: read what is new on a remote."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.options import timeout_option
from snapstore.cli.paint import style
from snapstore.cli.remote_text import fetched_lines
from snapstore.cli.remote_types import REMOTE
from snapstore.results.text import one_line

EXAMPLES = """
snap fetch
snap fetch origin
snap fetch --all
"""
_FAILED = 1


@click.command("fetch", cls=SnapCommand, examples=EXAMPLES)
@click.argument("remote", required=False, type=REMOTE)
@click.option("--all", "everything", is_flag=True, help="Ask all remotes.")
@timeout_option
@click.pass_obj
def command(context: Context, remote: str | None, everything: bool, timeout: float | None) -> int:
    """Read what is new on a remote.

    Prints the names that moved there, and changes nothing here: `snap pull` brings snapshots.
    """
    if not everything:
        fetched = context.snapstore.fetch(remote, timeout=timeout)
        context.output.result(fetched, fetched_lines(fetched))
        return 0
    if remote is not None:
        raise click.UsageError("--all takes no remote")
    found = context.snapstore.fetch_all(timeout=timeout)
    lines = [line for one in found.fetched for line in fetched_lines(one)]
    lines += [style(f"{name}: {one_line(problem)}", fg="red") for name, problem in found.failed.items()]
    context.output.result(found, lines)
    return _FAILED if found.failed else 0
