"""`snap verify`: whether the live databases are what a snapshot holds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.grid import counts_line, grid, paint
from snapstore.cli.hints import hint
from snapstore.cli.hooks import report_hooks
from snapstore.cli.options import pull_option, timeout_option
from snapstore.cli.paint import style
from snapstore.cli.types import REVISION
from snapstore.compare.verdicts import CLEAN, DRIFTED, worst
from snapstore.ids import short
from snapstore.results.file_text import file_counts_text, path_lines
from snapstore.results.files import VerifiedFiles
from snapstore.results.left import left_behind_lines
from snapstore.results.text import against_text, counted, one_line, table_text
from snapstore.results.verdicts import Verified, VerifiedDatabase

EXAMPLES = """
snap verify
snap verify baseline
snap verify baseline --restore-on-fail --label 'checkout.spec.ts'
snap verify baseline --strict --json
"""
NOT_CLEAN, RESTORED = 1, 3
_MOST_SHOWN = 10


@click.command("verify", cls=SnapCommand, examples=EXAMPLES)
@click.argument("rev", required=False, type=REVISION)
@click.option("--restore-on-fail", is_flag=True, help="Keep the failing state as a snapshot and restore REV.")
@click.option("--label", metavar="TEXT", help="What was run; kept with the verdict.")
@click.option("--strict", is_flag=True, help="Fail on drift too: the rows are equal, but something moved.")
@click.option("--bytes", "by_bytes", is_flag=True, help="Compare every page with its stored bytes.")
@pull_option
@timeout_option
@click.pass_obj
def command(
    context: Context,
    rev: str | None,
    restore_on_fail: bool,
    label: str | None,
    strict: bool,
    by_bytes: bool,
    timeout: float | None,
) -> int:
    """Prove that the databases match a snapshot.

    Compares them with REV [default: the `baseline` of snapstore.yaml, else HEAD]. The verdict is clean, drifted (rows
    equal; sequences, ignored columns or page layout moved), leaked (rows added), damaged (rows of REV changed or gone)
    or schema-changed. Exits with 0 for the first two, else with 1, or with 3 if the state was restored.
    """
    context.snapstore.shortens = not context.json_output
    result = context.snapstore.verify(
        rev, label=label, strict=strict, restore_on_fail=restore_on_fail, by_bytes=by_bytes, timeout=timeout
    )
    context.output.result(result, lines(result, context.output.width), always=True)
    status = report_hooks(context, result.hooks, result.warnings)
    return status or (0 if result.ok else RESTORED if result.restored else NOT_CLEAN)


def lines(result: Verified, width: int | None) -> Iterator[str]:
    """Yield what was found, and after a restore that did not help what was found then."""
    if is_of_files := result.verdict != worst(result.databases):
        assert result.compared_with
        yield f"{_colored(result.verdict, ok=result.ok)}, against {against_text(result.compared_with)}"
    yield from _verdicts(result.databases, width, ok=result.ok, kept=result.forensic, named=is_of_files)
    yield from _files(result.files, ok=result.ok)
    if result.label:
        yield f"label: {one_line(result.label)}"
    if result.forensic:
        assert result.compared_with
        rev, kept = one_line(result.compared_with.rev), short(result.forensic)
        yield hint(f"the failing state is kept as {kept}; 'snap diff {shlex.quote(rev)} {kept}' shows it")
        if result.restored:
            yield style(f"{rev} was restored and verified", fg="green")
        else:
            yield style(f"{rev} was restored, but verification still fails; what differs now:", fg="red")
            yield from _verdicts(result.databases_after, width, ok=False)
            yield from _files(result.files_after, ok=False)


def _files(files: Mapping[str, VerifiedFiles], *, ok: bool) -> Iterator[str]:
    for name, one in files.items():
        counts = f": {file_counts_text(one, paint)}" if one.verdict != CLEAN else f", {counted(one.entries, 'entry')}"
        yield f"files {one_line(name)}: {_colored(one.verdict, ok=ok or one.verdict in (CLEAN, DRIFTED))}{counts}"
        yield from path_lines(one.paths, one.paths_left_out, _MOST_SHOWN, paint)
        if one.left_out:
            yield f"  left out: {', '.join(map(one_line, one.left_out[:_MOST_SHOWN]))} (no files, folders or links)"


def _verdicts(
    databases: Mapping[str, VerifiedDatabase],
    width: int | None,
    *,
    ok: bool,
    kept: str | None = None,
    named: bool = False,
) -> Iterator[str]:
    for name, one in databases.items():
        where = f"{one_line(name)}: " if named or len(databases) > 1 else ""
        assert one.compared_with
        yield f"{where}{_colored(one.verdict, ok=ok)}, against {against_text(one.compared_with)}{_because(one)}"
        words = ["diff", one.compared_with.rev, *([short(kept)] if kept else [])]
        yield from _details(one, width, hint(f"'snap {shlex.join(words)}' shows them"))


def _because(one: VerifiedDatabase) -> str:
    if one.verdict == CLEAN:
        return ", same content"
    if one.verdict == DRIFTED:
        return f": rows equal, {_drift(one)}"
    return f": {one_line(one.damage)}" if one.damage else ""


def _details(one: VerifiedDatabase, width: int | None, shows: str) -> Iterator[str]:
    for change in one.schema:
        yield f"  {change.type} {one_line(change.name)} {change.change}"
    yield from (f"  {line}" for line in left_behind_lines({"": one}))
    for table, counts in one.tables.items():
        rows = [row for row in one.rows if row.table == table]
        yield f"{style(table_text(table, one.derived.get(table)), bold=True)}: {counts_line(counts)}"
        if rows:
            yield from grid(rows[:_MOST_SHOWN], width)
        if counts.total > _MOST_SHOWN:
            yield style(f"  … {counted(counts.total - _MOST_SHOWN, 'more row')}; {shows}", dim=True)


def _drift(one: VerifiedDatabase) -> str:
    moved = []
    if sequences := one.drift.sequences:
        moved.append("sequences moved (" + ", ".join(one_line(name) for name in sequences) + ")")
    if tables := one.drift.ignored_tables:
        moved.append("ignored tables differ (" + ", ".join(one_line(name) for name in tables) + ")")
    if columns := one.drift.ignored_columns:
        names = [f"{one_line(table)}.{one_line(name)}" for table, names in columns.items() for name in names]
        moved.append("ignored columns differ (" + ", ".join(names) + ")")
    if rows := one.drift.ignored_rows:
        moved.append("ignored rows differ (" + ", ".join(one_line(name) for name in rows) + ")")
    if one.drift.moved_rowids:
        moved.append("rows got other rowids (" + ", ".join(one_line(name) for name in one.drift.moved_rowids) + ")")
    return "; ".join(moved) or f"{counted(one.drift.pages, 'page')} laid out differently"


def _colored(verdict: str, *, ok: bool) -> str:
    return style(verdict, fg="green" if ok else "red", bold=True)
