"""`snap diff`: text, JSON, counts, the schema alone, and the exit code. What it finds is tested on the façade."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from tests.api.folders import Configured
from tests.api.test_diff import CHANGES, MORE, SHOP, VALUES
from tests.cli.hands import error_of, hint_of, json_keys
from tests.cli.inside import Inside, run_inside
from tests.contents import execute

TABLES = {"users": {"added": 1, "removed": 1, "changed": 1}, "other": {"added": 1, "removed": 0, "changed": 0}}


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with the snapshots `one` (three users) and `two`; since then, more users were added."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "one")
    execute(snap.database, *CHANGES)
    snap("tag", "two")
    execute(snap.database, MORE)
    return snap


def test_text_is_aligned_with_signs_and_arrows(shop: Inside) -> None:
    assert shop("diff", "one", "two").stdout.splitlines() == [
        "other: 1 added",
        "     k      v",
        "  +  'key'  5",
        "users: 1 added, 1 removed, 1 changed",
        "     id  name",
        "  -  1   'ann'",
        "  ~  2   'bob' → 'bobby'",
        "  +  4   'dan'",
        "sequences: users 3 → 4",
    ]


def test_long_values_are_shortened(shop: Inside) -> None:
    shop("tag", "three")
    execute(shop.database, f"INSERT INTO other VALUES ('{'long ' * 100}', zeroblob(5000))")
    execute(shop.database, f"UPDATE users SET name = '{'x' * 3000}' WHERE id = 2")
    lines = shop("diff").stdout.splitlines()
    assert max(map(len, lines)) < 130
    assert "(5,000 bytes)" in lines[2]
    assert lines[2].count("…") == 2
    assert "'bobby' → 'xxx" in lines[5]


def test_the_document_has_the_published_keys(shop: Inside) -> None:
    found = shop.json("diff", "one", "two")
    json_keys(found, "from", "to", "identical", "databases", "truncated")
    one = found["databases"]["default"]
    json_keys(one, "schema", "tables", "rows")
    assert one["tables"] == TABLES
    assert one["sequences"] == {"users": {"before": 3, "after": 4}}
    assert one["rows"] == [
        _row("other", "added", {"k": "key"}, None, {"k": "key", "v": 5}),
        _row("users", "removed", {"id": 1}, {"id": 1, "name": "ann"}, None),
        _row("users", "changed", {"id": 2}, {"id": 2, "name": "bob"}, {"id": 2, "name": "bobby"}, ["name"]),
        _row("users", "added", {"id": 4}, None, {"id": 4, "name": "dan"}),
    ]
    assert shop("diff", "one", "two", "--format", "json").stdout == shop("diff", "one", "two", "--json").stdout


def _row(table: str, change: str, key: Any, before: Any, after: Any, columns: Any = ()) -> dict[str, Any]:
    names = ("table", "key", "change", "before", "after", "columns", "label")
    label = (after or before).get("name")
    return dict(zip(names, (table, key, change, before, after, list(columns), label), strict=True))


def test_values_that_json_lacks_are_encoded(tmp_path: Path) -> None:
    snap = Inside(tmp_path)
    execute(snap.database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    snap("tag", "empty")
    execute(snap.database, *(f"INSERT INTO t(v) VALUES ({value})" for value in VALUES))
    found = [row["after"]["v"] for row in snap.json("diff")["databases"]["default"]["rows"]]
    assert found[:2] == [{"blob": base64.b64encode(b"\0\xff\x10").decode(), "bytes": 3}, {"blob": "", "bytes": 0}]
    assert found[2:6] == [None, {"int": "9007199254740993"}, {"int": "-9223372036854775808"}, 9007199254740992]
    assert found[6:8] == [{"float": "inf"}, {"float": "-inf"}]
    assert [repr(value) for value in found[8:10]] == ["1.0", "1"]
    assert found[10] == "é😀\n"
    assert found[11] == {"text": "Yf9i", "encoding": "utf-8"}
    assert found[12:] == ["a\0b", "1"]
    lines = snap("diff", "--limit", "0").stdout.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(lines) == len(VALUES) + 3


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
    assert not shop.json("diff", "--schema")["identical"]
    execute(
        shop.database,
        "ALTER TABLE users ADD COLUMN mail TEXT",
        "CREATE VIEW names AS\n  SELECT name FROM users",
        "DROP TABLE user_log",
        "PRAGMA user_version = 8",
    )
    assert shop("diff", "--schema", "--exit-code", code=1).stdout.splitlines() == [
        "- table user_log",
        "    - CREATE TABLE user_log (at, what)",
        "~ table users",
        "    + mail TEXT",
        "+ view names",
        "    + CREATE VIEW names AS",
        "    +   SELECT name FROM users",
        "~ setting user_version: 0 → 8",
    ]
    one = shop.json("diff", "--schema")["databases"]["default"]
    assert (one["rows"], one["tables"]) == ([], {})
    assert len(one["schema"]) == 4
    json_keys(one["schema"][0], "type", "name", "change", "before", "after")
    assert "- table user_log" in shop("diff").stdout.splitlines()


def test_tables_can_be_named_several_times(shop: Inside) -> None:
    execute(shop.database, "INSERT INTO user_log VALUES (1, 2)")
    lines = shop("diff", "one", "--table", "other", "--table", "user_?og", "--stat").stdout.splitlines()
    assert lines == ["other: 1 added", "user_log: 1 added"]
    done = shop.refuses("diff", "--table", "usrs", code=13)
    assert "'usrs'" in error_of(done)
    assert "'users'" in hint_of(done)


def test_a_limit_cuts_and_says_so(shop: Inside) -> None:
    text = shop("diff", "one", "--limit", "2").stdout
    assert "users: 31 added, 1 removed, 1 changed" in text
    assert "  … 31 more rows" in text.splitlines()
    assert text.splitlines()[-1] == "31 more rows not shown; --limit 0 shows all"
    found = shop.json("diff", "one", "--limit", "2")
    assert (found["truncated"], found["rows_left_out"]) == (True, 31)
    assert len(found["databases"]["default"]["rows"]) == 3
    for options in ((), ("--limit", "0"), ("--limit", "33")):
        whole = shop.json("diff", "one", *options)
        assert (whole["truncated"], whole["rows_left_out"]) == (False, 0)
        assert len(whole["databases"]["default"]["rows"]) == 34
    assert "10 more rows" in shop("diff").stdout
    text = shop("diff", "--limit", "0").stdout
    assert "not shown" not in text
    assert text.count("\n  +") == 30


@pytest.mark.parametrize(
    "options",
    [(), ("--stat",), ("--json",), ("--format", "sql"), ("--format", "html"), ("--limit", "1"), ("--table", "users")],
)
def test_the_exit_code_says_whether_states_differ_if_requested(shop: Inside, options: tuple[str, ...]) -> None:
    shop("diff", *options)
    shop("diff", *options, "--exit-code", code=1)
    shop("diff", "one", "one", *options, "--exit-code")
    execute(shop.database, "DELETE FROM users WHERE id > 4")
    shop("diff", *options, "--exit-code")  # a sequence is no row


def test_text_names_each_of_several_databases(tmp_path: Path) -> None:
    config = "--config", os.fspath(tmp_path / "snapstore.yaml")
    with Configured(tmp_path, default=SHOP, queue=SHOP) as folder:
        folder.snap.tag("baseline")
    execute(folder.databases["queue"], "UPDATE users SET name = 'new'")
    assert run_inside(["diff", *config]).stdout.startswith("queue:\nusers: 3 changed\n")
    execute(folder.databases["default"], "DELETE FROM users")
    assert run_inside(["diff", "--stat", *config]).stdout == "default:\nusers: 3 removed\nqueue:\nusers: 3 changed\n"
    assert "one database" in error_of(run_inside(["diff", "--format", "sql", *config], code=13))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--format", "sql", "--limit", "5"), 2),
        (("--format", "sql", "--stat"), 2),
        (("--format", "sql", "--schema"), 2),
        (("--format", "yaml"), 2),
        (("--limit", "-1"), 2),
        (("one", "two", "three"), 2),
        (("one", "tow"), 12),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(shop: Inside, arguments: tuple[str, ...], code: int) -> None:
    shop.refuses("diff", *arguments, code=code)
