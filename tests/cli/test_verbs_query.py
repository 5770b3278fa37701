"""`snap query` and `snap show`: text, CSV and JSON. What can be asked is tested on the façade."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest

from tests.api.test_query import MADE, STATES
from tests.cli.hands import error_of
from tests.cli.inside import Inside
from tests.contents import execute


@pytest.fixture
def kept(tmp_path: Path) -> Inside:
    """Return a command with a snapshot that equals the live database."""
    snap = Inside(tmp_path)
    execute(snap.database, *MADE)
    snap("tag", "baseline")
    return snap


@pytest.mark.parametrize("state", STATES)
def test_rows_come_as_text_csv_and_json(kept: Inside, state: str) -> None:
    sql = "SELECT id, name, data AS d FROM users ORDER BY id"
    assert kept("query", state, sql).stdout.splitlines() == [
        "id  name        d",
        " 1  'ann'       NULL",
        " 2  'b,\"o\"\\nb'  x'00ff'",
        " 3  'é'         1.5",
    ]
    rows = list(csv.reader(StringIO(kept("query", state, sql, "--csv").stdout, newline="")))
    assert rows == [["id", "name", "d"], ["1", "ann", ""], ["2", 'b,"o"\nb', "x'00ff'"], ["3", "é", "1.5"]]
    assert kept.json("query", state, sql) == {
        "columns": ["id", "name", "d"],
        "rows": [[1, "ann", None], [2, 'b,"o"\nb', {"blob": "AP8=", "bytes": 2}], [3, "é", 1.5]],
        "truncated": False,
    }


@pytest.mark.parametrize("state", STATES)
def test_an_empty_result_still_has_its_columns(kept: Inside, state: str) -> None:
    sql = 'SELECT id, name AS "the name" FROM users WHERE 0'
    assert kept("query", state, sql).stdout == "id  the name\n"
    assert kept("query", state, sql, "--csv").stdout.splitlines() == ["id,the name"]
    assert kept.json("query", state, sql) == {"columns": ["id", "the name"], "rows": [], "truncated": False}


def test_every_row_of_a_long_answer_is_printed(kept: Inside) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) SELECT i FROM n"
    assert len(kept("query", "baseline", sql).stdout.splitlines()) == 12_001
    found = kept.json("query", "baseline", sql)
    assert (len(found["rows"]), found["truncated"]) == (12_000, False)


def test_values_that_json_lacks_are_encoded(kept: Inside) -> None:
    sql = "SELECT 9007199254740993, 9e999, CAST(x'61ff62' AS TEXT)"
    assert kept.json("query", "baseline", sql)["rows"] == [
        [{"int": "9007199254740993"}, {"float": "inf"}, {"text": "Yf9i", "encoding": "utf-8"}]
    ]


@pytest.mark.parametrize("state", STATES)
def test_an_error_is_one_line_or_one_document_also_after_the_first_row(kept: Inside, state: str) -> None:
    late = "SELECT abs(v) FROM (SELECT 1 AS v UNION ALL SELECT -9223372036854775807 - 1)"
    for sql in ("DELETE FROM users", "SELEC 1", late):
        assert "internal error" not in error_of(kept.refuses("query", state, sql, code=2))
        assert kept.json("query", state, sql, code=2)["error"]["code"] == "sql"
    assert "overflow" in error_of(kept("query", state, late, code=2))
    kept.refuses("query", state, code=2)


def test_show_has_a_line_for_every_table(kept: Inside) -> None:
    lines = [line.split() for line in kept("show", "baseline").stdout.splitlines()]
    assert ["table", "rows"] in lines
    assert ["pairs", "2"] in lines
    execute(kept.database, "DROP TABLE users", "DROP TABLE pairs")
    kept("tag", "fewer")
    assert kept("show", "fewer").stdout


def test_show_of_an_empty_database_has_its_size(tmp_path: Path) -> None:
    snap = Inside(tmp_path)
    snap.database.touch()
    snap("tag", "empty")
    assert snap("show", "empty").stdout
