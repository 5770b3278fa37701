"""`snap stores`: list stores, and remove those that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.options import timeout_option, yes_option
from snapstore.cli.output import size, when
from snapstore.cli.paint import style
from snapstore.cli.types import PATH
from snapstore.results.stores import StoreProject, Stores, StoreSummary
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap stores
snap stores --remove ~/.local/share/snapstore/shop-0123456789ab
"""


@click.command("stores", cls=SnapCommand, examples=EXAMPLES)
@click.option("--remove", type=PATH, multiple=True, metavar="DIR", help="Remove a store whose databases are all gone.")
@click.option("--force", is_flag=True, help="Remove it whatever it holds.")
@timeout_option
@yes_option
@click.pass_obj
def command(context: Context, /, remove: tuple[str, ...], force: bool, timeout: float | None, yes: bool) -> None:
    """List stores, and what they belong to.

    Lists those in the user's data folder and the one in force here, with their projects, their size and when they were
    last used. A project is gone if none of its databases exists; a store, if all its projects are.
    """
    if remove:
        context.confirm(f"Remove {counted(len(remove), 'store')} for good?", yes=yes)
    result = context.snapstore.stores(remove=remove, force=force, timeout=timeout)
    context.output.result(result, _lines(result))


def _lines(result: Stores) -> Iterator[str]:
    yield from (f"removed '{path}'" for path in result.removed)
    if not result.stores and not result.removed:
        yield hint("no store yet; 'snap tag baseline' creates one")
    for store in result.stores:
        yield from _store(store)


def _store(store: StoreSummary) -> Iterator[str]:
    used = f"last used {when(store.last_used)}" if store.last_used else "never used"
    mark = style("  gone", fg="yellow") if store.gone else ""
    yield f"{style(store.path, bold=True)}  {size(store.bytes)}  {used}{mark}"
    if store.problem:
        yield f"  {style(one_line(store.problem), fg='red')}"
    yield from (f"  {_project(project)}" for project in store.projects)


def _project(project: StoreProject) -> str:
    mark = "gone" if project.gone else "there"
    paths = ", ".join(map(one_line, project.databases.values()))
    whose = f"  worker {project.worker}" if project.worker else ""
    return f"{mark:5}  {counted(project.snapshots, 'snapshot')}, last used {when(project.last_used)}  {paths}{whose}"
