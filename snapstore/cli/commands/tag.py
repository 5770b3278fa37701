"""`snap tag`: name the live state, or a snapshot there is."""

from __future__ import annotations

from snapstore.actions.name import name_snapshot
from snapstore.actions.take import TakeOptions, TakeResult, take
from snapstore.cli.command import Context, snap_command
from snapstore.cli.output import counted, size
from snapstore.cli.parameters import REVISION, argument, option, timeout_option
from snapstore.cli.upkeep import upkeep
from snapstore.ids import short

EXAMPLES = """
snap tag baseline
snap tag run-41 -m 'before the new checkout'
snap tag release --new --pin
snap tag good baseline@{1}
"""


@snap_command("tag", EXAMPLES)
@argument("name")
@argument("rev", required=False, type=REVISION)
@option("-m", "--message", default="", metavar="TEXT", help="Say what the state is.")
@option("--new", is_flag=True, help="Refuse a name that exists.")
@option("--pin", is_flag=True, help="Protect the name from being moved or removed.")
@option("--force", is_flag=True, help="Move a pinned name, or one of another database's snapshot.")
@timeout_option
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
    """Take a snapshot of the live databases and name it NAME.

    A name that exists moves, and NAME@{1} is where it was. An unchanged database costs nothing. With
    REV, that snapshot gets the name, and a forgotten one is brought back.
    """
    places = context.places
    wait = places.timeout if timeout is None else timeout
    options = TakeOptions(name, message, "tag", new, pin, force, wait)
    if rev:
        with places.open_store() as store:
            id_ = store.revisions(places.project.origin).with_forgotten().resolve(rev)
            result = name_snapshot(store, places.project, id_, options)
    else:
        project = places.project  # a missing configuration must not leave an empty store behind
        with places.create_store() as store:
            result = take(store, project, options, context.progress)
            upkeep(context, store)
    context.output.result(result, [describe(result)])


def describe(result: TakeResult) -> str:
    """Return the line that says what was taken."""
    pages = counted(sum(one.pages for one in result.databases.values()), "page")
    stored = size(sum(one.stored_bytes for one in result.databases.values()))
    what = "unchanged" if result.unchanged else f"{stored} stored"
    moved = f", was {short(result.moved_from)}" if result.moved_from not in (None, result.snapshot) else ""
    return f"{result.name} is {short(result.snapshot)} ({pages}, {what}{moved}, {result.seconds:.2f} s)"
