"""`snap prune`: forget snapshots by a policy, and free space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.options import timeout_option, yes_option
from snapstore.cli.output import size, table, when
from snapstore.cli.paint import style
from snapstore.cli.remote_checks import pruned_remote_lines, remote_summary
from snapstore.cli.remote_types import REMOTE
from snapstore.cli.types import COUNT, checked
from snapstore.history.retention import parse_duration
from snapstore.ids import short
from snapstore.results.prunes import ForgottenSnapshot, KeptSnapshot, Pruned
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap prune --keep-last 10 -n
snap prune --keep-last 5 --keep-daily 7 --keep-within 2d
snap prune --keep-last 1 --tags --keep-tag 'release-*'
snap prune --undo
snap prune --gone 7d
snap prune --remote
snap prune --remote ci --keep-within 14d --keep-tag 'release-*' -n
"""
DURATION = checked("duration", parse_duration)


@click.command("prune", cls=SnapCommand, examples=EXAMPLES)
@click.argument("remote", required=False, type=REMOTE)
@click.option("--remote", "on_remote", is_flag=True, help="Prune a remote, not the store.")
@click.option("--keep-last", type=COUNT, metavar="N", help="Keep the newest N.")
@click.option("--keep-hourly", type=COUNT, metavar="N", help="Keep the newest of each of the last N hours.")
@click.option("--keep-daily", type=COUNT, metavar="N", help="The same for days.")
@click.option("--keep-weekly", type=COUNT, metavar="N", help="The same for weeks.")
@click.option("--keep-monthly", type=COUNT, metavar="N", help="The same for months.")
@click.option("--keep-yearly", type=COUNT, metavar="N", help="The same for years.")
@click.option(
    "--keep-within", type=DURATION, metavar="TIME", help="Keep all that are at most this much older than the newest."
)
@click.option("--keep-tag", multiple=True, metavar="GLOB", help="Keep tags that match; with --tags.")
@click.option("--tags", is_flag=True, help="Apply the rules to tagged snapshots too; pinned ones stay.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be done.")
@click.option("--grace", type=DURATION, metavar="TIME", help="How long a forgotten snapshot can be brought back [14d].")
@click.option("--now", "at_once", is_flag=True, help="No grace: free forgotten snapshots at once, for good.")
@click.option("--undo", is_flag=True, help="Bring back what was forgotten last.")
@click.option("--all-projects", is_flag=True, help="Apply the rules to each project of the store.")
@click.option(
    "--gone", type=DURATION, metavar="AGE", help="Forget projects whose databases have not been there that long."
)
@click.option("--auto", type=COUNT, hidden=True)
@timeout_option
@yes_option
@click.pass_obj
def command(
    context: Context,
    /,
    remote: str | None,
    on_remote: bool,
    keep_within: str | None,
    keep_tag: tuple[str, ...],
    tags: bool,
    dry_run: bool,
    grace: str | None,
    at_once: bool,
    undo: bool,
    all_projects: bool,
    gone: str | None,
    auto: int | None,
    timeout: float | None,
    yes: bool,
    **counts: Any,
) -> None:
    """Forget snapshots by policy and free space.

    A snapshot stays if any rule keeps it; without rules here, those of the configuration apply. Tags, pins, HEAD and
    the state that `snap undo` would restore stay. A forgotten snapshot can be brought back for a while
    (`snap tag NAME ID`, or --undo for all of the last prune); then the next prune frees its space. Other commands may
    run at the same time.

    With --remote, a remote is pruned, by default the default one, which needs the right to delete there. Without rules
    no tag goes; with rules they decide about tags, except pinned ones and the baseline. What no tag needs is deleted
    after --grace, at least 1d; with --now at once, and a pull that is under way may fail.
    """
    snapstore = context.snapstore
    if on_remote:
        if undo or gone or all_projects or tags:
            raise click.UsageError("--remote cannot be combined with --undo, --gone, --all-projects or --tags")
        kept = {**counts, "keep_within": keep_within, "keep_tags": keep_tag, "grace": grace, "timeout": timeout}
        _prune_remote(context, remote, at_once=at_once, dry_run=dry_run, yes=yes, **kept)
        return
    if remote is not None:
        raise click.UsageError("REMOTE needs --remote")
    if undo:
        back = snapstore.undo_prune()
        number = len(back.brought_back) + sum(map(len, back.workers.values()))
        context.output.result(back, [f"brought back {counted(number, 'snapshot')}{_by_workers(back.workers)}"])
        return
    if auto is not None:
        snapstore.prune_in_background(auto)
        return
    prune = partial(
        snapstore.prune,
        **counts,
        keep_within=keep_within,
        keep_tags=keep_tag,
        tags=tags,
        grace="0" if at_once else grace,
        all_projects=all_projects,
        gone=gone,
        timeout=timeout,
    )
    if not dry_run and context.can_ask(yes=yes):
        context.confirm(f"{_summary(prune(dry_run=True))}. Go on?", yes=yes)
    result = prune(dry_run=dry_run)
    context.output.result(result, _lines(result))


def _prune_remote(
    context: Context, remote: str | None, *, at_once: bool, dry_run: bool, yes: bool, **options: Any
) -> None:
    prune = partial(context.snapstore.prune_remote, remote, at_once=at_once, **options)
    if not dry_run and context.can_ask(yes=yes):
        wait = " Pulls that are under way may fail." if at_once else ""
        context.confirm(f"{remote_summary(prune(dry_run=True))}.{wait} Go on?", yes=yes)
    result = prune(dry_run=dry_run)
    context.output.result(result, pruned_remote_lines(result))


def _lines(result: Pruned) -> Iterator[str]:
    keeps, forgets = ("would keep", "would forget") if result.dry_run else ("kept", "forgot")
    listed: list[tuple[str, KeptSnapshot | ForgottenSnapshot, str]] = [
        (keeps, one, ", ".join(one.reasons)) for one in result.kept
    ]
    listed += [(forgets, one, "") for one in result.forgotten]
    yield from table(
        [
            (verb, style(short(one.snapshot), fg="yellow"), when(one.created), one_line(why), one_line(one.message))
            for verb, one, why in listed
        ]
    )
    for name in result.untagged:
        yield f"{'would remove' if result.dry_run else 'removed'} the tag {name}"
    for project in result.gone:
        paths = ", ".join(map(one_line, project.databases.values()))
        yield f"gone     {counted(project.snapshots, 'snapshot')}, last used {when(project.last_used)}  {paths}"
    for worker in result.workers:
        yield f"gone     the store of worker {worker.worker}, {size(worker.bytes)}  {one_line(worker.path)}"
    for one in result.worker_stores:
        if one.problem:
            yield f"left alone, the store of worker {one.worker}: {one_line(one.problem)}"
    for pack in result.damaged_packs:
        yield f"left alone, damaged: pack {pack}"
    yield f"{_summary(result)} ({result.seconds:.2f} s)"
    if result.held_bytes and result.held_until:
        held = "would be held" if result.dry_run else "are held"
        yield hint(
            f"{size(result.held_bytes)} {held} for forgotten snapshots until {when(result.held_until)};"
            " 'snap tag NAME ID' brings one back, 'snap prune --now' frees them"
        )


def _summary(result: Pruned) -> str:
    removed = {one.worker: one.removed for one in result.worker_stores if one.removed}
    number = len(result.removed) + sum(map(len, removed.values()))
    gone = f"{counted(number, 'snapshot')}{_by_workers(removed)}"
    kept = f"{len(result.kept) + sum(one.kept for one in result.worker_stores):,}"
    if result.dry_run:
        return f"would forget {gone}, keep {kept}, and free at least {size(result.freed_bytes)}"
    return f"forgot {gone}, kept {kept}; freed {size(result.freed_bytes)}"


def _by_workers(snapshots: Mapping[str, tuple[str, ...]]) -> str:
    """Return how many of the snapshots are in the stores of workers, in brackets; empty where none is."""
    number = sum(map(len, snapshots.values()))
    return f" ({number:,} in the stores of {counted(len(snapshots), 'worker')})" if number else ""
