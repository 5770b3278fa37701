"""`verify` groups the rows left behind: each is listed once, under the row that it references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api.live import Live

CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], list[Any]]] = {
    "a chain in one table": (
        ("CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER REFERENCES n)",),
        ("INSERT INTO n VALUES (1, NULL), (2, 1), (3, 2), (4, 2)",),
        [("n", {"id": 1}, {"n": 3})],
    ),
    "a row that references itself": (
        ("CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER REFERENCES n)",),
        ("INSERT INTO n VALUES (1, 1), (2, 1)",),
        [("n", {"id": 1}, {"n": 1})],
    ),
    "names in another case": (
        ("CREATE TABLE Users (Id INTEGER PRIMARY KEY)", "CREATE TABLE log (U INTEGER REFERENCES uSERS(iD))"),
        ("INSERT INTO Users VALUES (5)", "INSERT INTO log VALUES (5), (5)"),
        [("Users", {"Id": 5}, {"log": 2})],
    ),
    "a key of two columns": (
        (
            "CREATE TABLE pair (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
            "CREATE TABLE log (id INTEGER PRIMARY KEY, y, x, FOREIGN KEY (x, y) REFERENCES pair(a, b))",
        ),
        ("INSERT INTO pair VALUES (1, 2), (2, 1)", "INSERT INTO log VALUES (1, 2, 1), (2, 2, 1), (3, NULL, 1)"),
        [("pair", {"a": 1, "b": 2}, {"log": 2}), ("log", {"id": 3}, {}), ("pair", {"a": 2, "b": 1}, {})],
    ),
    "a key of another type": (
        ("CREATE TABLE u (id TEXT PRIMARY KEY) WITHOUT ROWID", "CREATE TABLE log (u INTEGER REFERENCES u)"),
        ("INSERT INTO u VALUES ('7')", "INSERT INTO log VALUES (7)"),
        [("u", {"id": "7"}, {"log": 1})],
    ),
    "a key in another case": (
        (
            "CREATE TABLE u (name TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE log (u TEXT REFERENCES u)",
        ),
        ("INSERT INTO u VALUES ('Ann')", "INSERT INTO log VALUES ('ANN')"),
        [("u", {"name": "Ann"}, {"log": 1})],
    ),
}
CYCLES = {
    "two": "INSERT INTO n VALUES (1, 2, NULL), (2, 1, NULL)",
    "three and a tail": "INSERT INTO n VALUES (1, 2, NULL), (2, 3, NULL), (3, 1, NULL), (4, 1, NULL), (5, 4, NULL)",
    "two tables": "INSERT INTO n VALUES (3, NULL, 5), (4, 3, NULL), (5, 4, NULL)",
}


@pytest.mark.parametrize("name", CASES)
def test_rows_are_listed_under_the_row_they_reference(tmp_path: Path, name: str) -> None:
    made, done, wanted = CASES[name]
    with Live(tmp_path, made) as live:
        live.tag()
        live.do(*done)
        result = live.verify()
    assert [(leak.table, leak.key, leak.under) for leak in result.databases["default"].leaks] == wanted
    assert [leak.of for leak in result.databases["default"].leaks] == [None] * len(wanted)


@pytest.mark.parametrize("name", CYCLES)
def test_rows_that_reference_each_other_are_listed_once(tmp_path: Path, name: str) -> None:
    made = (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER REFERENCES n, other INTEGER REFERENCES m)",
        "CREATE TABLE m (id INTEGER PRIMARY KEY, n INTEGER REFERENCES n)",
    )
    with Live(tmp_path, made) as live:
        live.tag()
        live.do(CYCLES[name], *(["INSERT INTO m VALUES (5, 3)"] if name == "two tables" else []))
        (one,) = live.verify().databases.values()
    assert len(one.leaks) + sum(sum(leak.under.values()) for leak in one.leaks) == len(one.rows)
    assert [leak.of for leak in one.leaks] == [None]
