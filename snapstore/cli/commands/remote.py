"""`snap remote`: which remotes there are; add, remove and accept them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.output import table, when
from snapstore.cli.paint import style
from snapstore.cli.remote_types import REMOTE
from snapstore.results.remotes import Fetched, Remote, RemoteAdded, RemoteRemoved, Remotes
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap remote
snap remote add origin s3://team-baselines/shop
snap remote add origin /mnt/team/shop
snap remote rm origin
snap remote accept origin
"""
LIST, ADD, REMOVE, ACCEPT = "list", "add", "rm", "accept"
_SHOWN = (ADD, REMOVE, ACCEPT)
_ARGUMENTS = {LIST: (0, 0), ADD: (2, 2), REMOVE: (1, 1), ACCEPT: (0, 1)}
_USAGE = {LIST: "", ADD: " NAME URL", REMOVE: " NAME", ACCEPT: " [NAME]"}


@click.command("remote", cls=SnapCommand, examples=EXAMPLES)
@click.argument("action", type=click.Choice([LIST, *_SHOWN]), metavar=f"[{'|'.join(_SHOWN)}]", default=LIST)
@click.argument("arguments", nargs=-1, type=REMOTE, metavar="[NAME] [URL]")
@click.option("--endpoint", metavar="URL", help="The server, if it is not the provider's own.")
@click.option("--region", metavar="NAME", help="The region of the bucket.")
@click.option("--profile", metavar="NAME", help="A profile of the AWS configuration to take credentials from.")
@click.option("--allow-http", is_flag=True, help="Let the endpoint be one without TLS.")
@click.option("--unsafe-single-writer", is_flag=True, help="Take a server that overwrites: one machine alone may push.")
@click.option("--read-only", is_flag=True, help="Never push there.")
@click.option("--project", metavar="NAME", help="The project that it is, or becomes, a remote of [the folder's name].")
@click.option("--unsigned", is_flag=True, help="With accept: also if no signer signed what is there.")
@click.pass_obj
def command(context: Context, /, action: str, arguments: tuple[str, ...], *, unsigned: bool, **options: Any) -> None:
    """List, add and remove remotes.

    A remote is a bucket of object storage or a folder, in which stores share snapshots. `add` writes it into
    snapstore.yaml, creates it where nothing is, and tries whether the server does what pushes rely on. `rm` takes it
    out of the file and deletes nothing there. `accept` takes a remote as it is now, after it was replaced or rewound.
    """
    least, most = _ARGUMENTS[action]
    if not least <= len(arguments) <= most:
        raise click.UsageError(f"expected 'remote{'' if action == LIST else f' {action}'}{_USAGE[action]}'")
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if given and action != ADD:
        raise click.UsageError(f"{given[0]} belongs to 'remote {ADD}'")
    if unsigned and action != ACCEPT:
        raise click.UsageError(f"--unsigned belongs to 'remote {ACCEPT}'")
    snapstore, output = context.snapstore, context.output
    if action == ADD:
        added = snapstore.add_remote(*arguments, **options)
        output.result(added, _added(added))
    elif action == REMOVE:
        removed = snapstore.remove_remote(*arguments)
        output.result(removed, _removed(removed))
    elif action == ACCEPT:
        accepted = snapstore.accept_remote(*arguments, unsigned=unsigned)
        output.result(accepted, _accepted(accepted))
    else:
        listed = snapstore.remotes()
        output.result(listed, _listed(listed, more=output.verbose), always=True)


def _added(added: RemoteAdded) -> Iterator[str]:
    what = "created" if added.created else "found"
    yield f"{what} the remote of project '{one_line(added.project)}' at {one_line(added.url)}"
    if not added.created:
        yield f"it has {counted(added.tags, 'tag')}"
    yield f"added {added.name} to {one_line(added.file)}"
    if added.is_safe is None:
        yield hint("could not be tried, for want of the right to write: whether the server refuses to overwrite")
    if added.is_safe is False:
        yield style("the server overwrites objects: two pushes at a time would destroy each other", fg="yellow")
    if added.tags:
        yield hint(f"'snap pull {added.name} NAME' brings a tag, 'snap tags -r {added.name}' lists them")
    else:
        yield hint(f"'snap push {added.name} NAME' sends a tag there")


def _removed(removed: RemoteRemoved) -> Iterator[str]:
    yield f"removed {removed.name} from {one_line(removed.file)}; nothing was deleted there"


def _accepted(accepted: Fetched) -> Iterator[str]:
    tags = counted(len(accepted.refs), "tag")
    yield f"took {accepted.remote} as it is: project '{one_line(accepted.project)}', entry {accepted.entry}, {tags}"


def _listed(remotes: Remotes, *, more: bool) -> Iterator[str]:
    if not remotes.remotes:
        yield hint("no remote yet; 'snap remote add origin URL' adds one")
    yield from table([_row(one, more=more) for one in remotes.remotes])


def _row(one: Remote, *, more: bool) -> tuple[str, ...]:
    marks = [*["default"] * one.is_default, *["read-only"] * one.read_only]
    row = (style(one.name, fg="yellow"), one_line(one.url), ", ".join(marks))
    return (*row, _known(one)) if more else row


def _known(one: Remote) -> str:
    if one.fetched is None:
        return "not fetched yet"
    tags = counted(one.tags or 0, "tag")
    return f"project '{one_line(one.project or '')}', {tags}, entry {one.entry}, last contact {when(one.fetched)}"
