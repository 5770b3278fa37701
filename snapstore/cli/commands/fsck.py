"""`snap fsck`: whether the store can give back all it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from snapstore.actions.documents import plain
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import counted, one_line
from snapstore.cli.parameters import Misused, option, timeout_option
from snapstore.cli.styles import style
from snapstore.errors import NoDatabaseNamed
from snapstore.ids import short

if TYPE_CHECKING:
    from snapstore.actions.fsck import AffectedSnapshot, Damage, FsckResult
    from snapstore.actions.heal import HealResult
    from snapstore.actions.rebuild import RebuildResult
    from snapstore.project import Project

EXAMPLES = """
snap fsck
snap fsck --quick
snap fsck --rebuild
snap fsck --heal
"""
DAMAGED = 20
_MOST_SHOWN = 30
_FEW = 3


@snap_command("fsck", EXAMPLES)
@option("--quick", is_flag=True, help="Do not read the objects themselves: lengths, entries, catalog, names.")
@option("--rebuild", is_flag=True, help="Make the catalog anew from packs and reflog; the old one is kept beside.")
@option("--heal", is_flag=True, help="Store anew what is damaged and intact in a live database or another pack.")
@timeout_option
def command(context: Context, quick: bool, rebuild: bool, heal: bool, timeout: float | None) -> int:
    """Check the store: catalog against packs, every object against its id, every snapshot readable.

    'fsck' asks whether the store can give back what it holds and does not look at the live database; 'verify' asks
    whether the live database is what a snapshot holds. Nothing is changed without --rebuild or --heal. Exits 20 where
    something is damaged, and says which snapshots that affects and what of them can still be restored.
    """
    from snapstore.actions.fsck import fsck

    if quick and heal:
        raise Misused("--heal needs a full check, leave out --quick")
    places = context.places
    wait = places.timeout if timeout is None else timeout
    rebuilt = healed = None
    if rebuild:
        from snapstore.actions.rebuild import rebuild as make_anew

        rebuilt = make_anew(places.store_path, wait, context.progress)
    if heal:
        from snapstore.actions.heal import heal as heal_store

        healed = heal_store(places.store_path, _project(context), wait, context.progress)
    result = fsck(places.store_path, full=not quick, timeout=wait, progress=context.progress)
    ok = result.ok and not (rebuilt and rebuilt.lost)
    context.output.result(_document(result, rebuilt, healed, ok=ok), _lines(result, rebuilt, healed), always=True)
    return 0 if ok else DAMAGED


def _project(context: Context) -> Project | None:
    """Return the project whose live databases may help, None where none is named."""
    try:
        return context.places.project
    except NoDatabaseNamed:
        return None


def _document(
    result: FsckResult, rebuilt: RebuildResult | None, healed: HealResult | None, *, ok: bool
) -> dict[str, Any]:
    document = plain(result)
    del document["spoiled"]
    return {**document, "ok": ok, "rebuilt": plain(rebuilt), "healed": plain(healed)}


def _lines(result: FsckResult, rebuilt: RebuildResult | None, healed: HealResult | None) -> Iterator[str]:
    if rebuilt:
        yield from _rebuilt(rebuilt)
    if healed:
        yield from _healed(healed)
    for damage in result.damaged[:_MOST_SHOWN]:
        yield _damage(damage)
    if len(result.damaged) > _MOST_SHOWN:
        yield f"… {counted(len(result.damaged) - _MOST_SHOWN, 'more damage')}; --json has them all"
    for one in result.affected_snapshots:
        yield _affected(one)
    if result.objects or result.ok:
        how = "every object read" if result.full else "objects not read"
        checked = f"{counted(result.packs, 'pack')}, {counted(result.objects, 'object')}, "
        yield f"checked {checked}{counted(result.snapshots, 'snapshot')} ({how}, {result.seconds:.2f} s)"
    yield from _harmless(result)
    yield from _verdict(result, was_healed=healed is not None)


def _harmless(result: FsckResult) -> Iterator[str]:
    if result.unused_packs:
        yield f"{counted(result.unused_packs, 'pack')} of takes that were cut off: no harm"
    if useless := result.caches.useless:
        said = f"{counted(len(useless), 'file')} kept by comparisons cannot be used: no harm, they are made anew"
        yield f"{said} ({', '.join(map(one_line, useless[:_FEW]))})"


def _verdict(result: FsckResult, *, was_healed: bool) -> Iterator[str]:
    if not result.damaged:
        yield style("the store is sound", fg="green")
        return
    whole = result.snapshots - len(result.affected_snapshots)
    if result.snapshots:
        yield f"{whole:,} of {counted(result.snapshots, 'snapshot')} can be restored in full"
    if any(one.what in ("catalog", "format", "name", "reflog") for one in result.damaged):
        yield "'snap fsck --rebuild' makes the catalog anew from packs and reflog"
    if any(one.what in ("pack", "object") for one in result.damaged):
        yield _advice(result, was_healed=was_healed)
    yield style("the store is damaged", fg="red", bold=True)


def _advice(result: FsckResult, *, was_healed: bool) -> str:
    if was_healed and result.affected_snapshots:
        return "the rest is nowhere else: 'snap rm REV --force' forgets a snapshot that cannot be had any more"
    if was_healed:
        return "no snapshot needs what is still damaged"
    return "'snap fsck --heal' stores anew what a live database or another pack still has"


def _damage(damage: Damage) -> str:
    about = [f"{what} {short(id_)}" for what, id_ in (("object", damage.object), ("pack", damage.pack)) if id_]
    where = " in ".join(about) or damage.what
    spoils = f" (affects {counted(len(damage.snapshots), 'snapshot')})" if damage.snapshots else ""
    return f"{style('damaged', fg='red')}  {where}: {one_line(damage.detail)}{spoils}"


def _affected(one: AffectedSnapshot) -> str:
    names = f" {', '.join(map(one_line, one.names))}" if one.names else ""
    said = f"affected {short(one.snapshot)}{names}"
    if one.intact:
        only = ", ".join(one_line(name) for name in one.intact)
        return (
            f"{said}: still intact: {only} ('snap restore {short(one.snapshot)} --only-db {one_line(one.intact[0])}')"
        )
    return said


def _rebuilt(rebuilt: RebuildResult) -> Iterator[str]:
    made = f"{counted(rebuilt.snapshots, 'snapshot')}, {counted(rebuilt.names, 'name')}"
    yield f"the catalog was made anew: {made}, {counted(rebuilt.entries, 'reflog entry').replace('entrys', 'entries')}"
    if rebuilt.kept:
        yield f"the old one is kept at '{one_line(rebuilt.kept)}'"
    for text in rebuilt.lost:
        yield f"{style('lost', fg='red')}  {one_line(text)}"


def _healed(healed: HealResult) -> Iterator[str]:
    for one in healed.objects:
        yield f"healed   object {short(one.object)}, from {one_line(one.source)}"
    if healed.reflog:
        yield "healed   the file reflog, from the catalog"
    for pack in healed.set_aside:
        yield f"set aside pack {short(pack)}: nothing needs it any more"
    for name in healed.removed:
        yield f"removed  '{one_line(name)}', which comparisons make anew"
