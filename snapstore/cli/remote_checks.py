"""How prunes and checks of remotes look."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.cli.hints import hint
from snapstore.cli.output import size, table
from snapstore.cli.paint import style
from snapstore.ids import short
from snapstore.results.checks import Damage
from snapstore.results.remotes import LOG_FLAW, RemoteChecked, RemoteHealed, RemotePruned
from snapstore.results.text import counted, one_line

_MOST_SHOWN = 30


def pruned_remote_lines(pruned: RemotePruned) -> Iterator[str]:
    """Yield the lines of a prune of a remote."""
    keeps, removes = ("would keep", "would remove") if pruned.dry_run else ("kept", "removed")
    rows = [(keeps, short(one.snapshot), one.name, one_line(", ".join(one.reasons))) for one in pruned.kept]
    rows += [(removes, short(one.from_ or ""), one.name, "") for one in pruned.removed]
    yield from table([(verb, style(id_, fg="yellow"), name, why) for verb, id_, name, why in rows])
    yield f"{remote_summary(pruned)} ({pruned.requests:,} requests, {pruned.seconds:.2f} s)"
    if pruned.held:
        yield hint(
            f"{size(pruned.held_bytes)} are held until their grace is over; 'snap prune --remote --now' frees them"
        )


def remote_summary(pruned: RemotePruned) -> str:
    """Return in a line what a prune of a remote did."""
    tags, packs = counted(len(pruned.removed), "tag"), counted(pruned.condemned, "pack")
    freed = f"{counted(pruned.deleted, 'object')} of {size(pruned.deleted_bytes)}"
    if pruned.dry_run:
        return f"would remove {tags} of {pruned.remote}, condemn {packs}, and delete {freed}"
    new = f", wrote {counted(pruned.packs, 'new pack')} of {size(pruned.bytes)}" if pruned.packs else ""
    return f"removed {tags} of {pruned.remote}, condemned {packs}{new}; deleted {freed}"


def checked_remote_lines(checked: RemoteChecked) -> Iterator[str]:
    """Yield the lines of a check of a remote."""
    if checked.healed and checked.healed.entry is not None:
        yield _healed(checked.healed)
    for damage in checked.damaged[:_MOST_SHOWN]:
        yield _damage(damage)
    if len(checked.damaged) > _MOST_SHOWN:
        yield f"… {len(checked.damaged) - _MOST_SHOWN:,} more; --json has them all"
    for one in checked.affected:
        yield f"affected {short(one.snapshot)} {', '.join(map(one_line, one.names))}"
    how = "every object read" if checked.full else "packs not read"
    what = (counted(checked.entries, "entry"), counted(checked.packs, "pack"), counted(checked.objects, "object"))
    yield f"checked {', '.join(what)}, {counted(checked.tags, 'tag')} ({how}, {checked.seconds:.2f} s)"
    if checked.orphans:
        yield f"{counted(checked.orphans, 'object')} of pushes that did not end, {size(checked.orphan_bytes)}: harmless"
    if checked.condemned:
        left = f"{counted(checked.condemned, 'object')}, {size(checked.condemned_bytes)}"
        yield f"{left}, that 'snap prune --remote' is going to delete: harmless"
    if checked.ok:
        yield style(f"the remote {checked.remote} is sound", fg="green")
        return
    yield hint(_advice(checked))
    yield style(f"the remote {checked.remote} is damaged", fg="red", bold=True)


def _healed(healed: RemoteHealed) -> str:
    again = f"uploaded {counted(healed.objects, 'object')} again, {size(healed.sent)}"
    return f"healed   {again}; gave up {counted(len(healed.given_up), 'pack')}"


def _advice(checked: RemoteChecked) -> str:
    heal = f"'snap fsck --remote --heal {one_line(checked.remote)}'"
    if any(damage.what == LOG_FLAW for damage in checked.damaged):
        return "'snap remote add NAME URL' makes another one, for what stores still have of it"
    if checked.healed is None:
        return f"{heal} uploads again what this store has of it"
    return f"{heal}, where a store has these tags, uploads the rest; 'snap push --delete NAME' removes a tag"


def _damage(damage: Damage) -> str:
    about = [f"{what} {short(id_)}" for what, id_ in (("object", damage.object), ("pack", damage.pack)) if id_]
    where = " in ".join(about) or damage.what
    affects = f" (affects {counted(len(damage.snapshots), 'snapshot')})" if damage.snapshots else ""
    return f"{style('damaged', fg='red')}  {where}: {one_line(damage.detail)}{affects}"
