"""`snap backup`: the safety net of a test suite."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.tag import line
from snapstore.cli.context import Context
from snapstore.cli.options import timeout_option, yes_option
from snapstore.ids import short

EXAMPLES = """
snap backup
snap backup -m 'nightly suite'
snap backup --delete
"""


@click.command("backup", cls=SnapCommand, examples=EXAMPLES)
@click.option("-m", "--message", default="", metavar="TEXT", help="Describe the state.")
@click.option("--delete", is_flag=True, help="Remove the backup's name.")
@click.option("--force", is_flag=True, help="Move or remove a pinned backup too.")
@yes_option
@timeout_option
@click.pass_obj
def command(context: Context, message: str, delete: bool, force: bool, yes: bool, timeout: float | None) -> None:
    """Take the backup of a test suite.

    It is the snapshot that `snap restore` restores by default, under the tag e2e-backup. E2E_NO_BACKUP=true switches
    both off.
    """
    if delete:
        _delete(context, force=force, yes=yes)
        return
    taken = context.snapstore.backup(message=message, force=force, timeout=timeout)
    context.output.warn(taken.warnings)
    context.output.result(taken, [taken.reason or line(taken)])


def _delete(context: Context, *, force: bool, yes: bool) -> None:
    snapstore = context.snapstore
    context.confirm(f"Delete the backup '{snapstore.backup_name}'?", yes=yes or snapstore.is_switched_off)
    deleted = snapstore.delete_backup(force=force)
    context.output.result(deleted, [deleted.reason or f"deleted {deleted.name}, was {short(deleted.snapshot)}"])
