"""`snap report`: measured reliability, from the ledger."""

from __future__ import annotations

from snapstore.cli.command import Context, snap_command
from snapstore.cli.documents import Document
from snapstore.cli.parameters import option
from snapstore.cli.report_text import lines
from snapstore.cli.since import Since
from snapstore.hybrid.ledger import Ledger
from snapstore.hybrid.report import measure

EXAMPLES = """
snap report
snap report --since 7d
snap report --html report.html
snap report --since 2026-01-31 --junit report.xml
"""


@snap_command("report", EXAMPLES)
@option("--html", metavar="FILE", help="Write a page to look at, in one file.")
@option("--junit", metavar="FILE", help="Write JUnit XML, for CI systems.")
@option("--since", type=Since(), metavar="WHEN", help="Suites since a date, or 12h, 7d, 4w ago.")
def command(context: Context, html: str | None, junit: str | None, since: str | None) -> None:
    """Say how often cleanup and restore worked, which tests leak into which tables, and how long it takes.

    The figures are of all suites that `snap run` has on record for these databases.
    """
    project = context.places.project
    with context.places.open_store() as store:
        page = Document(html, store, project) if html else None
        cases = Document(junit, store, project) if junit else None
        ledger = Ledger(store, project.origin)
        report = measure(ledger, since or "")
        if page:
            from snapstore.cli.report_html import pieces

            page.write(pieces(report, project))
        if cases:
            from snapstore.cli.junit import document

            cases.write(document(ledger, since or ""))
    if context.output.as_json or not (html or junit):
        context.output.result(report, lines(report), always=True)
    for one in filter(None, (page, cases)):
        context.output.note(f"written to {one.path}")
