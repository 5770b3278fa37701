"""Virtual tables of any module: what counts under which name, and which names are understood."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from snapstore.compare.ignore_rules import Policy
from snapstore.errors import UnknownRule
from snapstore.results.rows import Counts
from tests.api.live import Live

CHUNKED = ("chunks(chunk_id INTEGER PRIMARY KEY, validity)", "rowids(rowid INTEGER PRIMARY KEY AUTOINCREMENT, id)")


def module(shadows: Sequence[str]) -> Any:
    """Return a module of an application, whose shadow tables are named after the virtual table."""

    def create(connection: apsw.Connection, _module: str, _schema: str, name: str, *_: object) -> tuple[str, Any]:
        for shadow in shadows:
            suffix, columns = shadow.split("(", 1)
            connection.execute(f'CREATE TABLE "{name}_{suffix}"({columns}')
        return "CREATE TABLE x(a)", made

    made = SimpleNamespace(Create=create, Connect=create, Destroy=lambda: None, Disconnect=lambda: None)
    return made


def make(path: Path, *statements: str, **modules: Sequence[str]) -> None:
    """Run statements where some modules are known, each with its shadow tables."""
    with closing(apsw.Connection(str(path))) as connection:
        for name, shadows in modules.items():
            connection.create_module(name, module(shadows))
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Yield a database with virtual tables whose names begin with each other's, and tables beside them."""
    with Live(tmp_path) as live:
        make(
            live.path,
            "CREATE VIRTUAL TABLE v USING vec0(e FLOAT[4])",
            "CREATE VIRTUAL TABLE v_vector USING vec0(e FLOAT[4])",
            "CREATE VIRTUAL TABLE a USING custom(x)",
            "CREATE VIRTUAL TABLE a_b USING /* USING fts5(x) */ custom(x)",
            "CREATE VIRTUAL TABLE a_b_c USING fts5(title, content='')",
            "CREATE VIRTUAL TABLE near USING rtree(id, low, high)",
            "CREATE VIRTUAL TABLE words USING fts5vocab(a_b_c, row)",
            "CREATE VIRTUAL TABLE stat USING dbstat",
            "CREATE TABLE users(id INTEGER PRIMARY KEY)",
            "CREATE TABLE stat_daily(id INTEGER PRIMARY KEY, n)",
            "CREATE TABLE a_owner(id INTEGER PRIMARY KEY, user REFERENCES users)",
            "CREATE VIEW seen AS SELECT * FROM users",
            "INSERT INTO v_chunks VALUES (1, 0)",
            "INSERT INTO v_vector_chunks VALUES (1, 0)",
            "INSERT INTO v_rowids VALUES (1, 'one')",
            "INSERT INTO a_lists(name) VALUES ('x')",
            "INSERT INTO users VALUES (1)",
            "INSERT INTO stat_daily VALUES (1, 1)",
            "INSERT INTO a_owner VALUES (1, 1)",
            vec0=CHUNKED,
            custom=("lists(name)", "items(id INTEGER PRIMARY KEY, list)"),
        )
        live.tag()
        yield live


@pytest.mark.parametrize(
    ("name", "rows", "other", "of"),
    [("v_rowids", "rowid, id", "v_chunks", "v"), ("a_items", "id, list", "a_lists", "a")],
)
def test_what_a_module_adds_is_left_behind_and_not_damage(
    live: Live, name: str, rows: str, other: str, of: str
) -> None:
    added = f"INSERT INTO {name}({rows}) VALUES (7, 'seven')"
    column = "validity" if other == "v_chunks" else "name"
    live.do(added, f"UPDATE {other} SET {column} = 'touched'")
    found = live.verify().databases["default"]
    assert found.verdict == "leaked"
    assert found.tables == {name: Counts(added=1), other: Counts(changed=1)}
    assert found.derived == {name: of, other: of}
    assert {row.table for row in found.rows} == {name, other}
    assert live.snap.status().databases["default"].derived == found.derived
    assert live.snap.diff().databases["default"].derived == found.derived

    live.snap.restore("baseline")
    live.do(f"UPDATE {other} SET {column} = 'touched'")
    assert live.verify().verdict == "damaged"
    live.do(added, f"DELETE FROM {other}")
    assert live.verify().verdict == "damaged"


def test_a_row_of_another_table_is_damage_beside_what_a_module_adds(live: Live) -> None:
    added = "INSERT INTO v_rowids VALUES (7, 'seven')"
    for statement in (
        "UPDATE stat_daily SET n = 2",  # dbstat has no shadow tables
        "UPDATE a_owner SET user = NULL",  # no module has foreign keys
        "UPDATE v_vector_chunks SET validity = 1",  # of v_vector, though v is first
    ):
        live.do(added, statement)
        assert live.verify().verdict == "damaged", statement
        live.snap.restore("baseline")


def test_a_table_belongs_to_the_longest_name_that_may_have_it(live: Live) -> None:
    live.do(
        "UPDATE v_vector_chunks SET validity = 2",
        "INSERT INTO v_vector_rowids VALUES (1, 'x')",
        "INSERT INTO a_b_lists VALUES ('y')",
        "INSERT INTO a_b_c(rowid, title) VALUES (1, 'hello')",
    )
    found = live.verify().databases["default"]
    assert found.derived == {"v_vector_chunks": "v_vector", "v_vector_rowids": "v_vector", "a_b_lists": "a_b"}
    assert found.tables["a_b_c"] == Counts(added=1)
    assert found.verdict == "leaked"


def test_every_name_that_is_printed_is_understood(live: Live) -> None:
    live.do(
        "INSERT INTO v_rowids VALUES (7, 'seven')",
        "UPDATE v_chunks SET validity = 7",
        "INSERT INTO a_b_c(rowid, title) VALUES (1, 'hello')",
        "INSERT INTO near VALUES (1, 1, 2)",
        "UPDATE a_owner SET user = NULL",
        "CREATE INDEX by_number ON stat_daily(n)",
        "DROP VIEW seen",
        "CREATE TABLE a_new(x)",
        "PRAGMA user_version = 3",
    )
    found = live.verify().databases["default"]
    shown = {
        *live.snap.show("baseline").databases["default"].tables,
        *found.tables,
        *found.derived.values(),
        *(change.name for change in found.schema),
        *(change.table for change in found.schema),
        *found.drift.sequences,
        *found.drift.indexes,
    }
    assert {"v", "v_chunks", "a", "a_new", "near", "words", "stat", "seen", "by_number", "user_version"} <= shown
    everything = live.counts()
    for name in sorted(shown):
        narrowed = live.under(Policy()).diff(tables=[name]).databases["default"]
        assert set(narrowed.tables) <= {name, *(table for table, of in found.derived.items() if of == name)}
        ignored = live.counts(Policy(tables=(name,)))
        assert set(everything) - set(ignored) == set(narrowed.tables), name
        kept = live.under(Policy(keep=(name,)))
        assert kept.verify().verdict == "schema-changed"
    for name in ("v_nothing", "hello"):
        with pytest.raises(UnknownRule):
            live.under(Policy()).diff(tables=[name])


def test_columns_are_understood_as_they_are_shown(live: Live) -> None:
    for rule in ("a_b_c.title", "near.low", "v_chunks.validity", "v.validity", "title"):
        live.under(Policy(columns=(rule,))).verify()
    live.do("UPDATE v_chunks SET validity = 9")
    assert live.verify(Policy(columns=("v_chunks.validity",))).verdict == "drifted"


def test_a_table_beside_a_virtual_table_is_no_part_of_it_when_it_comes(live: Live) -> None:
    live.do("CREATE TABLE a_archive(x)", "CREATE TABLE stat_archive(x)")
    found = live.verify()
    assert found.verdict == "schema-changed"
    names = {change.name for change in found.databases["default"].schema}
    assert names == {"a_archive", "stat_archive"}
    live.snap.restore("baseline")
    make(live.path, "CREATE VIRTUAL TABLE more USING custom(x)", custom=("lists(name)",))
    assert [change.name for change in live.verify().databases["default"].schema] == ["more"]


def test_a_patch_leaves_the_rows_of_a_table_that_was_there_before(live: Live) -> None:
    live.do("CREATE TABLE later_archive(x)", "INSERT INTO later_archive VALUES (1)")
    one = live.tag("one")
    make(live.path, "CREATE VIRTUAL TABLE later USING custom(x)", custom=("lists(name)",))
    patch = live.patch(one, live.tag("two"))
    assert 'DELETE FROM "later_lists"' in patch
    assert "later_archive" not in patch


def test_vectors_are_left_behind(tmp_path: Path) -> None:
    sqlite_vec = pytest.importorskip("sqlite_vec")
    with Live(tmp_path) as live:
        with closing(apsw.Connection(str(live.path))) as connection:
            connection.enable_load_extension(True)
            connection.load_extension(sqlite_vec.loadable_path())
            columns = "id INTEGER PRIMARY KEY, e FLOAT[2], kind TEXT, n INTEGER, +note TEXT"
            connection.execute(f"CREATE VIRTUAL TABLE v USING vec0({columns})")
            row = "INSERT INTO v(id, e, kind, n, note) VALUES (?, ?, ?, 1, 'note')"
            for number in range(20):
                connection.execute(row, (number, json.dumps([number, 1]), "a kind that is a long text"))
            live.tag()
            connection.execute(row, (100, "[9, 9]", "another kind that is long"))
        found = live.verify().databases["default"]
        assert found.verdict == "leaked"
        assert set(found.derived.values()) == {"v"}
        assert set(found.tables) == set(found.derived)
        assert live.clean().changed
        assert live.verify().ok
