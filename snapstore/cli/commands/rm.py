"""`snap rm`: remove names and snapshots."""

from __future__ import annotations

from snapstore.actions.remove import remove
from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import REVISION, argument, option, yes_option
from snapstore.ids import short

EXAMPLES = """
snap rm run-41
snap rm run-40 run-41 -y
snap rm 3f9a2c
"""


@snap_command("rm", EXAMPLES)
@argument("revs", several=True, metavar="NAME-OR-REV...", type=REVISION)
@option("--force", is_flag=True, help="Remove pinned names, and snapshots with the names they have.")
@yes_option
def command(context: Context, revs: tuple[str, ...], force: bool, yes: bool) -> None:
    """Remove tags, or forget snapshots given by id.

    All or none are removed. What a tag named stays in the store and in the tag's reflog.
    """
    with context.places.open_store() as store:
        for rev in revs:
            if store.refs.get(rev) is None:
                context.resolve(store, rev)
        context.confirm(f"Remove {', '.join(revs)}?", yes=yes)
        removed = remove(store, context.places.project, list(revs), force=force)
    lines = [
        f"removed {one.name}, was {short(one.snapshot)}" if one.name else f"forgot {short(one.snapshot)}"
        for one in removed
    ]
    context.output.result({"removed": removed}, lines)
