"""`query`: SQL on a snapshot or the live database that can read and nothing else; and `show`, which counts rows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.errors import (
    CleanImpossible,
    ConfigurationError,
    DatabaseLocked,
    DatabaseMissing,
    SqlFailed,
    UnknownRevision,
)
from snapstore.results.answers import Answer
from snapstore.results.rows import Counts
from tests.api.folders import Configured, Single, refused
from tests.contents import execute, files_beside, files_of, rewrite_schema
from tests.support import ENVIRONMENT, Application, connect, make_database, raised

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
DRAWING = """
import os, sys
from snapstore import Snapstore
with Snapstore(db="db.sqlite3", store="store") as snap:
    with snap.query_rows("baseline", "SELECT id, body FROM item ORDER BY id") as answer:
        print(next(answer.rows)[0], flush=True)
        sys.stdin.readline()
        print(1 + sum(1 for _ in answer.rows), flush=True)
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Single]:
    """Yield the façade with a snapshot that equals the live database, for tests that only read."""
    with Single(tmp_path_factory.mktemp("kept")) as snap:
        execute(snap.database, *MADE)
        snap.tag("baseline")
        yield snap


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Single]:
    """Yield the same for a test that changes it."""
    with Single(tmp_path) as snap:
        execute(snap.database, *MADE)
        snap.tag("baseline")
        yield snap


@pytest.mark.parametrize("state", STATES)
def test_rows_have_columns_and_values(kept: Single, state: str) -> None:
    assert kept.query(state, "SELECT id, name, data AS d FROM users ORDER BY id") == Answer(
        ("id", "name", "d"), ((1, "ann", None), (2, 'b,"o"\nb', b"\0\xff"), (3, "é", 1.5)), truncated=False
    )


@pytest.mark.parametrize("state", STATES)
def test_an_empty_answer_still_has_its_columns(kept: Single, state: str) -> None:
    sql = 'SELECT id, name AS "the name" FROM users WHERE 0'
    assert kept.query(state, sql) == Answer(("id", "the name"), (), truncated=False)


@pytest.mark.parametrize("state", STATES)
def test_a_limit_cuts_and_says_so(kept: Single, state: str) -> None:
    sql = "SELECT id FROM users ORDER BY id"
    for limit, rows in ((2, ((1,), (2,))), (3, ((1,), (2,), (3,))), (0, ((1,), (2,), (3,)))):
        assert kept.query(state, sql, limit=limit) == Answer(("id",), rows, truncated=limit == 2)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT title FROM docs WHERE docs MATCH 'red' ORDER BY rowid", [("one",), ("three",)]),
        ("SELECT title FROM docs('fox') ORDER BY rank, title LIMIT 1", [("one",)]),
        ("SELECT body FROM old_docs WHERE body MATCH 'hen'", [("blue hen",)]),
        ("SELECT id FROM boxes WHERE x0 > 7", [(2,)]),
        ("SELECT a + b FROM pairs ORDER BY 1", [(3,), (7,)]),
        ("SELECT count(*) FROM names", [(3,)]),
        ("WITH n AS (SELECT 1 AS i) SELECT i FROM n -- a comment", [(1,)]),
        ("  VALUES (1, 2);  ", [(1, 2)]),
        ("PRAGMA user_version", [(0,)]),
        ("SELECT name FROM pragma_table_info('pairs')", [("a",), ("b",)]),
        ("SELECT 9007199254740993, 9e999", [(9007199254740993, float("inf"))]),
        ("SELECT 1 AS a, 2 AS a", [(1, 2)]),
        ("SELECT length(group_concat(x, '')) FROM (SELECT hex(randomblob(50)) AS x FROM pairs, users)", [(600,)]),
        ("SELECT sql LIKE 'CREATE%' FROM sqlite_schema WHERE name = 'users'", [(1,)]),
        ("EXPLAIN QUERY PLAN SELECT 1", None),
    ],
)
def test_a_statement_that_reads_is_answered(kept: Single, state: str, sql: str, rows: Any) -> None:
    found = kept.query(state, sql).rows
    assert rows is None or found == tuple(rows)


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
def test_any_other_statement_is_an_error_and_writes_nothing(kept: Single, state: str, sql: str) -> None:
    with refused(kept, SqlFailed, 2) as raised:
        kept.query(state, sql)
    assert raised.value.code == "sql"
    assert raised.value.detail


@pytest.mark.parametrize("state", STATES)
def test_an_error_after_the_first_row_is_raised_too(kept: Single, state: str) -> None:
    sql = "SELECT abs(v) FROM (SELECT 1 AS v UNION ALL SELECT -9223372036854775807 - 1)"
    with refused(kept, SqlFailed, 2) as raised:
        kept.query(state, sql)
    assert "overflow" in raised.value.detail
    with kept.query_rows(state, sql) as answer, pytest.raises(SqlFailed):
        list(answer.rows)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_the_live_database_is_read_past_a_writer_or_waited_for(tmp_path: Path, journal_mode: str) -> None:
    sql = "SELECT count(*) FROM item"
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode, rows=20)
    with Single(tmp_path) as snap, Application(snap.database) as application:
        snap.tag("baseline")
        application.ask("BEGIN EXCLUSIVE")
        application.ask("DELETE FROM item WHERE id > 5")
        if journal_mode == "wal":
            assert snap.query("live", sql).rows == ((20,),)
        else:
            with refused(snap, DatabaseLocked, 11):
                snap.query("live", sql, timeout=0.2)
        application.ask("COMMIT")
        assert snap.query("live", sql).rows == ((5,),)
        assert snap.query("baseline", sql).rows == ((20,),)
        assert snap.query("HEAD", "SELECT max(id) FROM item").rows == ((20,),)


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_every_page_of_a_snapshot_can_be_read(tmp_path: Path, page_size: int) -> None:
    sql = "SELECT count(*), sum(length(body)), count(DISTINCT name) FROM item JOIN note ON note.item = item.id"
    make_database(tmp_path / "db.sqlite3", page_size=page_size, rows=2000)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        live = snap.query("live", sql)
        execute(snap.database, "DELETE FROM item")
        assert snap.query("baseline", sql) == live
        assert snap.query("baseline", "PRAGMA integrity_check").rows == (("ok",),)
        assert len(snap.query("baseline", "SELECT id, body FROM item").rows) == 2000


def test_one_of_several_databases_has_to_be_named(tmp_path: Path) -> None:
    made = ("CREATE TABLE job (id)", "INSERT INTO job VALUES (7)")
    with Configured(tmp_path, default=MADE, queue=made) as folder:
        snap = folder.snap
        snap.tag("baseline")
        for state in STATES:
            for name in (None, "third"):
                with refused(folder, ConfigurationError, 13) as raised:
                    snap.query(state, "SELECT 1", only_db=name)
                assert "default, queue" in raised.value.problem
            assert snap.query(state, "SELECT id FROM job", only_db="queue").rows == ((7,),)
            with refused(folder, SqlFailed, 2) as failed:
                snap.query(state, "SELECT id FROM job", only_db="default")
            assert "no such table" in failed.value.detail


def test_nothing_is_written_while_a_snapshot_is_read(tmp_path: Path) -> None:
    folder, temporary = tmp_path / "project", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    make_database(folder / "db.sqlite3", rows=4000)
    with Single(folder) as snap:
        snap.tag("baseline")
    snap.database.unlink()

    def files() -> tuple[dict[str, bytes], set[str]]:
        return files_beside(folder, snap.store_folder), files_of(snap.store_folder)

    before = files()
    with subprocess.Popen(
        [sys.executable, "-c", DRAWING],
        cwd=folder,
        env={**ENVIRONMENT, "TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        assert os.listdir(temporary) == []
        assert files() == before
        out, _ = process.communicate(b"\n", timeout=60)
        assert out == b"4000\n"
    assert process.returncode == 0
    assert os.listdir(temporary) == []


def test_invalid_text_reads_the_same_in_both_states(own: Single) -> None:
    execute(own.database, "INSERT INTO users(name) VALUES (CAST(x'61ff62' AS TEXT))")
    own.tag("odd")
    for state in ("live", "odd"):
        assert own.query(state, "SELECT name FROM users ORDER BY id DESC LIMIT 1").rows == (("a\udcffb",),)


def test_show_counts_the_rows_of_every_table(own: Single) -> None:
    found = own.show("baseline").databases["default"].tables
    wanted = {"users": 3, "pairs": 2, "docs": 3, "old_docs": 2, "boxes": 2}
    assert {name: found[name] for name in wanted} == wanted
    assert not [name for name in found if name.startswith(("docs_", "old_docs_", "boxes_"))]
    execute(own.database, "DELETE FROM pairs", "DROP TABLE users")
    own.tag("later")
    assert own.show("later").databases["default"].tables["pairs"] == 0
    assert own.show("baseline").databases["default"].tables["users"] == 3


def test_an_empty_database_has_no_tables(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").touch()
    with Single(tmp_path) as snap:
        snap.tag("empty")
        assert snap.show("empty").databases["default"].tables == {}
        for state in ("empty", "live"):
            assert snap.query(state, "SELECT count(*) FROM sqlite_schema").rows == ((0,),)


def test_an_unknown_revision_is_an_error(own: Single) -> None:
    with refused(own, UnknownRevision, 12):
        own.query("nothing", "SELECT 1")
    own.database.unlink()
    with refused(own, DatabaseMissing, 15):
        own.query("live", "SELECT 1")
    assert own.query("baseline", "SELECT 1").rows == ((1,),)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "sql",
    ["SELECT median(id) FROM users", "SELECT sqlite_version()", "SELECT json('[1]'), printf('%d', 7)", "SELECT pi()"],
)
def test_both_states_know_the_same_functions(kept: Single, state: str, sql: str) -> None:
    assert kept.query(state, sql).rows == kept.query("baseline", sql).rows
    names = kept.query(state, "SELECT name, narg FROM pragma_function_list ORDER BY 1, 2").rows
    assert names == kept.query("baseline", "SELECT name, narg FROM pragma_function_list ORDER BY 1, 2").rows


@pytest.mark.parametrize("state", STATES)
def test_a_name_that_is_not_text_is_refused(own: Single, state: str) -> None:
    execute(own.database, "CREATE TABLE odd (aX, b)", "INSERT INTO odd VALUES (1, 2)")
    rewrite_schema(own.database, b"aX", b"a\xff")
    own.tag("baseline")
    assert own.query(state, "SELECT b FROM odd").rows == ((2,),)
    for sql in ("SELECT * FROM odd", 'SELECT "a\udcff" FROM odd', "SELECT '\ud800'"):
        assert "not UTF-8" in raised(SqlFailed, 2, own.query, state, sql).detail


COLLATED = (
    "CREATE TABLE decks (id INTEGER PRIMARY KEY, name TEXT COLLATE unicase, note)",
    "CREATE UNIQUE INDEX deck_name ON decks(name)",
    "CREATE TABLE tags (tag TEXT COLLATE unicase PRIMARY KEY, n) WITHOUT ROWID",
    "INSERT INTO decks VALUES (1, 'b', 'x'), (2, 'A', 'y')",
    "INSERT INTO tags VALUES ('t', 1), ('U', 2)",
)


def execute_collated(path: Path, *statements: str) -> None:
    """Run statements as an application that has the collation."""
    with closing(connect(path)) as connection:
        connection.create_collation(
            "unicase", lambda one, other: (one.lower() > other.lower()) - (one.lower() < other.lower())
        )
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def collated(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a database with a collation that only the application has."""
    with Single(tmp_path) as snap:
        execute_collated(snap.database, *COLLATED)
        snap.tag("baseline")
        yield snap


@pytest.mark.parametrize("state", STATES)
def test_what_does_not_compare_by_a_missing_collation_works(collated: Single, state: str) -> None:
    for sql, rows in (
        ("SELECT count(*) FROM tags", ((2,),)),
        ("SELECT tag FROM tags", (("t",), ("U",))),
        ("SELECT name FROM decks ORDER BY name", (("A",), ("b",))),
        ("SELECT name FROM decks WHERE id = 1", (("b",),)),
        ("SELECT id FROM decks WHERE name = 'A' COLLATE BINARY", ((2,),)),
        ("SELECT name FROM decks ORDER BY name COLLATE BINARY DESC", (("b",), ("A",))),
    ):
        assert collated.query(state, sql).rows == rows, sql
    for sql in ("SELECT * FROM tags WHERE tag = 't'", "SELECT DISTINCT name FROM decks", "PRAGMA integrity_check"):
        assert "collation 'unicase'" in raised(SqlFailed, 2, collated.query, state, sql).detail


def test_show_counts_the_rows_and_names_the_collation(collated: Single) -> None:
    found = collated.show("baseline").databases["default"]
    assert found.tables == {"decks": 2, "tags": 2}
    assert found.collations == ("unicase",)


def test_a_database_with_a_missing_collation_is_compared_and_restored(collated: Single) -> None:
    execute_collated(collated.database, "INSERT INTO tags VALUES ('v', 3)", "UPDATE decks SET note = 'z' WHERE id = 1")
    tables = collated.diff("baseline").databases["default"].tables
    assert tables == {"decks": Counts(0, 0, 1), "tags": Counts(1, 0, 0)}
    refusal = raised(CleanImpossible, 14, collated.clean, "baseline")
    assert "unicase" in refusal.reason
    collated.restore("baseline")
    assert collated.verify("baseline").verdict == "clean"
