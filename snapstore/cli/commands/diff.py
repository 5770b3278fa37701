"""`snap diff`: what differs between two states, as text, JSON, SQL or a web page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import click

from snapstore.actions.diff import Differences, drawn_all
from snapstore.cli.command import SnapCommand
from snapstore.cli.context import Context
from snapstore.cli.diff_text import TextDiff
from snapstore.cli.options import timeout_option
from snapstore.cli.types import COMPARED, COUNT, TABLE
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.judging import sequence_moves
from snapstore.config.reader import as_yaml
from snapstore.errors import ConfigurationError
from snapstore.results.codec import to_document
from snapstore.results.diffs import Suggestion, Suggestions
from snapstore.results.rows import Counts
from snapstore.results.text import counted, counts_text, one_line

EXAMPLES = """
snap diff
snap diff baseline
snap diff run-41..run-42 --stat
snap diff baseline --table auth_user --limit 0
snap diff baseline run-42 --format html > run-42.html
snap diff run-38 run-42 --suggest-ignore
snap diff --suggest-ignore --of-tests
snap diff --test "orders > a refund is booked"
snap diff live baseline --format sql | snap apply - --db copy.sqlite3
"""
FORMATS = ("text", "json", "sql", "html")
SHOWN_ROWS = {"text": 20, "html": 1000}  # of each table, where no --limit says otherwise
DIFFERS = 1
_MOST_STILL = 5


@click.command("diff", cls=SnapCommand, examples=EXAMPLES)
@click.argument("a", required=False, type=COMPARED)
@click.argument("b", required=False, type=COMPARED)
@click.option("--stat", is_flag=True, help="Only count the rows of each table.")
@click.option(
    "--table", "tables", type=TABLE, multiple=True, metavar="T", help="Only this table (a name or a glob); repeatable."
)
@click.option("--limit", type=COUNT, metavar="N", help="Show at most N rows of each table, 0 for all.")
@click.option("--test", metavar="NAME", help="What a test began with, and what it left: the last that failed.")
@click.option("--title", metavar="TEXT", help="Title of the page, for --format html.")
@click.option("--schema", is_flag=True, help="Show only schema changes, with their SQL.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there are differences.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Output format [default: text].")
@click.option("--no-ignore", is_flag=True, help="Show what the configuration ignores too.")
@click.option("--suggest-ignore", is_flag=True, help="Suggest rules for what differs in every run from A to B.")
@click.option("--of-tests", is_flag=True, help="With --suggest-ignore: for what every test of the last suite left.")
@timeout_option
@click.pass_obj
def command(
    context: Context,
    a: str | None,
    b: str | None,
    stat: bool,
    tables: tuple[str, ...],
    limit: int | None,
    test: str | None,
    title: str | None,
    schema: bool,
    exit_code: bool,
    form: str,
    no_ignore: bool,
    suggest_ignore: bool,
    of_tests: bool,
    timeout: float | None,
) -> int:
    """Show what differs between two states.

    Without revisions, compares the baseline with the live databases, or HEAD where snapstore.yaml names no baseline;
    with one, A with them. A revision may be `live`; `A..B` is A and B.
    """
    if form == "sql" and (limit or stat or schema):
        raise click.UsageError("--format sql cannot be combined with --limit, --stat or --schema")
    if title and form != "html":
        raise click.UsageError("--title needs --format html")
    if of_tests and (a or not suggest_ignore):
        raise click.UsageError("--of-tests goes with --suggest-ignore, and without revisions")
    if suggest_ignore:
        suggested = context.snapstore.suggest_ignore(a, b, of_tests=of_tests, ignore=not no_ignore, timeout=timeout)
        context.output.result(suggested, suggestion_lines(suggested), always=True)
        return 0
    form = "json" if context.json_output else form
    context.snapstore.shortens = form == "text" or stat or schema
    ignore = not no_ignore
    with context.snapstore.differences(a, b, test=test, tables=tables, ignore=ignore, timeout=timeout) as plain:
        found = plain._replace(subject=title or plain.subject)
        context.finish_progress()
        _write(context, found, form, limit, stat=stat, schema=schema)
        return DIFFERS if exit_code and not found.identical else 0


def _write(context: Context, found: Differences, form: str, limit: int | None, *, stat: bool, schema: bool) -> None:
    shown = SHOWN_ROWS.get(form) if limit is None else limit or None
    if form == "json":
        context.output.pieces(JsonDiff(shown).pieces(found, stat=stat, schema=schema))
    elif form == "html":
        from snapstore.cli.diff_html import HtmlDiff

        context.output.pieces(HtmlDiff(shown).pieces(found, stat=stat, schema=schema))
    elif form == "sql":
        context.output.pieces(sql_pieces(found))
    else:
        context.output.lines(TextDiff(shown, context.output.width).lines(found, stat=stat, schema=schema))


def sql_pieces(diff: Differences) -> Iterator[str]:
    """Yield a script that turns the first state into the second. Raises PatchImpossible, ConfigurationError."""
    differing = [database for database in diff.databases if not database.is_same]
    if len(differing) > 1:
        raise ConfigurationError("a patch is for one database, and several differ; narrow it with --table")
    yield f"-- snapstore: from {one_line(diff.before.label)} to {one_line(diff.after.label)}\n"
    for name in (name for name, changes in diff.files.items() if changes):
        yield f"-- files '{one_line(name)}' differ, and a patch has none of them\n"
    for database in differing:
        yield f"-- database: {one_line(database.name)}\n"
        if database.start:
            yield f"-- state: {database.start}\n"
        for statement in database.script():
            yield f"{statement};\n"


class JsonDiff:
    """Writes a diff as one JSON document while its rows are read; `limit` rows of each table, None for all."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._left_out = 0

    def pieces(self, diff: Differences, *, stat: bool, schema: bool) -> Iterator[str]:
        """Yield the document in pieces."""
        yield f'{{\n  "from": {json.dumps(diff.before.id)},\n  "to": {json.dumps(diff.after.id)},\n  "databases": {{'
        for number, database in enumerate(diff.databases):
            yield f"{',' if number else ''}\n    {json.dumps(database.name)}: {{"
            yield from self._database(database, stat=stat, schema=schema)
            yield "\n    }"
        limit = 0 if stat else self._limit
        files = {} if schema else drawn_all(diff.files, limit)
        is_cut = bool(self._left_out) or (not stat and any(one.paths_left_out for one in files.values()))
        ends = {
            "identical": diff.identical,
            "truncated": is_cut,
            "rows_left_out": self._left_out,
            "files": to_document(files),
        }
        yield "\n  }," + json.dumps(ends, indent=2)[1:-2] + "\n}\n"

    def _database(self, database: DatabaseDifference, *, stat: bool, schema: bool) -> Iterator[str]:
        changes = to_document(database.schema)
        yield f'\n      "schema": {json.dumps(changes)},\n      "rows": ['
        counts: dict[str, Counts] = {}
        written = False
        for table in () if schema else database.tables:
            limit = 0 if stat else self._limit
            for row in table.rows() if limit is None else table.first(limit):
                yield f"{',' if written else ''}\n        {json.dumps(to_document(row))}"
                written = True
            if self._limit is not None and not stat:
                self._left_out += max(0, table.counts.total - self._limit)
            if table.counts:
                counts[table.name] = counts.get(table.name, Counts()) + table.counts
        sequences = {} if schema else to_document(sequence_moves(database))
        derived = {name: of for name, of in database.derived.items() if name in counts}
        yield "\n      ],\n" if written else "],\n"
        yield f'      "tables": {json.dumps(to_document(counts))},\n      "sequences": {json.dumps(sequences)},\n'
        yield f'      "derived": {json.dumps(derived)}'


def suggestion_lines(suggested: Suggestions) -> Iterator[str]:
    """Yield suggested rules as YAML for `snapstore.yaml`, with the evidence as comments."""
    times = counted(suggested.comparisons, "comparison")
    if not suggested.comparisons:
        yield "# there is nothing to compare"
        return
    if not suggested.tables and not suggested.columns:
        yield f"# nothing differs in every one of {times}"
    else:
        yield f"# differs in every run, of {times}; a rule for data that matters would hide leaks"
        yield "ignore:"
        yield from _rules("tables", suggested.tables, "came or went")
        yield from _rules("columns", suggested.columns, "differed")
    yield from _tried(suggested, times)


def _tried(suggested: Suggestions, times: str) -> Iterator[str]:
    """Yield what the rules came to when they were tried, as comments."""
    if not suggested.still:
        yield f"# tried: with these rules nothing differs in {times}"
        return
    yield f"# tried: with these rules {len(suggested.still)} of {times} still differ, and 'snap verify' would fail:"
    for one in suggested.still[:_MOST_STILL]:
        tables = [f"{table} {counts_text(counts)}" for table, counts in one.tables.items()]
        yield one_line(f"#   {one.from_} to {one.to}: {'; '.join([*tables, *one.others])}")
    if len(suggested.still) > _MOST_STILL:
        yield f"#   … and {len(suggested.still) - _MOST_STILL} more"


def _rules(key: str, rules: Sequence[Suggestion], what: str) -> Iterator[str]:
    if rules:
        yield f"  {key}:"
    for one in rules:
        yield f"    - {as_yaml(one.rule)}  # {counted(one.rows, 'row')} {what}"
