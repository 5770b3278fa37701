"""A changed schema as lines: the column that came, and not both statements."""

from __future__ import annotations

import pytest

from snapstore.cli.paint import plain
from snapstore.cli.schema_text import schema_lines
from snapstore.results.rows import SchemaChange


def lines(before: str | None, after: str | None, *, type_: str = "table", full: bool = True) -> list[str]:
    change = "added" if before is None else "removed" if after is None else "changed"
    return [plain(line) for line in schema_lines(SchemaChange(type_, "t", "t", change, before, after), full=full)]


CHANGES = {
    "added": ("CREATE TABLE t (a, b)", "CREATE TABLE t (a, b, c TEXT DEFAULT (1, 2))", ["+ c TEXT DEFAULT (1, 2)"]),
    "removed": ("CREATE TABLE t (a, 'x,y', b)", "CREATE TABLE t (a, b)", ["- 'x,y'"]),
    "renamed": ("CREATE TABLE t (a, b)", "CREATE TABLE t (a, z)", ["- b", "+ z"]),
    "constraint": ("CREATE TABLE t (a)", "CREATE TABLE t (a, UNIQUE (a, b))", ["+ UNIQUE (a, b)"]),
    "spaces": ("CREATE TABLE t (\n\ta INT,\n\tb)", "CREATE TABLE t (a   INT, b, c)", ["+ c"]),
    "comment": ("CREATE TABLE t (a -- one, (\n, b)", "CREATE TABLE t (a -- one, (\n, b, c)", ["+ c"]),
}


@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("full", [False, True])
def test_a_table_that_changed_shows_the_parts_that_did(case: str, *, full: bool) -> None:
    before, after, shown = CHANGES[case]
    assert lines(before, after, full=full) == ["~ table t", *(f"    {line}" for line in shown)]


OTHERS = {
    "options": ("CREATE TABLE t (a)", "CREATE TABLE t (a) STRICT"),
    "spaces alone": ("CREATE TABLE t (a)", "CREATE TABLE t ( a )"),
    "no brackets": ("CREATE VIRTUAL TABLE t USING x", "CREATE VIRTUAL TABLE t USING y"),
    "open bracket": ("CREATE TABLE t (a", "CREATE TABLE t (a, b"),
    "too long": (f"CREATE TABLE t (a{' ' * 100_000})", "CREATE TABLE t (a, b)"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_where_parts_do_not_tell_both_statements_are_shown(case: str) -> None:
    before, after = OTHERS[case]
    assert lines(before, after) == ["~ table t", f"    - {before}", f"    + {after}"]
    assert lines(before, after, full=False) == ["~ table t"]


def test_tabs_are_spaces_and_line_breaks_are_lines() -> None:
    assert lines(None, "CREATE VIEW t AS\n\tSELECT\x1b 1", type_="view") == [
        "+ view t",
        "    + CREATE VIEW t AS",
        "    +     SELECT\\x1b 1",
    ]


def test_only_some_of_many_columns_are_shown_beside_rows() -> None:
    after = f"CREATE TABLE t (a, {', '.join(f'c{number}' for number in range(9))})"
    assert lines("CREATE TABLE t (a)", after, full=False)[-1] == "    … 4 more; --schema shows all"
    assert len(lines("CREATE TABLE t (a)", after)) == 10
