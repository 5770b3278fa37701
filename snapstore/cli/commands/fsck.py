"""`snap fsck`: check the store, and repair it on request."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.options import timeout_option
from snapstore.cli.paint import style
from snapstore.cli.remote_checks import checked_remote_lines
from snapstore.cli.remote_types import REMOTE
from snapstore.ids import short
from snapstore.layout import worker_store
from snapstore.results.checks import AffectedSnapshot, Checked, CheckedWorker, Damage, Healed, Rebuilt
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap fsck
snap fsck --quick
snap fsck --rebuild
snap fsck --heal
snap fsck --remote
snap fsck --remote --heal
"""
DAMAGED = 20
_MOST_SHOWN = 30
_MOST_IDS = 10  # in a command


@click.command("fsck", cls=SnapCommand, examples=EXAMPLES)
@click.argument("remote", required=False, type=REMOTE)
@click.option("--remote", "on_remote", is_flag=True, help="Check a remote, not the store.")
@click.option("--quick", is_flag=True, help="Skip the objects: check only lengths, entries, catalog and names.")
@click.option("--rebuild", is_flag=True, help="Rebuild the catalog from packs and reflog; keep the old one beside it.")
@click.option(
    "--heal",
    is_flag=True,
    help="Store damaged objects again from a live database, another pack or a remote; a remote's, from the store.",
)
@timeout_option
@click.pass_obj
def command(
    context: Context,
    remote: str | None,
    on_remote: bool,
    quick: bool,
    rebuild: bool,
    heal: bool,
    timeout: float | None,
) -> int:
    """Check the store, and repair it on request.

    Checks the catalog against the packs, every object against its id, and that every snapshot is readable. 'fsck' asks
    whether the store can give back what it holds and does not look at the live database; 'verify' asks whether the live
    database matches a snapshot. Without --rebuild or --heal, nothing is changed. Exits with 20 if something is damaged,
    and prints which snapshots that affects and what of them can still be restored.

    With --remote, checks a remote, by default the default one: its log, that all packs are there, and that every tag
    can be pulled. That downloads all of it; with --quick, only indexes and manifests. --heal uploads again what this
    store has of packs that are damaged or missing.
    """
    if on_remote:
        if rebuild:
            raise click.UsageError("--remote cannot be combined with --rebuild")
        checked = context.snapstore.fsck_remote(remote, quick=quick, heal=heal, timeout=timeout)
        context.output.result(checked, checked_remote_lines(checked), always=True)
        return 0 if checked.ok else DAMAGED
    if remote is not None:
        raise click.UsageError("REMOTE needs --remote")
    result = context.snapstore.fsck(quick=quick, rebuild=rebuild, heal=heal, timeout=timeout)
    context.output.result(result, _lines(result, context.locations.store_path), always=True)
    return 0 if result.ok else DAMAGED


def _lines(result: Checked, store: str) -> Iterator[str]:
    if result.rebuilt:
        yield from _rebuilt(result.rebuilt)
    if result.healed:
        yield from _healed(result.healed)
    for damage in result.damaged[:_MOST_SHOWN]:
        yield _damage(damage)
    if len(result.damaged) > _MOST_SHOWN:
        yield f"… {len(result.damaged) - _MOST_SHOWN:,} more; --json has them all"
    for one in result.affected_snapshots:
        yield _affected(one)
    if result.objects or result.ok:
        how = "every object read" if result.full else "objects not read"
        checked = f"{counted(result.packs, 'pack')}, {counted(result.objects, 'object')}, "
        yield f"checked {checked}{counted(result.snapshots, 'snapshot')} ({how}, {result.seconds:.2f} s)"
    yield from _harmless(result)
    yield from _verdict(result)
    for worker, found in result.workers.items():
        yield from _worker(worker, found, worker_store(store, worker))


def _worker(name: str, found: CheckedWorker, store: str) -> Iterator[str]:
    if found.ok:
        yield f"the store of worker {name} is sound"
        return
    yield from (f"worker {name}: {_damage(damage)}" for damage in found.damaged[:_MOST_SHOWN])
    remove = f"'snap stores --force --remove {one_line(shlex.quote(store))}'"
    yield hint(f"the store of worker {name} is damaged; between runs, {remove} removes it")


def _harmless(result: Checked) -> Iterator[str]:
    if result.unused_packs:
        yield f"{counted(result.unused_packs, 'pack')} left by interrupted commands: harmless"
    for path in result.leftovers:
        yield f"removed  '{path}', left by a killed process"
    for folder in result.removed:
        yield f"removed  the folder '{folder}', a cache of an earlier release"


def _verdict(result: Checked) -> Iterator[str]:
    if not result.damaged:
        yield style("the store is sound", fg="green")
        return
    whole = result.snapshots - len(result.affected_snapshots)
    if result.snapshots:
        yield f"{whole:,} of {counted(result.snapshots, 'snapshot')} can be restored in full"
    if any(one.what in ("catalog", "format", "name", "reflog") for one in result.damaged):
        yield hint("'snap fsck --rebuild' rebuilds the catalog from packs and reflog")
    if any(one.what in ("pack", "object") for one in result.damaged):
        yield _advice(result)
    yield style("the store is damaged", fg="red", bold=True)


def _advice(result: Checked) -> str:
    if result.healed and result.affected_snapshots:
        ids = " ".join(short(one.snapshot) for one in result.affected_snapshots[:_MOST_IDS])
        return hint(f"the rest exists nowhere else: 'snap rm {ids} --force' forgets what cannot be restored")
    if result.healed:
        return "no snapshot needs what is still damaged"
    return hint("'snap fsck --heal' stores again what a live database, another pack or a remote still has")


def _damage(damage: Damage) -> str:
    about = [f"{what} {short(id_)}" for what, id_ in (("object", damage.object), ("pack", damage.pack)) if id_]
    where = " in ".join(about) or damage.what
    affects = f" (affects {counted(len(damage.snapshots), 'snapshot')})" if damage.snapshots else ""
    return f"{style('damaged', fg='red')}  {where}: {one_line(damage.detail)}{affects}"


def _affected(one: AffectedSnapshot) -> str:
    names = f" {', '.join(map(one_line, one.names))}" if one.names else ""
    line = f"affected {short(one.snapshot)}{names}"
    if one.intact:
        only = ", ".join(one_line(name) for name in one.intact)
        words = shlex.join(["restore", short(one.snapshot), "--only-db", one.intact[0]])
        command = hint(f"'snap {one_line(words)}'")
        return f"{line}: still intact: {only} ({command})"
    return line


def _rebuilt(rebuilt: Rebuilt) -> Iterator[str]:
    made = f"{counted(rebuilt.snapshots, 'snapshot')}, {counted(rebuilt.names, 'name')}"
    yield f"the catalog was rebuilt: {made}, {counted(rebuilt.entries, 'reflog entry')}"
    if rebuilt.kept:
        yield f"the old one is kept as '{one_line(rebuilt.kept)}'"
    for text in rebuilt.lost:
        yield f"{style('lost', fg='red')}  {one_line(text)}"


def _healed(healed: Healed) -> Iterator[str]:
    for one in healed.objects:
        yield f"healed   object {short(one.object)}, from {one_line(one.source)}"
    if healed.reflog:
        yield "healed   the reflog file, from the catalog"
    for pack in healed.set_aside:
        yield f"set aside pack {short(pack)}, which nothing needs any more"
