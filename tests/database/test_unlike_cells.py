"""Rows at the same place of a page on both sides are not decoded; whatever else differs on the page is found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.database.generated import opened
from tests.database.oracle import Side, compare

ROWS = 30


@pytest.mark.parametrize("page_size", [512, 4096])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET n = n + 1 WHERE id % 5 = 2",  # some grow by a byte, and their page is rewritten
        "UPDATE t SET n = 300 WHERE id = 15",
        "UPDATE t SET long = replace(long, 's', 'S') WHERE id = 4",  # in place, as the next ones are
        "UPDATE t SET long = replace(long, 's', 'S') WHERE id IN (2, 4, 28)",
        "UPDATE t SET long = substr(long, 1, length(long) - 1) WHERE id = 4",  # leaves a byte free
        "UPDATE t SET long = substr(long, 1, 7999) || 'q', n = n + 1 WHERE id = 3",
        "UPDATE t SET long = substr(long, 1, 7999) || 'q' WHERE id = 3; UPDATE t SET n = 1 - n WHERE id = 1",
        "DELETE FROM t WHERE id IN (1, 7, 30)",
        "UPDATE t SET id = 100 WHERE id = 10",
        "UPDATE t SET id = -id",
        "INSERT INTO t VALUES (16, 0, 'between')",
        "DELETE FROM t WHERE id = 8; INSERT INTO t SELECT 8, n, long FROM t WHERE id = 9",
        "DELETE FROM t; INSERT INTO t SELECT id, n, long FROM kept ORDER BY id DESC",
    ],
)
def test_a_page_on_which_few_rows_differ(tmp_path: Path, page_size: int, statement: str) -> None:
    with closing(opened(tmp_path / "db")) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, n, long)")
        long = "CASE WHEN id % 3 THEN 'short' || id ELSE substr(hex(zeroblob(4000 + id)), 1, 8000) END"
        rows = f"WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r WHERE id < {ROWS})"
        connection.execute(f"INSERT INTO t {rows} SELECT id, id % 2, {long} FROM r WHERE id <> 16")
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM t")
        before = Side((tmp_path / "db").read_bytes(), tmp_path / "before")
        connection.execute(statement)
        after = Side((tmp_path / "db").read_bytes(), tmp_path / "after")
    with closing(before.connection), closing(after.connection):
        compare(before, after)
        compare(after, before)
