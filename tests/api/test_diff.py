"""`diff`: what differs between two states, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snapstore.errors import DatabaseMissing, NoSnapshot, NoStore, UnknownRevision, UnknownRule
from snapstore.results.diffs import Diff
from snapstore.results.rows import Counts, RowChange
from snapstore.results.verdicts import SequenceMove
from tests.api.folders import Single, counts_of, refused
from tests.contents import apply, contents, execute
from tests.support import Application, make_database

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
MORE = MANY.format(30) + "INSERT INTO users(name) SELECT 'user ' || i FROM n"
VALUES: dict[str, Any] = {
    "x'00ff10'": b"\0\xff\x10",
    "x''": b"",
    "NULL": None,
    "9007199254740993": 9007199254740993,
    "-9223372036854775808": -9223372036854775808,
    "9007199254740992": 9007199254740992,
    "9e999": float("inf"),
    "-9e999": float("-inf"),
    "1.0": 1.0,
    "1": 1,
    "'é😀' || char(10)": "é😀\n",
    "CAST(x'61ff62' AS TEXT)": "a\udcffb",
    "CAST(x'610062' AS TEXT)": "a\0b",
    "'1'": "1",
}
"""SQL for values, each with what a row has for it."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade with the snapshots `one` (three users) and `two`; since then, more users were added."""
    with Single(tmp_path) as snap:
        execute(snap.database, *SHOP)
        snap.tag("one")
        execute(snap.database, *CHANGES)
        snap.tag("two")
        execute(snap.database, MORE)
        yield snap


def tables(found: Diff) -> dict[str, tuple[int, int, int]]:
    return counts_of(found.databases["default"].tables)


def test_states_are_head_live_or_a_revision(shop: Single) -> None:
    ids = {name: shop.show(name).snapshot for name in ("one", "two")} | {"live": "live"}
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
    for revisions, before, after, wanted in cases:
        found = shop.diff(*revisions)
        assert (found.from_, found.to) == (ids[before], ids[after]), revisions
        assert (tables(found), found.identical) == (wanted, not wanted), revisions


def test_rows_and_counts_are_given_table_by_table(shop: Single) -> None:
    found = shop.diff("one", "two")
    assert (found.identical, found.truncated) == (False, False)
    one = found.databases["default"]
    assert one.schema == ()
    assert one.tables == {"users": Counts(1, 1, 1), "other": Counts(1, 0, 0)}
    assert one.sequences == {"users": SequenceMove(3, 4)}
    assert one.rows == (
        RowChange("other", {"k": "key"}, "added", None, {"k": "key", "v": 5}, ()),
        RowChange("users", {"id": 1}, "removed", {"id": 1, "name": "ann"}, None, (), "ann"),
        RowChange(
            "users", {"id": 2}, "changed", {"id": 2, "name": "bob"}, {"id": 2, "name": "bobby"}, ("name",), "bobby"
        ),
        RowChange("users", {"id": 4}, "added", None, {"id": 4, "name": "dan"}, (), "dan"),
    )


def test_values_keep_their_types(tmp_path: Path) -> None:
    with Single(tmp_path) as snap:
        execute(snap.database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        snap.tag("empty")
        execute(snap.database, *(f"INSERT INTO t(v) VALUES ({value})" for value in VALUES))
        rows = [row.after for row in snap.diff().databases["default"].rows]
    found = [row["v"] for row in rows if row]
    assert [(type(value), value) for value in found] == [(type(value), value) for value in VALUES.values()]


def test_schema_changes_come_with_their_text(shop: Single) -> None:
    execute(
        shop.database,
        "ALTER TABLE users ADD COLUMN mail TEXT",
        "CREATE VIEW names AS\n  SELECT name FROM users",
        "DROP TABLE user_log",
        "PRAGMA user_version = 8",
    )
    schema = shop.diff().databases["default"].schema
    assert [(change.type, change.name, change.change) for change in schema] == [
        ("table", "user_log", "removed"),
        ("table", "users", "changed"),
        ("view", "names", "added"),
        ("setting", "user_version", "changed"),
    ]
    assert (schema[0].before, schema[0].after) == ("CREATE TABLE user_log (at, what)", None)
    assert (schema[3].before, schema[3].after) == ("0", "8")


def test_tables_narrow_it_by_name_and_glob(shop: Single) -> None:
    execute(shop.database, "INSERT INTO user_log VALUES (1, 2)", "CREATE INDEX others ON other(v)")
    for rules, wanted in (
        (["users"], ["users"]),
        (["USER*"], ["user_log", "users"]),
        (["other", "user_?og"], ["other", "user_log"]),
    ):
        one = shop.diff("one", tables=rules).databases["default"]
        assert list(one.tables) == wanted
        assert [change.name for change in one.schema] == (["others"] if "other" in wanted else [])
        assert bool(one.sequences) == ("users" in wanted)
    with refused(shop, UnknownRule, 13) as raised:
        shop.diff(tables=["usrs"])
    assert (raised.value.kind, raised.value.rule, raised.value.nearest) == ("table", "usrs", "users")
    with refused(shop, UnknownRule, 13) as raised:
        shop.diff(tables=["users", "zzzzzz"])
    assert (raised.value.rule, raised.value.nearest) == ("zzzzzz", None)
    assert "snap show" in str(raised.value.hint)


def test_a_limit_cuts_and_says_so(shop: Single) -> None:
    found = shop.diff("one", limit=2)
    assert (found.truncated, found.rows_left_out) == (True, 31)
    assert (len(found.databases["default"].rows), tables(found)["users"]) == (3, (31, 1, 1))
    for whole in (shop.diff("one"), shop.diff("one", limit=0), shop.diff("one", limit=33)):
        assert (whole.truncated, whole.rows_left_out) == (False, 0)
        assert len(whole.databases["default"].rows) == 34


def test_states_are_identical_if_rows_and_schema_are(shop: Single) -> None:
    assert not shop.diff().identical
    execute(shop.database, "DELETE FROM users WHERE id > 4")
    found = shop.diff()
    assert (found.identical, found.databases["default"].sequences) == (True, {"users": SequenceMove(4, 34)})
    execute(shop.database, "CREATE VIEW v AS SELECT 1")
    assert not shop.diff().identical


def test_a_patch_leads_a_copy_to_the_live_state(tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    with Single(tmp_path) as snap:
        execute(snap.database, "PRAGMA journal_mode = wal", *SHOP)
        snap.tag("baseline")
        snap.export("baseline", copy)
        with Application(snap.database) as application:
            for statement in (*CHANGES, 'CREATE TABLE "é" ("a;b")', "INSERT INTO \"é\" VALUES (';\n--')"):
                application.ask(statement)
            with snap.differences() as found:
                (script,) = (one.script() for one in found.databases)
                sql = "".join(f"{statement};\n" for statement in script)
            apply(copy, sql)
            assert contents(copy) == contents(snap.database)
        snap.import_(copy, name="patched")
        assert snap.diff("patched").identical


def test_no_store_no_snapshot_no_database(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=1)
    make_database(tmp_path / "other.sqlite3", rows=1)
    with Single(tmp_path) as snap, Single(tmp_path, tmp_path / "other.sqlite3") as other:
        with refused(snap, NoStore, 10):
            snap.diff()
        snap.tag("one")
        snap.tag("two")
        with refused(other, NoSnapshot, 10):
            other.diff()
        snap.database.unlink()
        with refused(snap, DatabaseMissing, 15):
            snap.diff()
        assert snap.diff("one", "two").identical


def test_an_unknown_revision_names_the_nearest(shop: Single) -> None:
    with refused(shop, UnknownRevision, 12):
        shop.diff("nothing")
    with refused(shop, UnknownRevision, 12) as raised:
        shop.diff("one", "tow")
    assert (raised.value.revision, raised.value.nearest) == ("tow", ("two",))
