"""`snap restore`: bring a snapshot back under the running application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.hints import hint
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import pull_option, timeout_option, yes_option
from snapstore.cli.output import size
from snapstore.cli.types import PATH, REVISION
from snapstore.ids import short
from snapstore.results.files import RestoredFiles
from snapstore.results.restores import IN_PLACE, NONE, Restored
from snapstore.results.text import counted, one_line

EXAMPLES = """
snap restore
snap restore baseline
snap restore baseline@{1} -n
snap restore run-41 --to copy.sqlite3
"""


@click.command("restore", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", required=False, type=REVISION)
@click.option("--to", type=PATH, metavar="PATH", help="Write a copy there, and leave the live databases alone.")
@click.option("--only-db", metavar="NAME", help="One of several databases.")
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be written.")
@click.option("--no-safety", is_flag=True, help="Do not keep the present state; undo is then impossible.")
@click.option("--force", is_flag=True, help="Replace a file that is damaged, in use, or of another database.")
@pull_option
@timeout_option
@yes_option
@click.pass_obj
def command(
    context: Context,
    rev: str | None,
    to: str | None,
    only_db: str | None,
    dry_run: bool,
    no_safety: bool,
    force: bool,
    timeout: float | None,
    yes: bool,
) -> int:
    """Restore a snapshot.

    Without REV, brings the backup back while its suite is under way, else the `baseline` of snapstore.yaml.
    Open connections see the state of REV at their next statement. The state before is kept, and `snap undo` brings it
    back.
    """
    if (no_safety or force) and not dry_run and to is None:
        how = "without a way back" if no_safety else "by force"
        context.confirm(f"Restore {rev or 'the backup or the baseline'} {how}?", yes=yes)
    result = context.snapstore.restore(
        rev, to=to, only_db=only_db, safety=not no_safety, force=force, dry_run=dry_run, timeout=timeout
    )
    context.output.result(result, lines(result, result.rev or context.snapstore.backup_name))
    return report_hooks(context, result.hooks, result.warnings)


def files_lines(files: Mapping[str, RestoredFiles], *, dry_run: bool) -> Iterator[str]:
    """Yield the lines that describe what was, or would be, restored in folders; a dry run's name the paths."""
    for name, one in files.items():
        yield _files_line(name, one, dry_run=dry_run)
        if one.paths:
            from snapstore.results.file_text import path_lines  # few projects have files

            yield from path_lines(one.paths, one.paths_left_out, most=None)


def _files_line(name: str, one: RestoredFiles, *, dry_run: bool) -> str:
    numbers = ((one.written, "written"), (one.removed, "removed"), (one.adjusted, "with mode or time set"))
    done = ", ".join(f"{number:,} {what}" for number, what in numbers if number)
    if not done:
        return f"files {one_line(name)}: nothing to write"
    return f"files {one_line(name)}: {'would have ' if dry_run else ''}{done}, of {counted(one.entries, 'entry')}"


def lines(result: Restored, what: str) -> list[str]:
    """Return the lines that describe what was restored."""
    if result.reason:
        return [result.reason]
    if result.to:
        return [f"wrote {result.to} ({size(sum(one.bytes for one in result.databases.values()))})"]
    found = []
    several = len(result.databases) + len(result.files) > 1
    for name, one in result.databases.items():
        where = f"{name}: " if several else ""
        verb = "would restore" if result.dry_run else "restored"
        if one.method == NONE:
            found.append(f"{where}already {what} ({short(result.snapshot)}), nothing to write")
        elif one.method == IN_PLACE:
            done = "to write" if result.dry_run else "written"
            pages = f"{one.pages_written:,} of {counted(one.pages, 'page')} {done}"
            found.append(f"{where}{verb} {what} ({short(result.snapshot)}, {pages}, {result.seconds:.2f} s)")
        else:
            pages = counted(one.pages, "page")
            found.append(f"{where}{verb} {what} as a whole file ({short(result.snapshot)}, {pages})")
        if one.kept:
            found.append(f"{where}the damaged file is kept as {one.kept}")
        found += [f"{where}the new file could not have the old one's {lost}" for lost in one.not_kept]
        found += [f"{where}still uses the old file until you restart it: {process}" for process in one.still_open]
    found += [f"note: {one_line(text)}" for text in result.left_alone]
    found += files_lines(result.files, dry_run=result.dry_run)
    if result.safety:
        found.append(hint(f"the state before is {short(result.safety)}; 'snap undo' brings it back"))
    return found
