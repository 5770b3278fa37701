"""Rows on a terminal: the cost is that of what is shown, and a wide row has a line for each column."""

from __future__ import annotations

import pytest

from snapstore.cli.grid import grid
from snapstore.cli.paint import plain
from snapstore.results.rows import RowChange
from snapstore.results.text import LONGEST, row_text, value_text
from snapstore.results.values import Row
from tests.cli.inside import Inside
from tests.contents import execute


def added(columns: int, *, values: int | None = None, row: int = 1) -> RowChange:
    names = [f"column_{number}" for number in range(columns)]
    after = {
        "id": row,
        **{name: "x" if at < (columns if values is None else values) else None for at, name in enumerate(names)},
    }
    return RowChange("w", {"id": row}, "added", None, after, ())


def shown(rows: list[RowChange], width: int | None, *, whole: bool = False) -> list[str]:
    return [plain(line) for line in grid(rows, width, whole=whole)]


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
@pytest.mark.parametrize("columns", [1, 3, 10, 39])
def test_as_many_columns_are_shown_as_fit(width: int, columns: int) -> None:
    lines = shown([added(columns), added(columns, row=1000)], width)
    assert len(lines) == 3
    assert max(map(len, lines)) <= max(width, len("     id  …") + 4)
    everything = shown([added(columns), added(columns, row=1000)], None)
    if max(map(len, everything)) <= width:
        assert lines == everything
    else:
        assert {line[-1] for line in lines} == {"…"}
        kept = len(lines[0].split()) - 1
        one_more = everything[0].split()[: kept + 1]
        assert lines[0].split()[:-1] == one_more[:kept]


def test_long_values_are_shortened_before_a_column_is_left_out() -> None:
    before: Row = {"id": 1, "name": "n" * 60, "email": None}
    after: Row = {**before, "email": "e" * 60}
    rows = [RowChange("w", {"id": 1}, "changed", before, after, ("email",))]
    for width in (200, 80, 60):
        head, line = shown(rows, width)
        assert head.split() == ["id", "email", "name"]
        assert "NULL → 'ee" in line
        assert len(line) <= width
    assert shown(rows, 200)[1].count("n") > shown(rows, 80)[1].count("n") > shown(rows, 60)[1].count("n")
    assert shown(rows, 40)[0].split() == ["id", "email", "…"]


@pytest.mark.parametrize("width", [None, 80])
def test_a_row_of_very_many_columns_has_a_line_for_each(width: int | None) -> None:
    assert shown([added(500, values=2)], width) == ["  + id 1", "      column_0  'x'", "      column_1  'x'"]
    lines = shown([added(500)], width)
    assert (len(lines), lines[-1]) == (42, "      … 460 more columns")
    assert len(shown([added(500)], width, whole=True)) == 501


def test_a_changed_row_of_very_many_columns_shows_what_changed() -> None:
    before, after = added(500).after, {**(added(500).after or {}), "column_400": "y", "column_401": None}
    row = RowChange("w", {"id": 1}, "changed", before, after, ("column_400", "column_401"))
    assert shown([row, added(500, values=0, row=2)], 80) == [
        "  ~ id 1",
        "      column_400  'x' → 'y'",
        "      column_401  'x' → NULL",
        "  + id 2",
    ]


def test_a_row_on_one_line_names_some_of_its_columns() -> None:
    assert row_text(added(500)).endswith("column_18='x', … 481 more columns")


class Watched(str):
    """Text that knows how much of it was looked at."""

    seen = 0

    def __getitem__(self, key: object) -> str:
        part = super().__getitem__(key)  # type: ignore[index]
        Watched.seen += len(part)
        return part

    def isprintable(self) -> bool:
        Watched.seen += len(self)
        return super().isprintable()


def test_a_long_value_is_cut_before_it_is_escaped() -> None:
    for text in ("\n" * 1_000_000, "a" * 1_000_000, "'" * 1_000_000):
        Watched.seen = 0
        cut = value_text(Watched(text))
        assert Watched.seen < 10 * LONGEST
        assert (len(cut), cut[-2:]) == (LONGEST, "…'")
    assert value_text("a" * (LONGEST - 2)) == "'" + "a" * (LONGEST - 2) + "'"
    assert value_text("\n" * 3) == r"'\n\n\n'"


def test_wide_tables_in_diff_verify_and_query(snap_of_500: Inside) -> None:
    for verb, code in ((("diff",), 0), (("verify",), 1)):
        said = snap_of_500(*verb, code=code).stdout
        assert "  + id 7\n      c0  'x'\n" in said
        assert len(said.splitlines()) < 10
    said = snap_of_500("query", "live", "SELECT * FROM w").stdout
    assert said.splitlines()[:3] == ["row 1", "  id  7", "  c0  'x'"]
    assert len(said.splitlines()) == 502


@pytest.fixture
def snap_of_500(tmp_path: object) -> Inside:
    """Return a table of 500 columns with a new row."""
    snap = Inside(tmp_path)  # type: ignore[arg-type]
    columns = ", ".join(f"c{number}" for number in range(500))
    execute(snap.database, f"CREATE TABLE w (id INTEGER PRIMARY KEY, {columns})")
    snap("tag", "base")
    execute(snap.database, "INSERT INTO w(id, c0) VALUES (7, 'x')")
    return snap
