"""Full-text and R-tree tables as SQLite's documentation sets them up, with SELECTs as the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.real.oracle import Watched, watched

EXTERNAL = """
CREATE TABLE mail (id INTEGER PRIMARY KEY, sender TEXT, subject TEXT, body TEXT);
CREATE VIRTUAL TABLE mail_text USING fts5(subject, body, content='mail', content_rowid='id');
CREATE TRIGGER mail_ai AFTER INSERT ON mail BEGIN
  INSERT INTO mail_text(rowid, subject, body) VALUES (new.id, new.subject, new.body);
END;
CREATE TRIGGER mail_ad AFTER DELETE ON mail BEGIN
  INSERT INTO mail_text(mail_text, rowid, subject, body) VALUES ('delete', old.id, old.subject, old.body);
END;
CREATE TRIGGER mail_au AFTER UPDATE ON mail BEGIN
  INSERT INTO mail_text(mail_text, rowid, subject, body) VALUES ('delete', old.id, old.subject, old.body);
  INSERT INTO mail_text(rowid, subject, body) VALUES (new.id, new.subject, new.body);
END;
CREATE VIRTUAL TABLE page USING fts5(title, text, tag UNINDEXED, tokenize = 'porter unicode61');
CREATE VIRTUAL TABLE place USING rtree(id, min_x, max_x, min_y, max_y, +name TEXT, +code BLOB);
CREATE VIRTUAL TABLE cell USING rtree_i32(id, x0, x1);
"""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
FILL = (
    "INSERT INTO mail SELECT i, 'from ' || i % 7, 'subject ' || i, printf('%.*c body ', i % 50, 'x') || i FROM n",
    "INSERT INTO page(rowid, title, text, tag) SELECT i, 'title ' || i, 'running words ' || i * i, i % 4 FROM n",
    "INSERT INTO place SELECT i, i % 90, i % 90 + 1.25, -(i % 45), i % 45, 'place ' || i, zeroblob(i % 9) FROM n",
    "INSERT INTO cell SELECT i, i, i + 10 FROM n",
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    with closing(apsw.Connection(str(tmp_path / "db.sqlite3"))) as connection:
        connection.execute(EXTERNAL)
        _fill(connection, 1, 600)
        yield connection


@pytest.fixture
def database(tmp_path: Path, connection: Any) -> Iterator[Watched]:
    with watched(tmp_path / "db.sqlite3", tmp_path) as database:
        yield database


def _fill(connection: Any, first: int, last: int) -> None:
    with connection:
        for sql in FILL:
            connection.execute(f"{NUMBERS.format(first=first, last=last)} {sql}")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE mail SET subject = 'another subject' WHERE id % 60 = 0",
        "UPDATE mail SET body = body || ' and more words here' WHERE id IN (3, 300)",
        "DELETE FROM mail WHERE sender = 'from 3'",
        "UPDATE page SET text = 'walked', tag = 'new' WHERE rowid BETWEEN 20 AND 25",
        "DELETE FROM page WHERE rowid % 5 = 0",
        "UPDATE place SET max_x = max_x + 3 WHERE id = 77",
        "UPDATE place SET name = 'renamed' WHERE id % 100 = 0",
        "UPDATE place SET id = id + 5000 WHERE id < 4",
        "DELETE FROM place WHERE min_x > 40",
        "DELETE FROM cell",
        "UPDATE cell SET x1 = x1 + 1 WHERE id % 50 = 0",
        "INSERT INTO page(page) VALUES ('optimize')",
        "INSERT INTO mail_text(mail_text) VALUES ('rebuild')",
        "DELETE FROM mail; DELETE FROM page; DELETE FROM place; VACUUM",
        "CREATE VIRTUAL TABLE later USING rtree(id, a, b); INSERT INTO later VALUES (1, 2, 3)",
        "DROP TABLE page; DROP TABLE cell",
    ],
)
def test_what_a_statement_changes_is_what_selects_find(database: Watched, connection: Any, sql: str) -> None:
    connection.execute(sql)
    database.check()


def test_rows_that_come_and_go_leave_nothing(database: Watched, connection: Any) -> None:
    _fill(connection, 601, 900)
    seen = database.check()
    assert set(seen.tables) == {"mail", "page", "place", "cell"}
    for table, key in {"mail": "id", "page": "rowid", "place": "id", "cell": "id"}.items():
        connection.execute(f"DELETE FROM {table} WHERE {key} > 600")
    assert not database.check().tables
    assert database.verify().verdict == "drifted"
