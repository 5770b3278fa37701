"""Rows match by the primary key that their table declares, however an application writes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.compare.ignore_rules import Policy
from snapstore.results.rows import RowChange
from tests.api.live import Live
from tests.contents import apply, execute
from tests.database.generated import opened
from tests.support import connect

DECLARED = {
    "text": "name TEXT PRIMARY KEY, value, seen",
    "not null": "name TEXT NOT NULL PRIMARY KEY, value, seen",
    "without case": "name TEXT COLLATE NOCASE PRIMARY KEY, value, seen",
    "without blanks": "value, name TEXT COLLATE RTRIM, seen, PRIMARY KEY (name DESC)",
    "other than its column": "name TEXT COLLATE RTRIM, value, seen, PRIMARY KEY (name COLLATE NOCASE)",
    "composite": "seen, name TEXT, value, part DEFAULT 7, PRIMARY KEY (part, name)",
    "any": "name PRIMARY KEY, value, seen",
    "strict": "name TEXT PRIMARY KEY, value ANY, seen ANY) STRICT; --",
    "without rowid": "name TEXT PRIMARY KEY, value, seen) WITHOUT ROWID; --",
    "unique": "name TEXT UNIQUE PRIMARY KEY, value, seen UNIQUE",
}
INTEGERS = {
    "int": "id INT PRIMARY KEY, value",
    "descending": "id INTEGER PRIMARY KEY DESC, value",
    "big": "id BIGINT PRIMARY KEY, value",
    "rowid": "id INTEGER PRIMARY KEY, value",
}
ROWS = "INSERT INTO config(name, value, seen) VALUES ('a', 1, 1), ('b', 2, 2), ('c', 3, 3)"


@pytest.fixture(params=DECLARED)
def live(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Live]:
    with Live(tmp_path, (f"CREATE TABLE config ({DECLARED[request.param]}\n)".split(";")[0], ROWS)) as live:
        live.tag()
        yield live


def rows(live: Live) -> list[RowChange]:
    return list(live.snap.diff().databases["default"].rows)


def seen(live: Live, sql: str = "SELECT name, value, seen FROM config ORDER BY name") -> list[tuple[object, ...]]:
    with closing(connect(live.path)) as connection:
        found: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        return found


def changes(live: Live) -> list[tuple[str, object]]:
    return [(row.change, row.key.get("name")) for row in rows(live)]


def test_a_row_that_is_written_again_is_changed(live: Live) -> None:
    live.do("REPLACE INTO config(name, value, seen) VALUES ('a', 9, 1)", "DELETE FROM config WHERE name = 'c'")
    found = rows(live)
    assert changes(live) == [("changed", "a"), ("removed", "c")]
    assert found[0].columns == ("value",)
    assert (found[0].before or {})["value"] == 1


def test_a_row_that_is_written_again_as_it_was_is_the_same(live: Live) -> None:
    live.do("REPLACE INTO config(name, value, seen) VALUES ('a', 1, 1)")
    assert live.snap.diff().identical
    assert live.verify().ok


def test_rules_for_columns_match_a_row_that_is_written_again(live: Live) -> None:
    live.do("REPLACE INTO config(name, value, seen) VALUES ('a', 9, 8)")
    policy = Policy(columns=("config.value", "config.seen"))
    (drift,) = (one.drift for one in live.verify(policy).databases.values())
    assert drift.ignored_columns == {"config": {"value": 1, "seen": 1}}
    assert not live.clean(policy).changed
    live.do("UPDATE config SET name = 'd' WHERE name = 'b'")
    assert live.verify(policy).verdict == "damaged"


def test_an_upsert_is_a_change(live: Live) -> None:
    live.do("INSERT INTO config(name, value, seen) VALUES ('a', 5, 7) ON CONFLICT DO UPDATE SET value = excluded.value")
    assert changes(live) == [("changed", "a")]


def test_a_changed_key_is_a_row_that_went_and_one_that_came(live: Live) -> None:
    live.do("UPDATE config SET name = 'z' WHERE name = 'a'")
    assert changes(live) == [("removed", "a"), ("added", "z")]


def test_swapped_keys_are_two_changed_rows(live: Live) -> None:
    live.do(
        "UPDATE config SET name = 'z' WHERE name = 'a'",
        "UPDATE config SET name = 'a' WHERE name = 'b'",
        "UPDATE config SET name = 'b' WHERE name = 'z'",
    )
    assert changes(live) == [("changed", "a"), ("changed", "b")]


def test_clean_and_a_patch_bring_rows_back_with_their_rowids(live: Live) -> None:
    everything = "SELECT *, rowid FROM config ORDER BY name"
    without = "SELECT * FROM config ORDER BY name"
    sql = everything if "WITHOUT ROWID" not in str(seen(live, "SELECT sql FROM sqlite_schema")) else without
    before = seen(live, sql)
    live.do(
        "REPLACE INTO config(name, value, seen) VALUES ('a', 9, 1)",
        "REPLACE INTO config(name, value, seen) VALUES ('b', 2, 2)",
        "DELETE FROM config WHERE name = 'c'",
        "INSERT INTO config(name, value, seen) VALUES ('new', 4, 4)",
    )
    copy = live.copy("patched.sqlite3")
    apply(copy, live.patch("live", "baseline"))
    with closing(connect(copy)) as connection:
        assert connection.execute(sql).fetchall() == before
    assert live.clean().changed
    assert seen(live, sql) == before
    assert live.verify().verdict in ("clean", "drifted")


@pytest.mark.parametrize("declared", INTEGERS)
def test_integers_are_keys_too(tmp_path: Path, declared: str) -> None:
    made = f"CREATE TABLE t ({INTEGERS[declared]})", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("REPLACE INTO t VALUES (1, 'x')", "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (3, 'b')")
        assert [(row.change, row.key) for row in rows(live)] == [
            ("changed", {"id": 1}),
            ("removed", {"id": 2}),
            ("added", {"id": 3}),
        ]


EQUAL = {
    "case": ("TEXT COLLATE NOCASE", "'Ada'", "'aDA'"),
    "case, as somebody wrote it": ("TEXT COLLATE nocase", "'Ada'", "'aDA'"),
    "case behind a zero": ("TEXT COLLATE NOCASE", "'a' || char(0) || 'x'", "'A' || char(0) || 'y'"),
    "blanks": ("TEXT COLLATE RTRIM", "'a '", "'a    '"),
    "integer and float": ("", "1", "1.0"),
    "large integer and float": ("", "-9223372036854775808", "-9223372036854775808.0"),
}
UNLIKE = {
    "case of other letters": ("TEXT COLLATE NOCASE", "'É'", "'é'"),
    "case without the collation": ("TEXT", "'Ada'", "'ada'"),
    "integer and text": ("", "1", "'1'"),
    "text and blob": ("", "'a'", "x'61'"),
    "large integer and the next float": ("", "9007199254740993", "9007199254740992.0"),
    "blanks in front": ("TEXT COLLATE RTRIM", "' a'", "'a'"),
}


@pytest.mark.parametrize("end", ["", " WITHOUT ROWID"])
@pytest.mark.parametrize("name", [*EQUAL, *UNLIKE])
def test_keys_are_equal_where_sqlite_says_so(tmp_path: Path, name: str, end: str) -> None:
    declared, before, after = {**EQUAL, **UNLIKE}[name]
    with Live(
        tmp_path, (f"CREATE TABLE t (k {declared} PRIMARY KEY, v){end}", f"INSERT INTO t VALUES ({before}, 1)")
    ) as live:
        live.tag()
        old = seen(live, "SELECT typeof(k), k, v FROM t")
        live.do(f"UPDATE t SET k = {after}")
        found = sorted(row.change for row in rows(live))
        assert found == (["changed"] if name in EQUAL else ["added", "removed"])
        assert live.clean().changed
        assert seen(live, "SELECT typeof(k), k, v FROM t") == old


def test_a_null_in_a_key_tells_no_row_from_another(tmp_path: Path) -> None:
    made = (
        "CREATE TABLE t (a, b, v, PRIMARY KEY (a, b))",
        "INSERT INTO t VALUES (1, NULL, 'x'), (1, NULL, 'x'), (1, 1, 'x')",
    )
    with Live(tmp_path, made) as live:
        live.tag()
        live.do(
            "INSERT INTO t VALUES (1, NULL, 'y')",
            "REPLACE INTO t VALUES (1, 1, 'z')",
            "UPDATE t SET v = 'w' WHERE rowid = 2",
        )
        assert [(row.change, row.key) for row in rows(live)] == [
            ("changed", {"a": 1, "b": 1}),
            ("changed", {"rowid": 2}),
            ("added", {"rowid": 4}),
        ]
        assert live.clean().changed
        assert seen(live, "SELECT rowid, * FROM t ORDER BY rowid") == [
            (1, 1, None, "x"),
            (2, 1, None, "x"),
            (3, 1, 1, "x"),
        ]


def test_a_unique_column_is_no_declared_key(tmp_path: Path) -> None:
    made = "CREATE TABLE t (a TEXT NOT NULL UNIQUE, v)", "INSERT INTO t VALUES ('a', 1), ('b', 2)"
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("REPLACE INTO t VALUES ('a', 3)")
        assert [(row.change, row.key) for row in rows(live)] == [("removed", {"rowid": 1}), ("added", {"rowid": 3})]


@pytest.mark.parametrize("columns", ["k TEXT PRIMARY KEY, v", "k TEXT, v"])
def test_other_rowids_change_no_row(tmp_path: Path, columns: str) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    made = f"CREATE TABLE t ({columns})", f"{numbers} INSERT INTO t SELECT 'k' || i, i FROM n"
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("CREATE TABLE held AS SELECT * FROM t ORDER BY v DESC", "DELETE FROM t")
        live.do("INSERT INTO t SELECT * FROM held", "DROP TABLE held", "VACUUM")
        assert live.snap.diff().identical
        assert live.verify().databases["default"].drift.moved_rowids == {"t": 500}
        assert not live.clean().changed
        live.do("UPDATE t SET v = -1 WHERE k = 'k100'")
        assert live.counts() == {"t": (0, 0, 1) if "PRIMARY" in columns else (1, 1, 0)}
        assert live.clean().changed
        assert seen(live, "SELECT count(*) FROM t WHERE rowid = v AND k = 'k' || rowid") == [(500,)]


@pytest.mark.parametrize("end", ["", " WITHOUT ROWID"])
def test_under_a_collation_of_the_application_equal_values_are_equal(tmp_path: Path, end: str) -> None:
    path = tmp_path / "default.sqlite3"
    with closing(opened(path)) as connection:
        connection.execute(f"CREATE TABLE t (k TEXT COLLATE own PRIMARY KEY, v){end}")
        connection.execute("INSERT INTO t VALUES ('ab', 1), ('ba', 2), ('c', 3)")
        with Live(tmp_path) as live:
            live.tag()
            connection.execute("REPLACE INTO t VALUES ('ab', 7)")
            connection.execute("UPDATE t SET k = 'd' WHERE k = 'c'")
            assert [(row.change, row.key["k"]) for row in rows(live)] == [
                ("changed", "ab"),
                ("removed", "c"),
                ("added", "d"),
            ]


def test_a_declared_key_may_come_and_go_with_the_schema(tmp_path: Path) -> None:
    """The rows of a table that is made again match by the key that both texts declare, else by their values."""
    forms = {
        "k TEXT PRIMARY KEY, v": "",
        "v, k TEXT, PRIMARY KEY (k)": "",
        "k TEXT PRIMARY KEY, v ": "WITHOUT ROWID",
        "k TEXT, v": "",
        "k TEXT, v INTEGER PRIMARY KEY": "",
        "k TEXT, v PRIMARY KEY": "WITHOUT ROWID",
    }
    texts = [f"CREATE TABLE t ({columns}) {end}" for columns, end in forms.items()]
    data = "INSERT INTO t(k, v) VALUES ('a', 1), ('b', 2), ('c', 3)"
    with Live(tmp_path, (texts[0], data)) as live:
        for number, text in enumerate(texts):
            live.do("DROP TABLE t", text, data, *("UPDATE t SET v = 9 WHERE k = 'b'" for _ in range(number % 2)))
            live.tag(f"form-{number}")
        for one in range(len(texts)):
            for other in range(len(texts)):
                live.snap.restore(f"form-{one}")
                apply(live.path, live.patch("live", f"form-{other}"))
                assert live.snap.diff(f"form-{other}").identical, (one, other)
                diff = live.snap.diff(f"form-{one}", f"form-{other}").databases["default"]
                is_keyed = one < 3 and other < 3
                assert not is_keyed or {row.change for row in diff.rows} <= {"changed"}, (one, other)


def test_a_row_under_rules_keeps_its_rowid_and_blocks_no_other(tmp_path: Path) -> None:
    made = "CREATE TABLE t (k TEXT PRIMARY KEY, v, seen)", "INSERT INTO t VALUES ('a', 1, 1), ('b', 2, 2), ('c', 3, 3)"
    policy = Policy(columns=("seen",))
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("DELETE FROM t WHERE k = 'c'", "REPLACE INTO t VALUES ('a', 1, 9)")
        assert seen(live, "SELECT rowid FROM t WHERE k = 'a'") == [(3,)]
        assert live.clean(policy).changed
        assert seen(live, "SELECT * FROM t ORDER BY k") == [("a", 1, 9), ("b", 2, 2), ("c", 3, 3)]
        assert live.verify(policy).ok


def test_leaks_are_named_by_the_declared_key(tmp_path: Path) -> None:
    made = (
        "CREATE TABLE people (name TEXT PRIMARY KEY)",
        "CREATE TABLE pets (tag TEXT PRIMARY KEY, owner REFERENCES people)",
        "INSERT INTO people VALUES ('ann')",
    )
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("INSERT INTO people VALUES ('bob')", "INSERT INTO pets VALUES ('rex', 'bob'), ('tom', 'bob')")
        (leak,) = live.verify().databases["default"].leaks
        assert (leak.table, leak.key, leak.under) == ("people", {"name": "bob"}, {"pets": 2})


def test_a_key_that_occurs_twice_by_a_trick_is_matched_by_rowid(tmp_path: Path) -> None:
    """An index that is gone from the schema for a while lets a key in twice, as a broken database may have it."""
    with Live(tmp_path, ("CREATE TABLE t (k TEXT, v)", "INSERT INTO t VALUES ('a', 1), ('a', 2), ('b', 3)")) as live:
        text = "CREATE TABLE t (k TEXT PRIMARY KEY, v)"
        execute(
            live.path,
            "CREATE TABLE other (k PRIMARY KEY)",
            "PRAGMA writable_schema = ON",
            f"UPDATE sqlite_schema SET sql = '{text}' WHERE name = 't'",
            "UPDATE sqlite_schema SET name = 'sqlite_autoindex_t_1', tbl_name = 't' WHERE type = 'index'",
            "DELETE FROM sqlite_schema WHERE name = 'other'",
        )
        live.tag()
        live.do("UPDATE t SET v = v + 5")
        found = [(row.change, row.key) for row in rows(live)]
        assert found == [("changed", {"k": "b"}), ("changed", {"rowid": 1}), ("changed", {"rowid": 2})]


def test_a_key_may_compare_text_in_another_way_than_its_column(tmp_path: Path) -> None:
    made = (
        "CREATE TABLE t (k TEXT COLLATE NOCASE, v, PRIMARY KEY (k COLLATE BINARY))",
        "INSERT INTO t VALUES ('a', 1), ('A', 2), ('b', 3)",
    )
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("UPDATE t SET v = 5 WHERE v = 1", "DELETE FROM t WHERE v = 2")
        assert [(row.change, row.key["k"]) for row in rows(live)] == [("removed", "A"), ("changed", "a")]
        copy = live.copy("patched.sqlite3")
        apply(copy, live.patch("live", "baseline"))
        assert live.clean().changed
        for path in (copy, live.path):
            with closing(connect(path)) as connection:
                assert connection.execute("SELECT k, v FROM t ORDER BY v").fetchall() == [("a", 1), ("A", 2), ("b", 3)]


def test_a_row_may_take_the_rowid_of_one_without_a_key(tmp_path: Path) -> None:
    made = "CREATE TABLE t (k TEXT PRIMARY KEY, v)", "INSERT INTO t VALUES (NULL, 1), ('a', 2), ('b', 3)"
    with Live(tmp_path, made) as live:
        live.tag()
        live.do("UPDATE t SET rowid = 9 WHERE k = 'a'", "INSERT INTO t(rowid, k, v) VALUES (2, NULL, 7)")
        live.do(
            "DELETE FROM t WHERE rowid = 1", "UPDATE t SET rowid = 1 WHERE k = 'b'", "UPDATE t SET v = 0 WHERE k = 'a'"
        )
        assert live.clean().changed
        assert seen(live, "SELECT rowid, k, v FROM t ORDER BY rowid") == [(1, None, 1), (2, "a", 2), (3, "b", 3)]


def test_an_index_without_case_is_sound_behind_a_zero_character(tmp_path: Path) -> None:
    """NOCASE compares up to a zero character, and then lengths, so other columns decide on the order."""
    texts = "INSERT INTO t VALUES ('a' || char(0) || 'z', 1), ('A' || char(0) || 'b', 2), ('a' || char(0), 3)"
    with Live(tmp_path, ("CREATE TABLE t (k TEXT, v)", "CREATE INDEX i ON t (k COLLATE NOCASE, v)")) as live:
        live.tag()
        live.do(texts)
        assert live.verify(Policy(tables=("t",))).verdict == "drifted"
        assert live.clean().changed
