"""`clean` where it cannot or must not: an error, and every row stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.errors import (
    CleanImpossible,
    DatabaseLocked,
    DatabaseMissing,
    InvalidArgument,
    NoSnapshot,
    NoStore,
    UnknownRevision,
    UnknownRule,
    WrongDatabase,
)
from tests.api.folders import Configured, Single, refused
from tests.api.live import Live
from tests.contents import contents, demand_sound, execute
from tests.support import JOURNAL_MODES, Application, change_page_size, connect, make_database

SHOP = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users)",
    "CREATE TABLE free (x)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob')",
    "INSERT INTO sessions(user) VALUES (1)",
)
PAIR = ("CREATE TABLE t (id INTEGER PRIMARY KEY, x)", "INSERT INTO t(x) VALUES ('a')")
LEAK = "INSERT INTO t(x) VALUES ('b')"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade with a snapshot of two users; since then, one more user and a session were added."""
    with Single(tmp_path) as snap:
        execute(snap.database, *SHOP)
        snap.tag("baseline")
        execute(snap.database, "INSERT INTO users(name) VALUES ('cid')", "INSERT INTO sessions(user) VALUES (3)")
        yield snap


def kinds(snap: Single) -> list[str]:
    """Return what each snapshot was taken for."""
    return [one.kind for one in snap.log(everything=True)]


def rename_a_column(path: Path) -> None:
    execute(path, "ALTER TABLE free RENAME COLUMN x TO y")


def add_an_index(path: Path) -> None:
    execute(path, "CREATE INDEX names ON users(name)")


def drop_a_table(path: Path) -> None:
    execute(path, "DROP TABLE free")


def set_the_version(path: Path) -> None:
    execute(path, "PRAGMA user_version = 7")


def test_equal_rows_on_pages_of_another_size_need_no_cleaning(shop: Single) -> None:
    shop.restore("baseline")
    change_page_size(shop.database, 8192)
    before = contents(shop.database)
    for dry_run in (False, True):
        assert not shop.clean(dry_run=dry_run).changed
    assert contents(shop.database) == before
    execute(shop.database, "INSERT INTO free VALUES (1)")
    for dry_run in (False, True):
        with refused(shop, CleanImpossible, 14) as raised:
            shop.clean(dry_run=dry_run)
        assert "pages cannot be compared" in raised.value.reason


@pytest.mark.parametrize("change", [rename_a_column, add_an_index, drop_a_table, set_the_version])
def test_a_changed_schema_is_refused_with_the_way_out(shop: Single, change: Callable[[Path], None]) -> None:
    change(shop.database)
    with refused(shop, CleanImpossible, 14) as raised:
        shop.clean()
    assert "schema differs" in raised.value.reason
    assert "snap restore" in str(raised.value.hint)
    assert kinds(shop) == ["tag"]


def test_kept_rows_that_would_lose_the_row_they_reference_are_named(shop: Single) -> None:
    with refused(shop, CleanImpossible, 14) as raised:
        shop.clean(keep=["sessions"])
    assert "'sessions' refers to 'users'" in raised.value.reason
    assert kinds(shop) == ["tag"]
    execute(shop.database, "UPDATE sessions SET user = 1")
    shop.clean(keep=["sessions"])
    demand_sound(shop.database)
    assert len(contents(shop.database)["sessions"]) == 2


def test_references_that_were_broken_before_do_not_matter(shop: Single) -> None:
    execute(shop.database, "PRAGMA foreign_keys = OFF", "INSERT INTO sessions(user) VALUES (99)")
    execute(shop.database, "UPDATE sessions SET user = 2 WHERE user = 3")
    assert shop.clean(keep=["sessions"]).changed


@pytest.fixture
def locked(tmp_path: Path, journal_mode: str) -> Iterator[Live]:
    """Yield a database with a snapshot of two users; since then, one more user was added."""
    with Live(tmp_path, SHOP, journal_mode) as live:
        live.tag()
        live.do("INSERT INTO users(name) VALUES ('cid')")
        yield live


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_writer_is_named_when_the_deadline_passes(locked: Live) -> None:
    with Application(locked.path) as other:
        other.ask("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked) as raised:
            locked.clean(timeout=0.2)
        assert f"pid {other.process.pid}" in str(raised.value)
        other.ask("COMMIT")
        assert other.ask("SELECT count(*) FROM users") == [[3]]
        assert len(locked.snap.log(everything=True)) == 1
        assert locked.clean().changed
        assert other.ask("SELECT count(*) FROM users") == [[2]]


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_reader_is_waited_for_except_in_wal_mode(locked: Live, journal_mode: str) -> None:
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


def test_an_index_with_an_unknown_collation_is_refused(tmp_path: Path) -> None:
    def ask(*statements: str) -> Any:
        """Run statements as an application that has the collation; return the rows of the last one."""
        with closing(connect(tmp_path / "db.sqlite3")) as connection:
            connection.create_collation("house", lambda one, other: (one > other) - (one < other))
            return [connection.execute(statement).fetchall() for statement in statements][-1]

    ask(
        "CREATE TABLE door (id INTEGER PRIMARY KEY, name TEXT COLLATE house)",
        "CREATE INDEX door_name ON door(name)",
        "CREATE TABLE other (x)",
        "INSERT INTO door(name) VALUES ('red'), ('blue')",
    )
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        ask("INSERT INTO door(name) VALUES ('green')", "INSERT INTO other VALUES (1)")
        with refused(snap, CleanImpossible, 14) as raised:
            snap.clean()
        assert "house" in raised.value.reason
        assert kinds(snap) == ["tag"]
        assert snap.verify().verdict == "leaked"
        assert snap.clean(keep=["door"]).changed
        assert ask("SELECT count(*) FROM door") == [(3,)]
        assert ask("SELECT count(*) FROM other") == [(0,)]


def test_a_trigger_with_an_unknown_function_does_not_matter(shop: Single) -> None:
    execute(shop.database, "CREATE TRIGGER audited AFTER DELETE ON users BEGIN SELECT audit(old.id); END")
    shop.tag("audited")
    before = contents(shop.database)
    execute(shop.database, "INSERT INTO users(name) VALUES ('dan')")
    shop.clean()
    assert contents(shop.database) == before


def test_a_snapshot_of_another_database_is_refused_unless_forced(shop: Single) -> None:
    with Single(shop.folder, shop.folder / "other.sqlite3") as other:
        execute(other.database, *SHOP, "INSERT INTO users(name) VALUES ('other')")
        theirs = other.tag("theirs").snapshot
    with refused(shop, WrongDatabase, 14) as raised:
        shop.clean("theirs")
    assert theirs.startswith(raised.value.snapshot)
    assert (raised.value.path, raised.value.origin) == (str(shop.database), str(other.database))
    assert shop.clean("theirs", force=True).changed
    assert contents(shop.database) == contents(other.database)
    shop.undo()
    assert len(contents(shop.database)["sessions"]) == 2


def test_a_mistake_changes_nothing(shop: Single) -> None:
    with refused(shop, InvalidArgument, 2):
        shop.clean("live")
    with refused(shop, UnknownRevision, 12):
        shop.clean("nothing")
    with refused(shop, UnknownRule, 13) as raised:
        shop.clean(keep=["user"])
    assert (raised.value.rule, raised.value.nearest) == ("user", "users")


def test_no_store_no_snapshot_no_database(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=1)
    make_database(tmp_path / "other.sqlite3", rows=1)
    with Single(tmp_path) as snap, Single(tmp_path, tmp_path / "other.sqlite3") as other:
        with refused(snap, NoStore, 10):
            snap.clean()
        other.tag("theirs")
        with refused(snap, NoSnapshot, 10):
            snap.clean()
        other.database.unlink()
        with refused(other, DatabaseMissing, 15):
            other.clean()


def test_a_clean_is_recorded_as_one_and_can_be_undone(shop: Single) -> None:
    leaked = contents(shop.database)
    shop.clean()
    shop.undo()
    assert contents(shop.database) == leaked
    shop.clean("baseline")
    assert [one.action for one in shop.reflog()][:2] == ["clean", "undo"]


def test_several_databases_are_cleaned_together_or_not_at_all(tmp_path: Path) -> None:
    with Configured(tmp_path, default=PAIR, queue=PAIR) as folder:
        snap = folder.snap
        snap.tag("baseline")
        for path in folder.databases.values():
            execute(path, LEAK)
        execute(folder.databases["queue"], "CREATE TABLE more (x)")
        with refused(folder, CleanImpossible, 14):
            snap.clean()
        execute(folder.databases["queue"], "DROP TABLE more")
        with Application(folder.databases["queue"]) as other:
            other.ask("BEGIN IMMEDIATE")
            with refused(folder, DatabaseLocked, 11):
                snap.clean(timeout=0.3)
        assert [len(contents(path)["t"]) for path in folder.databases.values()] == [2, 2]
        cleaned = snap.clean()
        assert [one.tables["t"].removed for one in cleaned.databases.values()] == [1, 1]
        snap.undo()
        assert [len(contents(path)["t"]) for path in folder.databases.values()] == [2, 2]


def test_databases_on_different_snapshots_are_cleaned_each_to_its_own(tmp_path: Path) -> None:
    with Configured(tmp_path, default=PAIR, queue=PAIR) as folder:
        snap = folder.snap
        snap.tag("first")
        execute(folder.databases["queue"], LEAK)
        snap.tag("second")
        snap.restore("first", only_db="default")
        assert not snap.clean().changed
        execute(folder.databases["queue"], LEAK)
        cleaned = snap.clean()
        assert cleaned.changed
        assert cleaned.safety
        assert [one.statements > 0 for one in cleaned.databases.values()] == [False, True]
        assert [len(contents(path)["t"]) for path in folder.databases.values()] == [1, 2]
        snap.undo()
        assert len(contents(folder.databases["queue"])["t"]) == 3


def test_the_configuration_names_tables_to_keep(tmp_path: Path) -> None:
    made = ("CREATE TABLE t (x)", "CREATE TABLE kept (x)", "CREATE TABLE ignored (x)")
    with Configured(tmp_path, default=made) as folder:
        path = folder.databases["default"]
        snap = folder.configure("keep: [kept]\nignore: {tables: [ignored]}\n")
        snap.tag("baseline")
        execute(path, *(f"INSERT INTO {table} VALUES (1)" for table in ("t", "kept", "ignored")))
        snap.clean()
        rows = contents(path)
        assert {name: len(rows[name]) for name in ("t", "kept", "ignored")} == {"t": 0, "kept": 1, "ignored": 1}
        snap = folder.configure("keep: [kepd]\n")
        with refused(folder, UnknownRule, 13) as raised:
            snap.clean()
        assert raised.value.rule == "kepd"
