"""`verify`: a verdict, the rows it rests on, and the way back where that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hands import error_of, execute, json_keys
from tests.cli.rows import Folder, Inside, contents
from tests.support import Application, dbhash, make_database

SHOP = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users)",
    "CREATE TABLE log (id INTEGER PRIMARY KEY, session INTEGER REFERENCES sessions(id), text)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob'), ('cid')",
    "INSERT INTO sessions(user) VALUES (1)",
)
VERDICTS: dict[str, tuple[tuple[str, ...], int]] = {
    "clean": (("SELECT 1",), 0),
    "drifted": (("INSERT INTO users(name) VALUES ('x')", "DELETE FROM users WHERE name = 'x'"), 0),
    "leaked": (("INSERT INTO users(name) VALUES ('x')",), 1),
    "damaged": (("INSERT INTO users(name) VALUES ('x')", "UPDATE users SET name = 'y' WHERE id = 1"), 1),
    "schema-changed": (("DELETE FROM users", "CREATE TABLE more (x)"), 1),
}
KEYS = ("verdict", "ok", "against", "restored", "forensic", "label", "databases", "seconds")


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with a snapshot of three users and a session."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "baseline")
    return snap


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_has_its_exit_code(shop: Inside, verdict: str) -> None:
    done, code = VERDICTS[verdict]
    execute(shop.database, *done)
    before = shop.database.read_bytes()
    assert shop("verify", "-q", code=code).stdout.startswith(f"{verdict}, against HEAD")
    found = shop.json("verify", "baseline", "--label", "cart.spec.ts", code=code)
    json_keys(found, *KEYS)
    assert (found["verdict"], found["ok"], found["restored"]) == (verdict, code == 0, False)
    assert (found["label"], found["forensic"]) == ("cart.spec.ts", None)
    assert found["against"] == shop.json("show", "baseline")["snapshot"]
    (one,) = found["databases"].values()
    json_keys(one, "verdict", "tables", "rows", "drift")
    assert one["verdict"] == verdict
    assert shop.database.read_bytes() == before
    assert len(shop.json("log", "--all")) == 1


def test_strict_fails_where_anything_moved(shop: Inside) -> None:
    shop("verify", "--strict")
    execute(shop.database, *VERDICTS["drifted"][0])
    shop("verify")
    found = shop.json("verify", "--strict", code=1)
    assert (found["verdict"], found["ok"]) == ("drifted", False)
    assert shop.json("verify", "--strict", "--restore-on-fail", code=3)["restored"]
    shop("verify", "--strict")


def test_leaks_stand_under_the_row_they_hang_on(shop: Inside) -> None:
    execute(
        shop.database,
        "INSERT INTO users(name) VALUES ('dan')",
        "INSERT INTO sessions VALUES (10, 4), (11, 4), (12, 4), (20, 2)",
        "INSERT INTO log(session) VALUES (10), (10), (10), (11), (12), (12), (12), (1)",
    )
    text = shop("verify", code=1).stdout
    assert "left behind: users 4: 7 log, 3 sessions" in text
    assert "left behind: sessions 20 (of users 2)" in text
    assert "left behind: log 8 (of sessions 1)" in text
    leaks = shop.json("verify", code=1)["databases"]["default"]["leaks"]
    assert leaks[0] == {"table": "users", "key": {"id": 4}, "under": {"log": 7, "sessions": 3}, "of": None}
    assert {"table": "sessions", "key": {"id": 20}, "under": {}, "of": {"table": "users", "key": {"id": 2}}} in leaks
    assert len(leaks) == 3


def test_rows_gone_and_columns_changed_are_told(shop: Inside) -> None:
    execute(shop.database, "DELETE FROM users WHERE id = 3", "UPDATE users SET name = 'bo' WHERE id = 2")
    text = shop("verify", code=1).stdout
    assert "users: 1 removed, 1 changed" in text
    assert "'bob' → 'bo'" in text
    assert "left behind" not in text
    found = shop.json("verify", code=1)["databases"]["default"]
    assert found["tables"] == {"users": {"added": 0, "removed": 1, "changed": 1}}
    assert found["rows"] == [
        {"table": "users", "key": {"id": 2}, "change": "changed", "columns": ["name"]}
        | {"before": {"id": 2, "name": "bob"}, "after": {"id": 2, "name": "bo"}},
        {"table": "users", "key": {"id": 3}, "change": "removed", "columns": []}
        | {"before": {"id": 3, "name": "cid"}, "after": None},
    ]


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_failing_state_is_kept_and_put_right(shop: Inside, journal_mode: str) -> None:
    execute(shop.database, f"PRAGMA journal_mode = {journal_mode}")
    with Application(shop.database) as application:
        shop("tag", "baseline")
        before, good = contents(shop.database), dbhash(shop.database)
        application.ask("INSERT INTO users(name) VALUES ('left')")
        application.ask("DELETE FROM sessions")
        failing = contents(shop.database)

        found = shop.json("verify", "baseline", "--restore-on-fail", "--label", "a test", code=3)

        assert (found["verdict"], found["ok"], found["restored"]) == ("damaged", False, True)
        forensic = found["forensic"]
        assert application.ask("SELECT count(*) FROM users") == [[3]]
        assert (contents(shop.database), dbhash(shop.database)) == (before, good)
        assert shop.json("verify")["verdict"] == "clean"
        shown = shop.json("show", forensic)
        assert (shown["kind"], shown["names"], shown["message"]) == ("forensic", [], "a test")
        tables = shop.json("diff", "baseline", forensic)["databases"]["default"]["tables"]
        assert {name: (one["added"], one["removed"]) for name, one in tables.items()} == {
            "users": (1, 0),
            "sessions": (0, 1),
        }
        assert shop.json("show", "latest")["snapshot"] == found["against"]
        shop("undo")
        assert contents(shop.database) == failing
        assert shop.json("diff", forensic)["identical"]


def test_what_passes_is_not_restored(shop: Inside) -> None:
    execute(shop.database, *VERDICTS["drifted"][0])
    before = shop.database.read_bytes()
    found = shop.json("verify", "--restore-on-fail")
    assert (found["ok"], found["restored"], found["forensic"]) == (True, False, None)
    assert shop.database.read_bytes() == before
    assert len(shop.json("log", "--all")) == 1


def test_text_names_the_snapshot_that_was_kept(shop: Inside) -> None:
    execute(shop.database, "DROP TABLE log", "CREATE INDEX names ON users(name)")
    lines = shop("verify", "--restore-on-fail", "--label", "drop", code=3).stdout.splitlines()
    assert lines[0] == "schema-changed, against HEAD"
    assert lines[1:3] == ["  table log removed", "  index names added"]
    assert "label: drop" in lines
    assert "HEAD was restored and verified" in lines
    kept = next(line for line in lines if "is kept as" in line).split("is kept as ")[1].split(";")[0]
    assert "log" in shop("diff", kept).stdout


def test_no_store_no_snapshot_no_database(tmp_path: Path) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", rows=1))
    snap.refuses("verify", code=10)
    other = Inside(tmp_path, make_database(tmp_path / "other.sqlite3", rows=1), snap.store)
    other("tag", "theirs")
    snap.refuses("verify", code=10)
    other.database.unlink()
    other.refuses("verify", code=15)
    other.refuses("verify", "--restore-on-fail", code=15)


def test_a_locked_database_is_not_judged(shop: Inside) -> None:
    shop.refuses("verify", "live", code=2)
    shop.refuses("verify", "nothing", code=12)
    with Application(shop.database) as application:
        application.ask("BEGIN EXCLUSIVE")
        for options in ((), ("--restore-on-fail",)):
            shop.refuses("verify", *options, "--timeout", "0.2", code=11)
    assert len(shop.json("log", "--all")) == 1


def test_a_locked_database_that_fails_is_kept_and_not_restored(shop: Inside) -> None:
    execute(shop.database, "PRAGMA journal_mode = wal", "DELETE FROM users")
    with Application(shop.database) as application:
        application.ask("BEGIN IMMEDIATE")
        error_of(shop("verify", "baseline", "--restore-on-fail", "--timeout", "0.2", code=11))
        assert application.ask("SELECT count(*) FROM users") == [[0]]
    shop("verify", "baseline", "--restore-on-fail", code=3)


def test_the_worst_of_several_databases_counts(tmp_path: Path) -> None:
    folder = Folder(tmp_path, default=SHOP, queue=SHOP, third=SHOP)
    folder("tag", "baseline")
    execute(folder.databases["default"], *VERDICTS["leaked"][0])
    execute(folder.databases["queue"], "DELETE FROM users")
    found = folder.json("verify", code=1)
    assert found["verdict"] == "damaged"
    each = {name: one["verdict"] for name, one in found["databases"].items()}
    assert each == {"default": "leaked", "queue": "damaged", "third": "clean"}
    assert "queue: damaged, against HEAD" in folder("verify", code=1).stdout
    execute(folder.databases["third"], "PRAGMA user_version = 3")
    found = folder.json("verify", "--restore-on-fail", code=3)
    assert (found["verdict"], found["restored"]) == ("schema-changed", True)
    assert folder.json("verify")["verdict"] == "clean"


def test_a_snapshot_without_one_of_the_databases_proves_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path, default=SHOP)
    folder("tag", "narrow")
    folder.databases["queue"] = tmp_path / "queue.sqlite3"
    execute(folder.databases["queue"], *SHOP)
    folder.configure()
    assert "'queue'" in error_of(folder("verify", "narrow", code=10))
    folder("tag", "wide")
    assert "'queue'" in error_of(folder("verify", "narrow", "--restore-on-fail", code=10))
    os.unlink(folder.databases["queue"])
    error_of(folder("verify", "wide", code=15))
