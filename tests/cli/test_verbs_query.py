"""`query`: SQL on a snapshot or the live database, which can read and nothing else; and `show`, which counts rows."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hands import error_of, execute, files_beside_the_store, files_of_the_store
from tests.cli.rows import Folder, Inside
from tests.support import ENVIRONMENT, Application, make_database

MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, data)",
    "CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE docs USING fts5(title, body)",
    "CREATE VIRTUAL TABLE old_docs USING fts4(body)",
    "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)",
    "CREATE VIEW names AS SELECT name FROM users",
    "INSERT INTO users VALUES (1, 'ann', NULL), (2, 'b,\"o\"\nb', x'00ff'), (3, 'é', 1.5)",
    "INSERT INTO pairs VALUES (1, 2), (3, 4)",
    "INSERT INTO docs VALUES ('one', 'red fox'), ('two', 'blue fox'), ('three', 'red hen')",
    "INSERT INTO old_docs VALUES ('red fox'), ('blue hen')",
    "INSERT INTO boxes VALUES (1, 0, 5), (2, 10, 15)",
)
STATES = ("baseline", "live")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    """Return a command whose snapshot and live database hold the same, for tests that only read."""
    return make(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def own(tmp_path: Path) -> Inside:
    """Return the same, for a test that changes it."""
    return make(tmp_path)


def make(folder: Path) -> Inside:
    snap = Inside(folder)
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
    assert rows == [["id", "name", "d"], ["1", "ann", ""], ["2", 'b,"o"\nb', "00ff"], ["3", "é", "1.5"]]
    assert kept.json("query", state, sql) == {
        "columns": ["id", "name", "d"],
        "rows": [[1, "ann", None], [2, 'b,"o"\nb', {"blob": "AP8=", "bytes": 2}], [3, "é", 1.5]],
    }


@pytest.mark.parametrize("state", STATES)
def test_an_empty_result_still_has_its_columns(kept: Inside, state: str) -> None:
    sql = 'SELECT id, name AS "the name" FROM users WHERE 0'
    assert kept("query", state, sql).stdout == "id  the name\n"
    assert kept("query", state, sql, "--csv").stdout.splitlines() == ["id,the name"]
    assert kept.json("query", state, sql) == {"columns": ["id", "the name"], "rows": []}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT title FROM docs WHERE docs MATCH 'red' ORDER BY rowid", [["one"], ["three"]]),
        ("SELECT title FROM docs('fox') ORDER BY rank, title LIMIT 1", [["one"]]),
        ("SELECT body FROM old_docs WHERE body MATCH 'hen'", [["blue hen"]]),
        ("SELECT id FROM boxes WHERE x0 > 7", [[2]]),
        ("SELECT a + b FROM pairs ORDER BY 1", [[3], [7]]),
        ("SELECT count(*) FROM names", [[3]]),
        ("WITH n AS (SELECT 1 AS i) SELECT i FROM n -- a comment", [[1]]),
        ("  VALUES (1, 2);  ", [[1, 2]]),
        ("PRAGMA user_version", [[0]]),
        ("SELECT name FROM pragma_table_info('pairs')", [["a"], ["b"]]),
        ("SELECT 9007199254740993, 9e999", [[{"int": "9007199254740993"}, {"float": "inf"}]]),
        ("SELECT 1 AS a, 2 AS a", [[1, 2]]),
        ("SELECT length(group_concat(x, '')) FROM (SELECT hex(randomblob(50)) AS x FROM pairs, users)", [[600]]),
        ("SELECT sql LIKE 'CREATE%' FROM sqlite_schema WHERE name = 'users'", [[1]]),
        ("EXPLAIN QUERY PLAN SELECT 1", None),
    ],
)
def test_what_reads_is_answered(kept: Inside, state: str, sql: str, rows: Any) -> None:
    found = kept.json("query", state, sql)["rows"]
    assert rows is None or found == rows


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM users",
        "INSERT INTO users(name) VALUES ('x') RETURNING id",
        "UPDATE pairs SET b = 5",
        "CREATE TABLE t (x)",
        "CREATE TEMP TABLE t (x)",
        "DROP TABLE users",
        "INSERT INTO docs(docs) VALUES ('rebuild')",
        "ATTACH 'other.sqlite3' AS other",
        "DETACH main",
        "VACUUM INTO 'copy.sqlite3'",
        "VACUUM",
        "REINDEX",
        "ANALYZE",
        "PRAGMA journal_mode = wal",
        "PRAGMA user_version = 5",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA optimize",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT s",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM users",
        "SELEC 1",
        "SELECT",
        "SELECT nothing FROM users",
        "SELECT * FROM nowhere",
        "SELECT load_extension('x')",
        "SELECT writefile('out.bin', 'x')",
        "SELECT ?",
        "",
        ";",
        "/* nothing */",
    ],
)
def test_what_does_not_read_is_one_line_of_error(kept: Inside, state: str, sql: str) -> None:
    assert "internal error" not in error_of(kept.refuses("query", state, sql, code=1))
    document = kept.json("query", state, sql, code=1)
    assert document["error"]["code"] == "sql"


@pytest.mark.parametrize("state", STATES)
def test_an_error_after_the_first_row_is_one_document_too(kept: Inside, state: str) -> None:
    sql = "SELECT abs(v) FROM (SELECT 1 AS v UNION ALL SELECT -9223372036854775807 - 1)"
    assert "overflow" in error_of(kept("query", state, sql, code=1))
    assert kept.json("query", state, sql, code=1)["error"]["code"] == "sql"


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_the_live_database_is_read_past_a_writer_or_waited_for(tmp_path: Path, journal_mode: str) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode, rows=20))
    snap("tag", "baseline")
    with Application(snap.database) as application:
        application.ask("BEGIN EXCLUSIVE")
        application.ask("DELETE FROM item WHERE id > 5")
        sql = "SELECT count(*) FROM item"
        if journal_mode == "wal":
            assert snap.json("query", "live", sql)["rows"] == [[20]]
        else:
            assert "locked" in error_of(snap("query", "live", sql, "--timeout", "0.2", code=11))
        application.ask("COMMIT")
        assert snap.json("query", "live", sql)["rows"] == [[5]]
        assert snap.json("query", "baseline", sql)["rows"] == [[20]]
        assert snap.json("query", "HEAD", "SELECT max(id) FROM item")["rows"] == [[20]]


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_every_page_of_a_snapshot_can_be_read(tmp_path: Path, page_size: int) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", page_size=page_size, rows=2000))
    snap("tag", "baseline")
    sql = "SELECT count(*), sum(length(body)), count(DISTINCT name) FROM item JOIN note ON note.item = item.id"
    live = snap.json("query", "live", sql)
    execute(snap.database, "DELETE FROM item")
    assert snap.json("query", "baseline", sql) == live
    assert snap.json("query", "baseline", "PRAGMA integrity_check")["rows"] == [["ok"]]
    assert len(snap("query", "baseline", "SELECT id, body FROM item").stdout.splitlines()) == 2001


def test_one_of_several_databases_has_to_be_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path, default=MADE, queue=("CREATE TABLE job (id)", "INSERT INTO job VALUES (7)"))
    folder("tag", "baseline")
    for state in STATES:
        for options in ((), ("--only-db", "third")):
            assert "default, queue" in error_of(folder("query", state, "SELECT 1", *options, code=13))
        assert folder.json("query", state, "SELECT id FROM job", "--only-db", "queue")["rows"] == [[7]]
        assert "no such table" in error_of(folder("query", state, "SELECT id FROM job", "--only-db", "default", code=1))


def test_nothing_is_written_while_a_snapshot_is_read(tmp_path: Path) -> None:
    folder, temporary = tmp_path / "project", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    snap = Inside(folder, make_database(folder / "db.sqlite3", rows=4000))
    snap("tag", "baseline")
    snap.database.unlink()
    before = files_beside_the_store(snap), files_of_the_store(snap)
    words = [
        "query",
        "baseline",
        "SELECT id, body FROM item ORDER BY id",
        "--db",
        str(snap.database),
        "--store",
        str(snap.store),
    ]
    environment = {**ENVIRONMENT, "TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-m", "snapstore", *words], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [b"id", b"body"]
        assert os.listdir(temporary) == []
        assert (files_beside_the_store(snap), files_of_the_store(snap)) == before
        assert len(process.stdout.read().splitlines()) == 4000
    assert process.returncode == 0
    assert os.listdir(temporary) == []


def test_text_that_is_not_valid_reads_the_same_in_both_states(own: Inside) -> None:
    execute(own.database, "INSERT INTO users(name) VALUES (CAST(x'61ff62' AS TEXT))")
    own("tag", "odd")
    sql = "SELECT name FROM users ORDER BY id DESC LIMIT 1"
    live = own.json("query", "live", sql)
    assert live["rows"] == [[{"text": "a\\udcffb"}]]
    assert own.json("query", "odd", sql) == live


def test_show_counts_the_rows_of_every_table(own: Inside) -> None:
    found = own.json("show", "baseline")["databases"]["default"]["tables"]
    wanted = {"users": 3, "pairs": 2, "docs": 3, "old_docs": 2, "boxes": 2}
    assert {name: found[name] for name in wanted} == wanted
    assert not [name for name in found if name.startswith(("docs_", "old_docs_", "boxes_"))]
    lines = [line.split() for line in own("show", "baseline").stdout.splitlines()]
    assert ["table", "rows"] in lines
    assert ["pairs", "2"] in lines
    execute(own.database, "DELETE FROM pairs", "DROP TABLE users")
    own("tag", "later")
    assert own.json("show", "later")["databases"]["default"]["tables"]["pairs"] == 0
    assert own.json("show", "baseline")["databases"]["default"]["tables"]["users"] == 3


def test_show_of_an_empty_database_has_no_tables(tmp_path: Path) -> None:
    snap = Inside(tmp_path)
    snap.database.touch()
    snap("tag", "empty")
    assert snap.json("show", "empty")["databases"]["default"]["tables"] == {}
    assert snap("show", "empty").stdout
    assert snap.json("query", "empty", "SELECT count(*) FROM sqlite_schema")["rows"] == [[0]]
    assert snap.json("query", "live", "SELECT count(*) FROM sqlite_schema")["rows"] == [[0]]


def test_a_revision_that_is_none_is_said_to_be_so(own: Inside) -> None:
    own.refuses("query", "nothing", "SELECT 1", code=12)
    own.refuses("query", "baseline", code=2)
    own.database.unlink()
    own.refuses("query", "live", "SELECT 1", code=15)
    assert own.json("query", "baseline", "SELECT 1")["rows"] == [[1]]
