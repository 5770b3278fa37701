"""`snap tag`: name the live state, or a snapshot."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.options import timeout_option
from snapstore.cli.output import size
from snapstore.cli.types import REVISION
from snapstore.ids import short
from snapstore.results.snapshots import Taken
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap tag baseline
snap tag run-41 -m 'before the new checkout'
snap tag release --new --pin
snap tag good baseline@{1}
"""


_MOST_NAMED = 5


@click.command("tag", cls=SnapCommand, examples=EXAMPLES)
@click.argument("name")
@click.argument("rev", required=False, type=REVISION)
@click.option("-m", "--message", default="", metavar="TEXT", help="Describe the state.")
@click.option("--new", is_flag=True, help="Refuse a name that exists.")
@click.option("--pin", is_flag=True, help="Protect the name from being moved or removed.")
@click.option("--force", is_flag=True, help="Move a pinned name, or a name of another database.")
@timeout_option
@click.pass_obj
def command(
    context: Context,
    name: str,
    rev: str | None,
    message: str,
    new: bool,
    pin: bool,
    force: bool,
    timeout: float | None,
) -> None:
    """Take a snapshot of the databases as NAME.

    A name that exists moves, and NAME@{1} is where it was. An unchanged database costs nothing. With REV, that
    snapshot gets the name; a forgotten one is brought back.
    """
    result = context.snapstore.tag(name, rev, message=message, new=new, pin=pin, force=force, timeout=timeout)
    context.output.warn(result.warnings)
    for folder, one in result.files.items():
        if one.left_out:
            shown = ", ".join(map(one_line, one.left_out[:_MOST_NAMED]))
            context.output.note(f"snap: files {one_line(folder)}: left out {shown}: no files, folders or links")
    context.output.result(result, [line(result)])


def line(result: Taken) -> str:
    """Return the line that describes a snapshot that was taken."""
    pages = counted(sum(one.pages for one in result.databases.values()), "page")
    what = "unchanged" if result.unchanged else f"{size(result.stored_bytes)} stored"
    files = "".join(f", {counted(one.entries, 'entry')} in {one_line(name)}" for name, one in result.files.items())
    moved = f", was {short(result.moved_from)}" if result.moved_from not in (None, result.snapshot) else ""
    return f"{result.name} is {short(result.snapshot)} ({pages}{files}, {what}{moved}, {result.seconds:.2f} s)"
