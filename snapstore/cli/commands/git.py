"""`snap git`: the databases follow the branches of a Git repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import timeout_option
from snapstore.cli.output import table, when
from snapstore.cli.paint import style
from snapstore.errors import SnapError
from snapstore.ids import short
from snapstore.results.hooks import hook_text
from snapstore.results.text import one_line

if TYPE_CHECKING:
    from snapstore.results.branches import GitInstalled, GitStatus, GitSynced, GitUninstalled

EXAMPLES = """
snap git install
snap git
snap git sync
snap git uninstall
"""
STATUS, INSTALL, UNINSTALL, SYNC, HOOK = "status", "install", "uninstall", "sync", "post-checkout"
_SHOWN = (STATUS, INSTALL, UNINSTALL, SYNC)
_ARGUMENTS = 3  # of the hook
_HOW = {
    "created": "created",
    "inserted": "added our lines to",
    "wrapped": "runs what was there before, after our lines:",
    "renewed": "renewed our lines in",
    "unchanged": "installed already:",
    "removed": "removed",
    "put-back": "as it was before:",
    "absent": "not installed:",
}


@click.command("git", cls=SnapCommand, examples=EXAMPLES)
@click.argument("action", type=click.Choice([*_SHOWN, HOOK]), metavar=f"[{'|'.join(_SHOWN)}]", default=STATUS)
@click.argument("arguments", nargs=-1, metavar="")
@timeout_option
@click.pass_obj
def command(context: Context, action: str, arguments: tuple[str, ...], timeout: float | None) -> int:
    """Have the databases follow the Git branch.

    `install` adds a post-checkout hook. At every switch of the branch it keeps the live state as the tag branch/OLD,
    and brings branch/NEW back where there is one; a new branch keeps what is there. `sync` does that once. `status`
    shows which branches have a state, of when. `snap undo` brings back what a switch replaced.
    """
    if len(arguments) != (_ARGUMENTS if action == HOOK else 0):
        raise click.UsageError("it takes no more arguments")
    if action == HOOK:
        _follow(context, *arguments)
        return 0
    snapstore, output = context.snapstore, context.output
    if action == INSTALL:
        installed = snapstore.git_install()
        output.result(installed, _installed(installed))
    elif action == UNINSTALL:
        uninstalled = snapstore.git_uninstall()
        output.result(uninstalled, _uninstalled(uninstalled))
    elif action == SYNC:
        synced = snapstore.git_sync(timeout=timeout)
        output.result(synced, _synced(synced) or [f"the databases are those of '{synced.branch}'"])
        return report_hooks(context, synced.hooks)
    else:
        status = snapstore.git_status()
        output.result(status, _status(status))
    return 0


def _follow(context: Context, previous: str, current: str, flag: str) -> None:
    """Do what the hook does. Git must not fail, so an error is a word on standard error."""
    import os

    from snapstore.api.checkout import Checkout, after_checkout

    output = context.output
    try:
        done = after_checkout(Checkout(previous, current, flag), os.environ, output.note, context.progress)
    except (SnapError, OSError) as error:
        hint = f" ({error.hint})" if isinstance(error, SnapError) and error.hint else ""
        output.note(f"snapstore: the databases stay as they are: {error}{hint}")
        return
    for line in _synced(done) if done else ():
        output.note(f"snapstore: {line}")
    if done:
        report_hooks(context, done.hooks)


def _synced(synced: GitSynced) -> list[str]:
    of_hooks = {hook_text(one) for one in synced.hooks}  # report_hooks prints them
    found = [one_line(warning) for warning in synced.warnings if warning not in of_hooks]
    if synced.kept and synced.snapshot:
        found.append(f"kept the state of '{synced.before}' as {synced.kept} ({short(synced.snapshot)})")
    if synced.restored:
        from snapstore.cli.commands.restore import lines as lines_of_restore  # few checkouts restore anything

        found += lines_of_restore(synced.restored, f"the state of '{synced.branch}'")
    return found


def _installed(installed: GitInstalled) -> Iterator[str]:
    yield f"{_HOW[installed.how]} {installed.hook}"
    yield f"the databases of {installed.config} follow the branch"
    yield from map(one_line, installed.warnings)


def _uninstalled(uninstalled: GitUninstalled) -> Iterator[str]:
    yield f"{_HOW[uninstalled.how]} {uninstalled.hook}"


def _status(status: GitStatus) -> Iterator[str]:
    if status.installed:
        yield f"the databases of {status.config} follow the branch ({status.hook})"
    else:
        yield hint("the databases do not follow the branch; 'snap git install' makes them")
    yield f"checked out: {status.branch or 'no branch'}; the databases are those of: {status.holder or 'nobody knows'}"
    rows = [
        (
            style(one.name, fg="yellow"),
            short(one.snapshot),
            when(one.kept),
            ", ".join([*["pinned"] * one.pinned, *["branch deleted"] * (not one.exists)]),
        )
        for one in status.states
    ]
    yield from table(rows)
    yield from map(one_line, status.warnings)
