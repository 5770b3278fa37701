"""`snap diff`: what differs between two states."""

from __future__ import annotations

import io
import sys

from snapstore.actions.diff import Diff, DiffOptions, diff
from snapstore.actions.policy import NOTHING_IGNORED
from snapstore.cli.command import Context, snap_command
from snapstore.cli.parameters import COUNT, REVISION, Choice, Misused, argument, option, timeout_option

EXAMPLES = """
snap diff
snap diff baseline
snap diff run-41 run-42 --stat
snap diff baseline --table auth_user --limit 0
snap diff baseline run-42 --format html > run-42.html
snap diff run-38 run-42 --suggest-ignore
snap diff live baseline --format sql | sqlite3 copy.sqlite3
"""
FORMATS = ("text", "json", "sql", "html")
SHOWN_ROWS = {"text": 20, "html": 1000}  # of each table, where no --limit says otherwise
DIFFERS = 1


@snap_command("diff", EXAMPLES)
@argument("a", required=False, type=REVISION)
@argument("b", required=False, type=REVISION)
@option("--stat", is_flag=True, help="Count the rows of each table.")
@option("--table", "tables", several=True, metavar="T", help="Only this table (a name or a glob); repeatable.")
@option("--limit", type=COUNT, metavar="N", help="Rows shown of each table, 0 for all.")
@option("--schema", is_flag=True, help="Show the schema's changes alone, with their text.")
@option("--exit-code", is_flag=True, help="End with 1 where there are differences.")
@option("--format", "form", type=Choice(*FORMATS), default="text", help="How to write it [default: text].")
@option("--no-ignore", is_flag=True, help="Show what the configuration ignores too.")
@option("--suggest-ignore", is_flag=True, help="Propose rules for what differs in run after run, from A to B.")
@timeout_option
def command(
    context: Context,
    a: str | None,
    b: str | None,
    stat: bool,
    tables: tuple[str, ...],
    limit: int | None,
    schema: bool,
    exit_code: bool,
    form: str,
    no_ignore: bool,
    suggest_ignore: bool,
    timeout: float | None,
) -> int:
    """Show what differs between two states, row by row.

    Without revisions HEAD against the live databases, with one A against them. A revision may be `live`.
    """
    if form == "sql" and (limit or stat or schema):
        raise Misused("a part of a patch is no patch: leave out --limit, --stat and --schema")
    form = "json" if context.output.as_json else form
    wait = context.places.timeout if timeout is None else timeout
    with context.places.open_store() as store:
        states = context.state(store, a or "HEAD"), context.state(store, b or "live")
        policy = NOTHING_IGNORED if no_ignore else context.places.policy
        project = context.places.project
        if suggest_ignore:
            from snapstore.actions.suggest import states_between, suggest
            from snapstore.cli.suggestions import suggestion_lines

            between = states_between(store, *states)
            suggested = suggest(store, project, between, policy, wait, context.progress)
            context.output.result(suggested, suggestion_lines(suggested), always=True)
            return 0
        options = DiffOptions(*states, tables, policy, wait)
        with diff(store, project, options, context.progress) as found:
            context.finish_progress()
            shown = SHOWN_ROWS.get(form) if limit is None else limit or None
            _write(context, found, form, shown, stat=stat, schema=schema)
            return DIFFERS if exit_code and not found.identical else 0


def _write(context: Context, found: Diff, form: str, limit: int | None, *, stat: bool, schema: bool) -> None:
    if form != "text" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # a page and a script say, or are read, as UTF-8
    if form == "json":
        from snapstore.cli.diff_json import JsonDiff

        context.output.whole(JsonDiff(limit).pieces(found, stat=stat, schema=schema))
    elif form == "html":
        from snapstore.cli.diff_html import HtmlDiff

        context.output.whole(HtmlDiff(limit).pieces(found, stat=stat, schema=schema))
    elif form == "sql":
        from snapstore.cli.diff_sql import pieces

        context.output.whole(pieces(found))
    else:
        from snapstore.cli.diff_text import TextDiff

        context.output.lines(TextDiff(limit, context.output.width).lines(found, stat=stat, schema=schema))
