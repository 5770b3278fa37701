"""`snap prune`: forget snapshots by a policy, and free space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from snapstore.actions.prune import PruneOptions, PruneResult, bring_back_last, prune
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import counted, one_line, size, table, when
from snapstore.cli.parameters import COUNT, Function, Text, option, timeout_option, yes_option
from snapstore.cli.prune_config import PruneSettings
from snapstore.cli.styles import style
from snapstore.cli.upkeep import be_humble
from snapstore.history.retention import Retention, parse_duration
from snapstore.ids import short

EXAMPLES = """
snap prune --keep-last 10 -n
snap prune --keep-last 5 --keep-daily 7 --keep-within 2d
snap prune --keep-last 1 --tags --keep-tag 'release-*'
snap prune --undo
"""


class Duration(Text):
    """A time such as `7d`."""

    def read(self, text: str) -> timedelta:
        """Return it. Raises ValueError."""
        return parse_duration(text)


def _count(name: str, text: str) -> Callable[[Function], Function]:
    return option(f"--keep-{name}", type=COUNT, metavar="N", help=text)


@snap_command("prune", EXAMPLES)
@_count("last", "Keep the newest N.")
@_count("hourly", "Keep the newest of each of the last N hours that have any.")
@_count("daily", "The same by days.")
@_count("weekly", "The same by weeks.")
@_count("monthly", "The same by months.")
@_count("yearly", "The same by years.")
@option("--keep-within", type=Duration(), metavar="TIME", help="Keep what is no more than this older than the newest.")
@option("--keep-tag", several=True, metavar="GLOB", help="Keep tags that match; with --tags.")
@option("--tags", is_flag=True, help="Let the rules decide about tagged snapshots too; pinned ones stay.")
@option("-n", "--dry-run", is_flag=True, help="Say what would be done.")
@option("--grace", type=Duration(), metavar="TIME", help="How long forgotten snapshots can be brought back [14d].")
@option("--now", "at_once", is_flag=True, help="No grace: free at once what is forgotten, for good.")
@option("--undo", is_flag=True, help="Bring back what was forgotten last.")
@option("--all-projects", is_flag=True, help="Apply the rules to each project of the store.")
@option("--auto", type=COUNT, hidden=True)
@timeout_option
@yes_option
def command(
    context: Context,
    keep_within: timedelta | None,
    keep_tag: tuple[str, ...],
    tags: bool,
    dry_run: bool,
    grace: timedelta | None,
    at_once: bool,
    undo: bool,
    all_projects: bool,
    auto: int | None,
    timeout: float | None,
    yes: bool,
    **counts: int | None,
) -> None:
    """Forget the snapshots that no rule keeps, and free what nothing needs.

    The rules are ORed; without any, those of the configuration count. Tags, pins, HEAD and the state `snap undo`
    would bring back stay. A forgotten snapshot can be brought back for a while (`snap tag NAME ID`, or --undo for all
    of the last prune); then the next prune frees its space. Other commands may run meanwhile.
    """
    if undo:
        _undo(context)
        return
    if auto is not None:
        be_humble()
    settings = _settings(context)
    given = Retention(**counts, keep_within=keep_within, keep_tags=keep_tag, tags=tags)
    options = PruneOptions(
        _policy(context, settings.policy, given),
        timedelta() if at_once else settings.grace if grace is None else grace,
        dry_run,
        all_projects,
        auto,
        context.places.timeout if timeout is None else timeout,
    )
    project = context.places.project
    with context.places.open_store() as store:
        if not dry_run and context.asks(yes=yes):
            question = prune(store, project, _dry(options), context.progress)
            context.confirm(f"{_summary(question)}. Go on?", yes=yes)
        result = prune(store, project, options, context.progress)
    context.output.result(_document(result), _lines(result))


def _undo(context: Context) -> None:
    with context.places.open_store() as store:
        back = bring_back_last(store, context.places.project)
    context.output.result({"brought_back": back}, [f"brought back {counted(len(back), 'snapshot')}"])


def _settings(context: Context) -> PruneSettings:
    config = context.places.config
    return config.prune if config and config.prune else PruneSettings()


def _policy(context: Context, configured: Retention, given: Retention) -> Retention:
    """Return the rules that were given, else those of the configuration; a suite's backup is never one to go."""
    policy = configured._replace(tags=given.tags or configured.tags) if given.is_empty else given
    if policy.tags and not policy.is_empty:
        return policy._replace(keep_tags=(*policy.keep_tags, context.places.backup_name))
    return policy


def _dry(options: PruneOptions) -> PruneOptions:
    from dataclasses import replace

    return replace(options, dry_run=True)


def _document(result: PruneResult) -> dict[str, Any]:
    return {
        "kept": [{"snapshot": one.snapshot, "reasons": one.reasons, "names": one.names} for one in result.kept],
        "removed": result.removed,
        "untagged": result.untagged,
        "expired": result.expired,
        "freed_bytes": result.freed_bytes,
        "held_bytes": result.held_bytes,
        "held_until": result.held_until,
        "damaged_packs": result.damaged_packs,
        "dry_run": result.dry_run,
        "seconds": result.seconds,
    }


def _lines(result: PruneResult) -> Iterator[str]:
    keeps, forgets = ("would keep", "would forget") if result.dry_run else ("kept", "forgot")
    yield from table(
        [
            (keeps, style(short(one.snapshot), fg="yellow"), when(one.created), one_line(", ".join(one.reasons)))
            for one in result.kept
        ]
    )
    yield from (f"{forgets}  {style(short(snapshot), fg='yellow')}" for snapshot in result.removed)
    for name in result.untagged:
        yield f"{'would remove' if result.dry_run else 'removed'} the tag {name}"
    for pack in result.damaged_packs:
        yield f"left alone, damaged: pack {pack}"
    yield f"{_summary(result)} ({result.seconds:.2f} s)"
    if result.held_bytes and result.held_until:
        held = "would be held" if result.dry_run else "are held"
        yield (
            f"{size(result.held_bytes)} {held} for forgotten snapshots until {when(result.held_until)};"
            " 'snap tag NAME ID' brings one back, 'snap prune --now' frees them"
        )


def _summary(result: PruneResult) -> str:
    gone, kept = counted(len(result.removed), "snapshot"), f"{len(result.kept):,}"
    if result.dry_run:
        return f"would forget {gone}, keep {kept}, and free about {size(result.freed_bytes)}"
    return f"forgot {gone}, kept {kept}; freed {size(result.freed_bytes)}"
