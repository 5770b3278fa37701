"""`snap backup`: the safety net of a test suite."""

from __future__ import annotations

from snapstore.actions.remove import remove
from snapstore.actions.take import TakeOptions, take
from snapstore.cli.command import Context, snap_command
from snapstore.cli.commands.tag import describe
from snapstore.cli.parameters import option, timeout_option, yes_option
from snapstore.cli.places import environment_says
from snapstore.cli.skipped import SWITCHED_OFF, skipped
from snapstore.cli.upkeep import upkeep
from snapstore.errors import NoSnapshot
from snapstore.ids import short

EXAMPLES = """
snap backup
snap backup -m 'nightly suite'
snap backup --delete
"""


@snap_command("backup", EXAMPLES)
@option("-m", "--message", default="", metavar="TEXT", help="Say what the state is.")
@option("--delete", is_flag=True, help="Remove the backup's name when the suite is done.")
@option("--force", is_flag=True, help="Move or remove it although it is pinned.")
@yes_option
@timeout_option
def command(context: Context, message: str, delete: bool, force: bool, yes: bool, timeout: float | None) -> None:
    """Take the snapshot that `snap restore` brings back: the tag e2e-backup.

    With E2E_NO_BACKUP=true nothing is done.
    """
    if environment_says("E2E_NO_BACKUP"):
        context.output.result(skipped(), [SWITCHED_OFF])
    elif delete:
        _delete(context, force=force, yes=yes)
    else:
        project = context.places.project
        wait = context.places.timeout if timeout is None else timeout
        options = TakeOptions(context.places.backup_name, message, "backup", force=force, timeout=wait)
        with context.places.create_store() as store:
            result = take(store, project, options, context.progress)
            upkeep(context, store)
        context.output.result(result, [describe(result)])


def _delete(context: Context, *, force: bool, yes: bool) -> None:
    name = context.places.backup_name
    with context.places.open_store() as store:
        if store.refs.get(name) is None:
            raise NoSnapshot(f"backup '{name}'")
        context.confirm(f"Delete the backup '{name}'?", yes=yes)
        removed = remove(store, context.places.project, [name], force=force)
    document = {"removed": removed, "name": name, "snapshot": removed[0].snapshot}
    context.output.result(document, [f"deleted {name}, was {short(removed[0].snapshot)}"])
