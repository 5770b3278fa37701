"""`snap report`: measured reliability, from the ledger."""

from __future__ import annotations

import click

from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.documents import Document
from snapstore.cli.hints import program_of_project
from snapstore.cli.report_text import lines
from snapstore.cli.types import PATH, checked
from snapstore.suite.since import moment

EXAMPLES = """
snap report
snap report --since 7d
snap report --html report.html
snap report --since 2026-01-31 --junit report.xml
"""
WHEN = checked("when", moment)


@click.command("report", cls=SnapCommand, examples=EXAMPLES)
@click.option("--html", type=PATH, metavar="FILE", help="Write a web page, in one file.")
@click.option("--junit", type=PATH, metavar="FILE", help="Write JUnit XML, for CI systems.")
@click.option("--since", type=WHEN, metavar="WHEN", help="Only suites since a date, or of the last 12h, 7d, 4w.")
@click.pass_obj
def command(context: Context, html: str | None, junit: str | None, since: str | None) -> None:
    """Report how well cleanup and restore work.

    Prints success rates, times, and which tests leak into which tables, for all recorded suites of these databases.
    """
    snapstore = context.snapstore
    page = Document(html, snapstore) if html else None
    cases = Document(junit, snapstore) if junit else None
    report = snapstore.report(since=since)
    if page:
        from snapstore.cli.report_html import pieces

        page.write(pieces(report, snapstore.project, program_of_project()))
    if cases:
        from snapstore.cli.junit import document

        outcomes = {suite.suite: suite.outcome for suite in report.suites}
        cases.write(document(snapstore.ledger(), report.since, outcomes=outcomes, program=program_of_project()))
    if context.output.json_output or not (html or junit):
        context.output.result(report, lines(report, context.output.width), always=True)
    for one in filter(None, (page, cases)):
        context.output.note(f"written to {one.path}")
