"""`snap clone`: begin with what a remote has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.options import timeout_option
from snapstore.cli.remote_text import pulled_lines
from snapstore.cli.types import PATH
from snapstore.results.remotes import Cloned
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap clone s3://team-baselines/shop
snap clone s3://team-baselines/shop --db db.sqlite3 --restore baseline
snap clone /mnt/team/shop shop --pull baseline --pull 'release-*'
"""


@click.command("clone", cls=SnapCommand, examples=EXAMPLES)
@click.argument("url")
@click.argument("folder", required=False, type=PATH, default=".")
@click.option("--restore", metavar="NAME", help="Restore this tag.")
@click.option("--pull", multiple=True, metavar="GLOB", help="Bring only tags that match; repeatable [default: all].")
@click.option("--endpoint", metavar="URL", help="The server, if it is not the provider's own.")
@click.option("--region", metavar="NAME", help="The region of the bucket.")
@click.option("--profile", metavar="NAME", help="A profile of the AWS configuration to take credentials from.")
@click.option("--allow-http", is_flag=True, help="Let the endpoint be one without TLS.")
@timeout_option
@click.pass_obj
def command(context: Context, /, url: str, folder: str, **options: Any) -> None:
    """Begin with what a remote has.

    Writes snapstore.yaml into FOLDER, by default the current one, brings the tags of the remote, and restores one of
    them where that is asked for. --db says where the database is to be; else it is called as where it comes from. A
    snapstore.yaml that is there is never overwritten.
    """
    from snapstore.api.clone import clone

    if context.config is not None:
        raise click.UsageError("--config names a configuration, and a clone writes one: leave it out")
    cloned = clone(
        url,
        folder,
        db=context.db,
        store=context.store,
        progress=context.progress,
        say=context.output.note,
        **options,
    )
    context.db = None  # the configuration names it now
    context.output.result(cloned, _lines(cloned, folder))


def _lines(cloned: Cloned, folder: str) -> Iterator[str]:
    yield from pulled_lines(cloned.pulled) if cloned.pulled.refs else ()
    tags = counted(len(cloned.pulled.refs), "tag")
    yield f"wrote {one_line(cloned.config)} for project '{one_line(cloned.project)}', with {tags}"
    if cloned.restored:
        yield f"restored {cloned.restored}"
    elif cloned.pulled.refs:
        there = "" if folder == "." else f"in {one_line(folder)}, "
        yield hint(f"{there}'snap restore {cloned.pulled.refs[0].name}' brings it into the live database")
