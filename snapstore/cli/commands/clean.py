"""`snap clean`: put back the rows that differ, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.actions.clean import CleanedDatabase, CleanOptions, CleanResult, clean
from snapstore.cli.command import Context, snap_command
from snapstore.cli.grid import counts_line
from snapstore.cli.output import one_line
from snapstore.cli.parameters import REVISION, Misused, argument, option, timeout_option
from snapstore.ids import short

EXAMPLES = """
snap clean
snap clean baseline -n
snap clean baseline --keep django_session --keep 'cache_*'
"""


@snap_command("clean", EXAMPLES)
@argument("rev", required=False, type=REVISION)
@option("--keep", several=True, metavar="T", help="Leave this table alone (a name or a glob); repeatable.")
@option("-n", "--dry-run", is_flag=True, help="Print the SQL, and change nothing.")
@option("--force", is_flag=True, help="Though the snapshot is of another database.")
@timeout_option
def command(
    context: Context, rev: str | None, keep: tuple[str, ...], dry_run: bool, force: bool, timeout: float | None
) -> None:
    """Return to the rows of REV [default: HEAD], in one short transaction.

    Only rows that differ are written. Tables that the configuration ignores or keeps stay as they are. The
    state before is kept, and `snap undo` brings it back.
    """
    wait = context.places.timeout if timeout is None else timeout
    policy = context.places.policy
    policy = policy._replace(keep=(*policy.keep, *keep))
    with context.places.open_store() as store:
        state = context.state(store, rev or "HEAD")
        if not state.snapshots:
            raise Misused("REV has to be a snapshot")
        results = []
        for id_ in dict.fromkeys(state.snapshots.values()):
            names = tuple(name for name, of in state.snapshots.items() if of == id_)
            options = CleanOptions(id_, names, policy, dry_run, force, wait)
            results.append(clean(store, context.places.project, options, context.progress))
    result = results[0]
    for other in results[1:]:
        result.databases.update(other.databases)
    context.output.result(result, _lines(result, rev or "HEAD"), always=dry_run)


def _lines(result: CleanResult, rev: str) -> Iterator[str]:
    if result.dry_run:
        for name, one in result.databases.items():
            yield from _sql(name, one, several=len(result.databases) > 1)
        return
    for name, one in result.databases.items():
        where = f"{name}: " if len(result.databases) > 1 else ""
        if not one.statements:
            yield f"{where}the rows are those of {one_line(rev)} already"
        for table, counts in one.tables.items():
            yield f"{where}{one_line(table)}: {counts_line(counts)}"
    if result.changed:
        yield f"cleaned to {one_line(rev)} ({short(result.snapshot)}, {result.seconds:.2f} s)"
    if result.safety:
        yield f"the state before is {short(result.safety)}; 'snap undo' brings it back"


def _sql(name: str, one: CleanedDatabase, *, several: bool) -> Iterator[str]:
    if several:
        yield f"-- {one_line(name)}"
    for statement in one.sql:
        yield f"{statement};"
