"""`snap restore`: bring a snapshot back under the running application."""

from __future__ import annotations

from snapstore.actions.restore import IN_PLACE, NONE, RestoreOptions, RestoreResult, restore
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import counted, size
from snapstore.cli.parameters import REVISION, argument, option, timeout_option, yes_option
from snapstore.cli.places import environment_says
from snapstore.errors import NoSnapshot
from snapstore.ids import short
from snapstore.store import Store

EXAMPLES = """
snap restore
snap restore baseline
snap restore baseline@{1} -n
snap restore run-41 --to copy.sqlite3
"""


@snap_command("restore", EXAMPLES)
@argument("rev", required=False, type=REVISION)
@option("--to", metavar="PATH", help="Write a copy there and leave the live database alone.")
@option("--only-db", metavar="NAME", help="One of several databases.")
@option("-n", "--dry-run", is_flag=True, help="Say what would be written.")
@option("--no-safety", is_flag=True, help="Do not keep the present state: undo will not be possible.")
@option("--force", is_flag=True, help="Replace a damaged file, or one of another database or in use.")
@timeout_option
@yes_option
def command(
    context: Context,
    rev: str | None,
    to: str | None,
    only_db: str | None,
    dry_run: bool,
    no_safety: bool,
    force: bool,
    timeout: float | None,
    yes: bool,
) -> None:
    """Bring back REV, or the suite's backup.

    Open connections see the restored state at their next statement. The state before is kept, and
    `snap undo` brings it back.
    """
    if rev is None and environment_says("E2E_NO_BACKUP"):
        from snapstore.cli.skipped import SWITCHED_OFF, skipped

        context.output.result(skipped(), [SWITCHED_OFF])
        return
    with context.places.open_store() as store:
        id_ = context.resolve(store, rev) if rev else _backup(context, store)
        if to is not None:
            _copy(context, store, id_, to, only_db, force=force)
            return
        if (no_safety or force) and not dry_run:
            context.confirm(
                f"Restore {rev or 'the backup'} {'without a way back' if no_safety else 'by force'}?", yes=yes
            )
        wait = context.places.timeout if timeout is None else timeout
        only = (only_db,) if only_db else None
        options = RestoreOptions(id_, only, dry_run, not no_safety, force, force, wait)
        result = restore(store, context.places.project, options, context.progress)
    context.output.result(result, describe(result, rev or context.places.backup_name))


def describe(result: RestoreResult, what: str) -> list[str]:
    """Return the lines that say what was restored."""
    lines = []
    several = len(result.databases) > 1
    for name, one in result.databases.items():
        where = f"{name}: " if several else ""
        verb = {True: "would restore", False: "restored"}[result.dry_run]
        if one.method == NONE:
            lines.append(f"{where}already {what} ({short(result.snapshot)}), nothing to write")
        elif one.method == IN_PLACE:
            done = "to write" if result.dry_run else "written"
            pages = f"{one.pages_written:,} of {counted(one.pages, 'page')} {done}"
            lines.append(f"{where}{verb} {what} ({short(result.snapshot)}, {pages}, {result.seconds:.2f} s)")
        else:
            lines.append(
                f"{where}{verb} {what} as a whole file ({short(result.snapshot)}, {counted(one.pages, 'page')})"
            )
        if one.kept:
            lines.append(f"{where}the damaged file is kept as {one.kept}")
        lines += [f"{where}still on the old file, start it again: {process}" for process in one.still_open]
    if result.safety:
        lines.append(f"the state before is {short(result.safety)}; 'snap undo' brings it back")
    return lines


def _backup(context: Context, store: Store) -> str:
    ref = store.refs.get(context.places.backup_name)
    if ref is None or not store.snapshots.exists(ref.snapshot):
        raise NoSnapshot(f"backup '{context.places.backup_name}'")
    return ref.snapshot


def _copy(context: Context, store: Store, id_: str, path: str, only_db: str | None, *, force: bool) -> None:
    from snapstore.actions.export import ExportOptions, export

    copied = export(store, context.places.project, ExportOptions(id_, path, only_db, force), context.progress)
    database = {"method": NONE, "pages_written": 0, "pages": copied.pages, "bytes": copied.bytes}
    document = {
        "snapshot": copied.snapshot,
        "changed": False,
        "safety": None,
        "databases": {copied.database: database},
        "to": copied.path,
        "seconds": copied.seconds,
    }
    context.output.result(document, [f"wrote {copied.path} ({size(copied.bytes)})"])
