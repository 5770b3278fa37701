"""`clean` where it cannot or may not: an error, an exit code, and every row where it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.errors import DatabaseLocked
from snapstore.store import Store
from tests.cli.hands import call, error_of, execute, fails, hint_of, json_keys, without_powers
from tests.cli.rows import Folder, Inside, Live, contents, demand_sound
from tests.support import JOURNAL_MODES, Application, change_page_size, connect, make_database

SHOP = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users)",
    "CREATE TABLE free (x)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob')",
    "INSERT INTO sessions(user) VALUES (1)",
)


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with a snapshot of two users, and one more user with a session since."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "baseline")
    execute(snap.database, "INSERT INTO users(name) VALUES ('cid')", "INSERT INTO sessions(user) VALUES (3)")
    return snap


def rename_a_column(path: Path) -> None:
    execute(path, "ALTER TABLE free RENAME COLUMN x TO y")


def add_an_index(path: Path) -> None:
    execute(path, "CREATE INDEX names ON users(name)")


def drop_a_table(path: Path) -> None:
    execute(path, "DROP TABLE free")


def set_the_version(path: Path) -> None:
    execute(path, "PRAGMA user_version = 7")


def test_equal_rows_on_pages_of_another_size_need_no_cleaning(shop: Inside) -> None:
    shop("restore", "baseline")
    change_page_size(shop.database, 8192)
    before = contents(shop.database)
    for arguments in (("clean",), ("clean", "-n")):
        assert not shop.json(*arguments)["changed"]
    assert contents(shop.database) == before
    execute(shop.database, "INSERT INTO free VALUES (1)")
    for arguments in (("clean",), ("clean", "-n")):
        assert "pages cannot be compared" in error_of(shop.refuses(*arguments, code=14))


@pytest.mark.parametrize("change", [rename_a_column, add_an_index, drop_a_table, set_the_version])
def test_a_changed_schema_is_refused_with_the_way_out(shop: Inside, change: Callable[[Path], None]) -> None:
    change(shop.database)
    done = shop.refuses("clean", code=14)
    assert "schema differs" in error_of(done)
    assert "snap restore" in hint_of(done)
    assert [one["kind"] for one in shop.json("log", "--all")] == ["tag"]


def test_kept_rows_that_would_lose_what_they_refer_to_are_named(shop: Inside) -> None:
    message = error_of(shop.refuses("clean", "--keep", "sessions", code=14))
    assert "'sessions' refers to 'users'" in message
    assert [one["kind"] for one in shop.json("log", "--all")] == ["tag"]
    execute(shop.database, "UPDATE sessions SET user = 1")
    shop("clean", "--keep", "sessions")
    demand_sound(shop.database)
    assert len(contents(shop.database)["sessions"]) == 2


def test_references_that_were_broken_before_are_nobodys_fault(shop: Inside) -> None:
    execute(shop.database, "PRAGMA foreign_keys = OFF", "INSERT INTO sessions(user) VALUES (99)")
    execute(shop.database, "UPDATE sessions SET user = 2 WHERE user = 3")
    assert shop.json("clean", "--keep", "sessions")["changed"]


@pytest.fixture
def locked(tmp_path: Path, store: Store, journal_mode: str) -> Live:
    """Return a database with a snapshot of two users and one more user since."""
    live = Live(store, tmp_path / "db.sqlite3", SHOP, journal_mode)
    live.tag()
    live.do("INSERT INTO users(name) VALUES ('cid')")
    return live


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_writer_is_named_when_the_deadline_passes(locked: Live) -> None:
    with Application(locked.path) as other:
        other.ask("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked) as raised:
            locked.clean(timeout=0.2)
        assert f"pid {other.process.pid}" in str(raised.value)
        other.ask("COMMIT")
        assert other.ask("SELECT count(*) FROM users") == [[3]]
        assert len(locked.store.snapshots.all()) == 1
        assert locked.clean().changed
        assert other.ask("SELECT count(*) FROM users") == [[2]]


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_reader_is_waited_for_unless_there_is_a_log(locked: Live, journal_mode: str) -> None:
    with Application(locked.path) as reader:
        reader.ask("BEGIN")
        reader.ask("SELECT count(*) FROM users")
        if journal_mode == "wal":
            assert locked.clean(timeout=0.2).changed
        else:
            with pytest.raises(DatabaseLocked) as raised:
                locked.clean(timeout=0.2)
            assert f"pid {reader.process.pid}" in str(raised.value)
        assert reader.ask("SELECT count(*) FROM users") == [[3]]
        reader.ask("COMMIT")
        assert reader.ask("SELECT count(*) FROM users") == [[2 if journal_mode == "wal" else 3]]
        assert reader.ask("PRAGMA integrity_check") == [["ok"]]
        locked.clean()
        assert reader.ask("SELECT count(*) FROM users") == [[2]]


def test_an_index_with_a_collation_that_nobody_here_has_is_refused(tmp_path: Path) -> None:
    snap = Inside(tmp_path)
    with closing(connect(snap.database)) as connection:
        connection.create_collation("house", lambda one, other: (one > other) - (one < other))
        connection.execute("CREATE TABLE door (id INTEGER PRIMARY KEY, name TEXT COLLATE house)")
        connection.execute("CREATE INDEX door_name ON door(name)")
        connection.execute("CREATE TABLE other (x)")
        connection.execute("INSERT INTO door(name) VALUES ('red'), ('blue')")
        snap("tag", "baseline")
        connection.execute("INSERT INTO door(name) VALUES ('green')")
        connection.execute("INSERT INTO other VALUES (1)")
        assert "house" in error_of(snap.refuses("clean", code=14))
        assert [one["kind"] for one in snap.json("log", "--all")] == ["tag"]
        assert snap.json("verify", code=1)["verdict"] == "leaked"
        assert snap.json("clean", "--keep", "door")["changed"]
        assert connection.execute("SELECT count(*) FROM door").fetchone() == (3,)
        assert connection.execute("SELECT count(*) FROM other").fetchone() == (0,)


def test_a_trigger_with_a_function_that_nobody_here_has_does_not_matter(shop: Inside) -> None:
    with closing(connect(shop.database)) as connection:
        connection.create_function("audit", 1, lambda _: None)
        connection.execute("CREATE TRIGGER audited AFTER DELETE ON users BEGIN SELECT audit(old.id); END")
        shop("tag", "audited")
        before = contents(shop.database)
        connection.execute("INSERT INTO users(name) VALUES ('dan')")
        shop("clean")
        assert contents(shop.database) == before


def test_a_database_that_may_not_be_written_stays_as_it_is(shop: Inside) -> None:
    powers = without_powers()
    os.chmod(shop.database, 0o444)
    done = fails(shop, "clean", code=14, program=powers)
    assert "read-only" in error_of(done)
    assert call(shop, "clean", "-n", program=powers).stdout.count("DELETE FROM ") > 1
    os.chmod(shop.database, 0o644)
    shop("clean")
    assert shop.json("verify")["ok"]


def test_a_snapshot_of_another_database_is_refused_unless_forced(shop: Inside) -> None:
    other = Inside(shop.folder, shop.folder / "other.sqlite3", shop.store)
    execute(other.database, *SHOP, "INSERT INTO users(name) VALUES ('other')")
    other("tag", "theirs")
    assert "another database" in error_of(shop.refuses("clean", "theirs", code=14))
    assert shop.json("clean", "theirs", "--force")["changed"]
    assert contents(shop.database) == contents(other.database)
    shop("undo")
    assert len(contents(shop.database)["sessions"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("live",), 2), (("nothing",), 12), (("--keep", "user"), 13), (("--keep", "users", "a", "b"), 2)],
    ids=str,
)
def test_a_mistake_changes_nothing(shop: Inside, arguments: tuple[str, ...], code: int) -> None:
    done = shop.refuses("clean", *arguments, code=code)
    if code == 13:
        assert "'user'" in error_of(done)
        assert "'users'" in hint_of(done)


def test_without_store_snapshot_or_database_the_error_says_so(tmp_path: Path) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", rows=1))
    snap.refuses("clean", code=10)
    other = Inside(tmp_path, make_database(tmp_path / "other.sqlite3", rows=1), snap.store)
    other("tag", "theirs")
    snap.refuses("clean", code=10)
    other.database.unlink()
    other.refuses("clean", code=15)


def test_what_is_printed_says_what_was_done_and_how_to_take_it_back(shop: Inside) -> None:
    lines = shop("clean", "-n").stdout.splitlines()
    assert all(line.endswith(";") for line in lines)
    lines = shop("clean").stdout.splitlines()
    assert lines[:2] == ["sessions: 1 removed", "users: 1 removed"]
    assert lines[2].startswith("cleaned to HEAD (")
    assert "'snap undo'" in lines[3]
    assert "already" in shop("clean").stdout
    assert shop("clean", "-n").stdout == ""
    shop("undo")
    assert shop("clean", "baseline", "-q").stdout == ""
    assert [one["action"] for one in shop.json("reflog")][:2] == ["clean", "undo"]
    json_keys(shop.json("clean"), "snapshot", "changed", "safety", "databases", "dry_run", "seconds")


def test_several_databases_are_cleaned_together_or_not_at_all(tmp_path: Path) -> None:
    made = ("CREATE TABLE t (id INTEGER PRIMARY KEY, x)", "INSERT INTO t(x) VALUES ('a')")
    folder = Folder(tmp_path, default=made, queue=made)
    folder("tag", "baseline")
    for path in folder.databases.values():
        execute(path, "INSERT INTO t(x) VALUES ('b')")
    execute(folder.databases["queue"], "CREATE TABLE more (x)")
    error_of(folder("clean", code=14))
    assert [len(contents(path)["t"]) for path in folder.databases.values()] == [2, 2]
    execute(folder.databases["queue"], "DROP TABLE more")
    with Application(folder.databases["queue"]) as other:
        other.ask("BEGIN IMMEDIATE")
        error_of(folder("clean", "--timeout", "0.3", code=11))
        assert [len(contents(path)["t"]) for path in folder.databases.values()] == [2, 2]
    assert "-- queue" in folder("clean", "-n").stdout
    document = folder.json("clean")
    assert [one["tables"]["t"]["removed"] for one in document["databases"].values()] == [1, 1]
    folder("undo")
    assert [len(contents(path)["t"]) for path in folder.databases.values()] == [2, 2]


def test_the_configuration_names_tables_to_keep(tmp_path: Path) -> None:
    made = ("CREATE TABLE t (x)", "CREATE TABLE kept (x)", "CREATE TABLE ignored (x)")
    folder = Folder(tmp_path, default=made)
    folder.configure("keep: [kept]\nignore: {tables: [ignored]}\n")
    folder("tag", "baseline")
    execute(folder.databases["default"], *(f"INSERT INTO {table} VALUES (1)" for table in ("t", "kept", "ignored")))
    folder("clean")
    rows = contents(folder.databases["default"])
    assert {name: len(rows[name]) for name in ("t", "kept", "ignored")} == {"t": 0, "kept": 1, "ignored": 1}
    folder.configure("keep: [kepd]\n")
    assert "'kepd'" in error_of(folder("clean", code=13))
