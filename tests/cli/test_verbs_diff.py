"""`diff`: what differs between two states, as text and as JSON."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hands import error_of, execute, hint_of, json_keys
from tests.cli.rows import Inside
from tests.support import make_database

MANY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
SHOP = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE user_log (at, what)",
    "CREATE TABLE other (k TEXT PRIMARY KEY, v) WITHOUT ROWID",
    "INSERT INTO users(name) VALUES ('ann'), ('bob'), ('cid')",
)
CHANGES = (
    "INSERT INTO users(name) VALUES ('dan')",
    "UPDATE users SET name = 'bobby' WHERE id = 2",
    "DELETE FROM users WHERE id = 1",
    "INSERT INTO other VALUES ('key', 5)",
)
TABLES = {"users": {"added": 1, "removed": 1, "changed": 1}, "other": {"added": 1, "removed": 0, "changed": 0}}


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with the snapshots `one` (three users) and `two`, and more users since."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "one")
    execute(snap.database, *CHANGES)
    snap("tag", "two")
    execute(snap.database, MANY.format(30) + "INSERT INTO users(name) SELECT 'user ' || i FROM n")
    return snap


def tables(found: Any) -> Any:
    return {name: tuple(one.values()) for name, one in found["databases"]["default"]["tables"].items()}


def test_states_are_head_live_or_what_is_named(shop: Inside) -> None:
    ids = {name: shop.json("show", name)["snapshot"] for name in ("one", "two")} | {"live": "live"}
    there, since = {"other": (1, 0, 0), "users": (1, 1, 1)}, {"users": (30, 0, 0)}
    both = {"other": (1, 0, 0), "users": (31, 1, 1)}
    back = {"other": (0, 1, 0), "users": (1, 31, 1)}
    cases: list[tuple[tuple[str, ...], str, str, Any]] = [
        ((), "two", "live", since),
        (("one",), "one", "live", both),
        (("one", "two"), "one", "two", there),
        (("live", "one"), "live", "one", back),
        (("one@{0}", "HEAD"), "one", "two", there),
        (("two", "latest"), "two", "two", {}),
        (("live", "live"), "live", "live", {}),
        (("live",), "live", "live", {}),
    ]
    for arguments, before, after, wanted in cases:
        found = shop.json("diff", *arguments)
        assert (found["from"], found["to"]) == (ids[before], ids[after]), arguments
        assert (tables(found), found["identical"]) == (wanted, not wanted), arguments


def test_the_document_has_the_keys_of_the_contract(shop: Inside) -> None:
    found = shop.json("diff", "one", "two")
    json_keys(found, "from", "to", "identical", "databases", "truncated")
    one = found["databases"]["default"]
    json_keys(one, "schema", "tables", "rows")
    assert one["tables"] == TABLES
    assert one["rows"] == [
        _row("other", "added", {"k": "key"}, None, {"k": "key", "v": 5}),
        _row("users", "removed", {"id": 1}, {"id": 1, "name": "ann"}, None),
        _row("users", "changed", {"id": 2}, {"id": 2, "name": "bob"}, {"id": 2, "name": "bobby"}, ["name"]),
        _row("users", "added", {"id": 4}, None, {"id": 4, "name": "dan"}),
    ]
    assert shop("diff", "one", "two", "--format", "json").stdout == shop("diff", "one", "two", "--json").stdout


def _row(table: str, change: str, key: Any, before: Any, after: Any, columns: Any = ()) -> dict[str, Any]:
    names = ("table", "key", "change", "before", "after", "columns")
    return dict(zip(names, (table, key, change, before, after, list(columns)), strict=True))


def test_values_that_json_has_not_are_written_all_the_same(tmp_path: Path) -> None:
    snap = Inside(tmp_path)
    execute(snap.database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    snap("tag", "empty")
    values = [
        "x'00ff10'",
        "x''",
        "NULL",
        "9007199254740993",
        "-9223372036854775808",
        "9007199254740992",
        "9e999",
        "-9e999",
    ]
    values += ["1.0", "1", "'é😀' || char(10)", "CAST(x'61ff62' AS TEXT)", "CAST(x'610062' AS TEXT)", "'1'"]
    execute(snap.database, *(f"INSERT INTO t(v) VALUES ({value})" for value in values))
    found = [row["after"]["v"] for row in snap.json("diff")["databases"]["default"]["rows"]]
    assert found[:2] == [{"blob": base64.b64encode(b"\0\xff\x10").decode(), "bytes": 3}, {"blob": "", "bytes": 0}]
    assert found[2:6] == [None, {"int": "9007199254740993"}, {"int": "-9223372036854775808"}, 9007199254740992]
    assert found[6:8] == [{"float": "inf"}, {"float": "-inf"}]
    assert [repr(value) for value in found[8:10]] == ["1.0", "1"]
    assert found[10] == "é😀\n"
    assert found[11] == {"text": "a\\udcffb"}
    assert found[12:] == ["a\0b", "1"]
    text = snap("diff", "--limit", "0").stdout
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())
    assert len(text.splitlines()) == len(values) + 3


def test_stat_counts_and_shows_no_row(shop: Inside) -> None:
    assert shop("diff", "one", "two", "--stat").stdout.splitlines() == [
        "other: 1 added",
        "users: 1 added, 1 removed, 1 changed",
        "sequences: users 3 → 4",
    ]
    found = shop.json("diff", "one", "two", "--stat")
    assert found["databases"]["default"]["tables"] == TABLES
    assert found["databases"]["default"]["rows"] == []


def test_schema_shows_the_schema_alone_with_its_text(shop: Inside) -> None:
    execute(
        shop.database,
        "ALTER TABLE users ADD COLUMN mail TEXT",
        "CREATE VIEW names AS\n  SELECT name FROM users",
        "DROP TABLE user_log",
        "PRAGMA user_version = 8",
    )
    lines = shop("diff", "--schema").stdout.splitlines()
    assert lines == [
        "- table user_log",
        "    - CREATE TABLE user_log (at, what)",
        "~ table users",
        "    - CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
        "    + CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, mail TEXT)",
        "+ view names",
        "    + CREATE VIEW names AS",
        "    +   SELECT name FROM users",
        "~ setting user_version: 0 → 8",
    ]
    one = shop.json("diff", "--schema")["databases"]["default"]
    assert (one["rows"], one["tables"]) == ([], {})
    assert [(change["type"], change["name"], change["change"]) for change in one["schema"]] == [
        ("table", "user_log", "removed"),
        ("table", "users", "changed"),
        ("view", "names", "added"),
        ("setting", "user_version", "changed"),
    ]
    assert (one["schema"][0]["before"], one["schema"][0]["after"]) == ("CREATE TABLE user_log (at, what)", None)
    assert "- table user_log" in shop("diff").stdout.splitlines()


def test_tables_narrow_it_by_name_and_glob(shop: Inside) -> None:
    execute(shop.database, "INSERT INTO user_log VALUES (1, 2)", "CREATE INDEX others ON other(v)")
    for rules, wanted in (
        (("users",), ["users"]),
        (("USER*",), ["user_log", "users"]),
        (("other", "user_?og"), ["other", "user_log"]),
    ):
        options = [word for rule in rules for word in ("--table", rule)]
        one = shop.json("diff", "one", *options)["databases"]["default"]
        assert list(one["tables"]) == wanted
        assert [change["name"] for change in one["schema"]] == (["others"] if "other" in wanted else [])
        assert ("sequences" in shop("diff", "one", *options).stdout) == ("users" in wanted)
    done = shop.refuses("diff", "--table", "usrs", code=13)
    assert "'usrs'" in error_of(done)
    assert "'users'" in hint_of(done)
    assert "snap show" in hint_of(shop.refuses("diff", "--table", "users", "--table", "zzzzzz", code=13))


def test_a_limit_cuts_and_says_so(shop: Inside) -> None:
    text = shop("diff", "one", "--limit", "2").stdout
    assert "users: 31 added, 1 removed, 1 changed" in text
    assert "  … 31 more rows" in text.splitlines()
    assert text.splitlines()[-1] == "31 more rows not shown; --limit 0 shows all"
    found = shop.json("diff", "one", "--limit", "2")
    assert (found["truncated"], found["rows_left_out"]) == (True, 31)
    assert (len(found["databases"]["default"]["rows"]), tables(found)["users"]) == (3, (31, 1, 1))
    for whole in (
        shop.json("diff", "one"),
        shop.json("diff", "one", "--limit", "0"),
        shop.json("diff", "one", "--limit", "33"),
    ):
        assert (whole["truncated"], whole["rows_left_out"]) == (False, 0)
        assert len(whole["databases"]["default"]["rows"]) == 34
    assert "10 more rows" in shop("diff").stdout
    assert "not shown" not in shop("diff", "--limit", "0").stdout
    assert shop("diff", "--limit", "0").stdout.count("\n  +") == 30


@pytest.mark.parametrize(
    "options",
    [(), ("--stat",), ("--json",), ("--format", "sql"), ("--format", "html"), ("--limit", "1"), ("--table", "users")],
)
def test_the_exit_code_tells_where_it_was_asked_for(shop: Inside, options: tuple[str, ...]) -> None:
    shop("diff", *options)
    shop("diff", *options, "--exit-code", code=1)
    shop("diff", "one", "one", *options, "--exit-code")
    execute(shop.database, "DELETE FROM users WHERE id > 4")
    shop("diff", *options, "--exit-code")  # a sequence is no row


def test_states_whose_rows_differ_are_never_called_identical(shop: Inside) -> None:
    assert not shop.json("diff", "--schema")["identical"]
    execute(shop.database, "CREATE VIEW v AS SELECT 1")
    shop("diff", "--schema", "--exit-code", code=1)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--format", "sql", "--limit", "5"), 2),
        (("--format", "sql", "--stat"), 2),
        (("--format", "sql", "--schema"), 2),
        (("--format", "yaml"), 2),
        (("--limit", "-1"), 2),
        (("one", "two", "three"), 2),
        (("nothing",), 12),
        (("one", "tow"), 12),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(shop: Inside, arguments: tuple[str, ...], code: int) -> None:
    shop.refuses("diff", *arguments, code=code)


def test_without_store_snapshot_or_database_the_error_says_so(tmp_path: Path) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", rows=1))
    snap.refuses("diff", code=10)
    snap("tag", "one")
    snap("tag", "two")
    other = Inside(tmp_path, make_database(tmp_path / "other.sqlite3", rows=1), snap.store)
    other.refuses("diff", code=10)
    snap.database.unlink()
    snap.refuses("diff", code=15)
    assert snap("diff", "one", "two").stdout == ""
