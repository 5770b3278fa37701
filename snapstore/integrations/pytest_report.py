"""What a test left behind, in words: a section of its report, and the table at the end of the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from snapstore.results.file_text import files_text
from snapstore.results.files import VerifiedFiles
from snapstore.results.left import left_lines, table_lines
from snapstore.results.rows import Counts
from snapstore.results.suites import TestEnded
from snapstore.results.text import against_text, one_line
from snapstore.results.verdicts import VerifiedDatabase

LEAKED = "leaked"  # as compare/verdicts.py has it; a client imports nothing of what it is a client of
PROPERTY = "snapstore_"
_ID_DIGITS = 10
SECTION = "snapstore"  # of a test's report
RESTORE = "restore"  # a property
_KEPT = "the state when it failed is kept; to restore it, and to see what had changed:"
_MOST_KEPT = 20  # tests
_ENOUGH = 3  # tests, of which most left something


def told(text: object) -> str:
    """Return a line for pytest to print, without anything that could move the cursor or end the line.

    All text that the plugin hands to pytest goes through here, or through `section`.
    """
    return one_line(str(text))


def section(ended: TestEnded, of: str = "", look: str = "") -> str:
    """Return what `snap verify` would say; `of` is the scope that is judged, `look` the command that shows the rows."""
    return "\n".join(map(told, _lines(ended, of, look)))


def kept_section(commands: Sequence[str]) -> str:
    """Return the commands for the state that a test failed with, each on a line to paste."""
    return "\n".join(map(told, (_KEPT, *commands)))


def kept_property(commands: Sequence[str]) -> tuple[str, str]:
    """Return the property of the test's report that has the first command, for JUnit and the controller of workers."""
    return f"{PROPERTY}{RESTORE}", commands[0]


def kept_lines(commands: Mapping[str, str]) -> Iterator[str]:
    """Yield the newest failed tests, each with the command that restores its state on a line of its own."""
    if (before := len(commands) - _MOST_KEPT) > 0:
        yield f"… {before} before, which 'snap report' has"
    for nodeid, command in list(commands.items())[-_MOST_KEPT:]:
        yield nodeid
        yield f"  {command}"


def headline(ended: TestEnded, of: str = "") -> str:
    """Return the failure: what was left, against what, and what a restore could not mend."""
    against = f", against {against_text(ended.compared_with)}" if ended.compared_with else ""
    done = "" if ended.state_ok or not ended.restored else f" ({_done(ended)})"
    news = "left behind" if ended.verdict == LEAKED else ended.verdict
    return f"{news}: {left(ended)}{f', by {of}' if of else ''}{against}{done}"


def left(ended: TestEnded) -> str:
    """Return what was left, by table, on one line."""
    return _on_one_line(ended.tables, ended.databases, ended.files) or "nothing"


def properties(ended: TestEnded, of: str = "") -> list[tuple[str, str]]:
    """Return the properties of the test's report, for JUnit and for the controller of workers."""
    values = {"verdict": str(ended.verdict), "left": left(ended), "state": _done(ended)}
    values |= {"of": of} if of else {}
    if ended.compared_with:
        values["against"] = against_text(ended.compared_with)
    return [(f"{PROPERTY}{name}", value) for name, value in values.items()]


def summary(reports: Mapping[str, Mapping[str, str]], tests: int, program: str | None) -> Iterator[str]:
    """Yield a heading, and a line for each test, or scope: its verdict, what it left, and what was done.

    Where most of the tests left something, the last line has the way to rules, for `program` if there is one. What the
    verdicts are against is in the heading if it has one name for all, and in the lines otherwise.
    """
    all_against = [values.get("against", "") for values in reports.values()]
    common = _common(all_against)
    yield "left behind" + (f", against {common}" if common else "")
    width = max(len(values["verdict"]) for values in reports.values())
    for (nodeid, values), one in zip(reports.items(), all_against, strict=True):
        against = f"  against {one}" if one and not common else ""
        what = f"{values.get('of', nodeid)}  {values['left']}  ({values['state']})"
        yield f"{values['verdict']:<{width}}  {what}{against}"
    if program and len(reports) >= _ENOUGH and 2 * len(reports) >= tests:
        yield _proposal(len(reports), tests, program)


def _common(all_against: Sequence[str]) -> str:
    """Return what all are against: with its id, or the name alone where each worker has one of its own."""
    if len(set(all_against)) == 1:
        return all_against[0]
    names = {one.partition(" (")[0] for one in all_against}
    return names.pop() if len(names) == 1 else ""


def values_of(user_properties: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return the values that `properties` added."""
    return {name.removeprefix(PROPERTY): str(value) for name, value in user_properties if name.startswith(PROPERTY)}


def _proposal(left: int, tests: int, program: str) -> str:
    """Return the way to rules: what most tests leave may be no leak, such as a row for each login."""
    command = f"'{program} diff --suggest-ignore --of-tests'"
    return f"snapstore: {left} of {tests} tests left something; if it is the same each time, {command} proposes rules"


def _lines(ended: TestEnded, of: str, look: str) -> Iterator[str]:
    if of:
        yield f"judged: {of}"
    yield from left_lines(ended.databases, f", the state {'it' if of else 'the test'} began with", ended.files)
    if ended.restored and ended.state_ok:
        yield "the state was restored and verified"
    elif ended.restored:
        yield f"the state was restored, but verification still reports '{ended.verdict_after}'; what differs now:"
        yield from (f"  {line}" for line in left_lines(ended.databases_after, files=ended.files_after))
    if ended.forensic and ended.forensic not in [one.snapshot for one in ended.kept]:
        yield f"the failing state is kept as {ended.forensic[:_ID_DIGITS]}" + (f"; '{look}' shows it" if look else "")


def _done(ended: TestEnded) -> str:
    """Return what became of the state."""
    if not ended.restored:
        return "left as it is"
    if ended.state_ok:
        return "restored"
    now = _on_one_line(ended.tables_after, ended.databases_after, ended.files_after)
    return f"restored, but now {ended.verdict_after}: {now}" if now else f"restored, but now {ended.verdict_after}"


def _on_one_line(
    tables: Mapping[str, Mapping[str, Counts]],
    databases: Mapping[str, VerifiedDatabase],
    files: Mapping[str, VerifiedFiles],
) -> str:
    schema = [f"{one.type} {one_line(one.name)} {one.change}" for db in databases.values() for one in db.schema]
    counted = [line.replace(": ", " ", 1) for line in table_lines(tables)]
    return "; ".join(filter(None, [*counted, *schema, files_text(files)]))
