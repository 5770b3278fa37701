"""`snap status`: the live databases against the baseline, or HEAD."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.grid import counts_line, paint
from snapstore.cli.hints import hint
from snapstore.cli.options import timeout_option
from snapstore.cli.output import when
from snapstore.cli.paint import style
from snapstore.compare.verdicts import CLEAN, DRIFTED
from snapstore.results.file_text import file_counts_text
from snapstore.results.files import VerifiedFiles
from snapstore.results.statuses import DatabaseStatus, UnfinishedSuite
from snapstore.results.text import against_text, counted, one_line, table_text

EXAMPLES = """
snap status
snap status --json
"""
_MOST_TABLES = 5


@click.command("status", cls=SnapCommand, examples=EXAMPLES)
@timeout_option
@click.pass_obj
def command(context: Context, timeout: float | None) -> None:
    """Compare the live databases with the baseline.

    Without `baseline:` in snapstore.yaml they are compared with HEAD, the snapshot that they were last taken from or
    restored to. Prints a line for each database; `snap diff` shows the rows.
    """
    result = context.snapstore.status(timeout=timeout)
    lines = [_line(name, one) for name, one in result.databases.items()]
    lines += [_files_line(name, one) for name, one in result.files.items()]
    lines += [_suite_line(result.suite)] if result.suite else []
    context.output.warn(result.warnings)
    context.output.result(result, lines, always=True)


def _suite_line(suite: UnfinishedSuite) -> str:
    began = f"{one_line(suite.name)}, begun {when(suite.started)}"
    if suite.runs:
        return f"suite: {began}, is running (process {suite.pid})"
    if suite.paused:
        way_back = "; if it is over, 'snap restore' brings the backup back" if suite.backup else ""
        return f"suite: {began}, is paused until its run goes on{hint(way_back)}"
    what = "'snap restore' brings its backup back" if suite.backup else "it had no backup"
    return f"suite: {began}, {style('died', fg='yellow')}; the next suite repairs what it left, {hint(what)}"


def _files_line(name: str, one: VerifiedFiles) -> str:
    where = f"files {one_line(name)}"
    if one.verdict == CLEAN:
        return f"{where}: {style('clean', fg='green')}, {counted(one.entries, 'entry')}"
    verdict = style(one.verdict, fg="green" if one.verdict == DRIFTED else "red")
    named = ", ".join(one_line(path.path) for path in one.paths[:_MOST_TABLES])
    more = f", {counted(len(one.paths) - _MOST_TABLES + one.paths_left_out, 'more path')}"
    is_cut = len(one.paths) + one.paths_left_out > _MOST_TABLES
    return f"{where}: {verdict}: {file_counts_text(one, paint)} ({named}{more if is_cut else ''})"


def _line(name: str, one: DatabaseStatus) -> str:
    assert one.compared_with
    base = against_text(one.compared_with)
    if one.verdict == CLEAN:
        return f"{name}: {style('clean', fg='green')}, against {base}, {counted(one.pages, 'page')}"
    verdict = style(one.verdict, fg="green" if one.verdict == DRIFTED else "red")
    pages = f"{one.pages_changed:,} of {counted(max(one.pages, one.head_pages), 'page')}"
    if one.verdict == DRIFTED:
        return f"{name}: {verdict}, against {base}: rows equal, {pages} differ"
    return f"{name}: {verdict}, against {base}: {_rows(one)} ({pages})"


def _rows(one: DatabaseStatus) -> str:
    shown = [
        f"{table_text(table, one.derived.get(table))} {counts_line(counts)}"
        for table, counts in list(one.tables.items())[:_MOST_TABLES]
    ]
    if len(one.tables) > _MOST_TABLES:
        shown.append(counted(len(one.tables) - _MOST_TABLES, "more table"))
    if one.schema:
        shown.insert(0, "schema changed (" + ", ".join(one_line(name) for name in one.schema[:_MOST_TABLES]) + ")")
    return "; ".join(shown)
