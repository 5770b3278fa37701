"""`verify`: a verdict, the rows behind it, and the restore if one was requested."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.errors import (
    DatabaseLocked,
    DatabaseMissing,
    InvalidArgument,
    NoSnapshot,
    NoStore,
    UnknownRevision,
)
from snapstore.results.leaks import Leak, LeakOf
from snapstore.results.rows import Counts, RowChange
from tests.api.folders import Configured, Single, counts_of, refused
from tests.contents import contents, execute
from tests.support import Application, dbhash, make_database

SHOP = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users)",
    "CREATE TABLE log (id INTEGER PRIMARY KEY, session INTEGER REFERENCES sessions(id), text)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob'), ('cid')",
    "INSERT INTO sessions(user) VALUES (1)",
)
VERDICTS: dict[str, tuple[tuple[str, ...], bool]] = {
    "clean": (("SELECT 1",), True),
    "drifted": (("INSERT INTO users(name) VALUES ('x')", "DELETE FROM users WHERE name = 'x'"), True),
    "leaked": (("INSERT INTO users(name) VALUES ('x')",), False),
    "damaged": (("INSERT INTO users(name) VALUES ('x')", "UPDATE users SET name = 'y' WHERE id = 1"), False),
    "schema-changed": (("DELETE FROM users", "CREATE TABLE more (x)"), False),
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a database with a snapshot of three users and a session."""
    with Single(tmp_path) as snap:
        execute(snap.database, *SHOP)
        snap.tag("baseline")
        yield snap


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_says_whether_it_passes(shop: Single, verdict: str) -> None:
    done, ok = VERDICTS[verdict]
    execute(shop.database, *done)
    before = shop.database.read_bytes()
    found = shop.verify("baseline", label="cart.spec.ts")
    assert (found.verdict, found.ok, found.state_ok, found.restored) == (verdict, ok, ok, False)
    assert (found.label, found.forensic) == ("cart.spec.ts", None)
    assert found.against == shop.show("baseline").snapshot
    assert [one.verdict for one in found.databases.values()] == [verdict]
    assert shop.verify().verdict == verdict
    assert shop.database.read_bytes() == before
    assert len(shop.log(everything=True)) == 1


def test_strict_fails_where_anything_moved(shop: Single) -> None:
    assert shop.verify(strict=True).ok
    execute(shop.database, *VERDICTS["drifted"][0])
    assert shop.verify().ok
    found = shop.verify(strict=True)
    assert (found.verdict, found.ok) == ("drifted", False)
    found = shop.verify(strict=True, restore_on_fail=True)
    assert (found.ok, found.restored, found.state_ok) == (False, True, True)
    assert shop.verify(strict=True).ok


def test_leaks_are_listed_under_the_row_they_reference(shop: Single) -> None:
    execute(
        shop.database,
        "INSERT INTO users(name) VALUES ('dan')",
        "INSERT INTO sessions VALUES (10, 4), (11, 4), (12, 4), (20, 2)",
        "INSERT INTO log(session) VALUES (10), (10), (10), (11), (12), (12), (12), (1)",
    )
    leaks = shop.verify().databases["default"].leaks
    assert leaks[0] == Leak("users", {"id": 4}, {"log": 7, "sessions": 3}, None, "dan")
    assert Leak("sessions", {"id": 20}, {}, LeakOf("users", {"id": 2})) in leaks
    assert Leak("log", {"id": 8}, {}, LeakOf("sessions", {"id": 1})) in leaks
    assert len(leaks) == 3


def test_removed_rows_and_changed_columns_are_reported(shop: Single) -> None:
    execute(shop.database, "DELETE FROM users WHERE id = 3", "UPDATE users SET name = 'bo' WHERE id = 2")
    found = shop.verify().databases["default"]
    assert found.tables == {"users": Counts(added=0, removed=1, changed=1)}
    assert found.rows == (
        RowChange("users", {"id": 2}, "changed", {"id": 2, "name": "bob"}, {"id": 2, "name": "bo"}, ("name",), "bo"),
        RowChange("users", {"id": 3}, "removed", {"id": 3, "name": "cid"}, None, (), "cid"),
    )
    assert found.leaks == ()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_failing_state_is_kept_and_the_snapshot_restored(shop: Single, journal_mode: str) -> None:
    execute(shop.database, f"PRAGMA journal_mode = {journal_mode}")
    with Application(shop.database) as application:
        shop.tag("baseline")
        before, good = contents(shop.database), dbhash(shop.database)
        application.ask("INSERT INTO users(name) VALUES ('left')")
        application.ask("DELETE FROM sessions")
        failing = contents(shop.database)

        found = shop.verify("baseline", restore_on_fail=True, label="a test")

        assert (found.verdict, found.ok, found.restored) == ("damaged", False, True)
        assert found.forensic
        assert application.ask("SELECT count(*) FROM users") == [[3]]
        assert (contents(shop.database), dbhash(shop.database)) == (before, good)
        assert shop.verify().verdict == "clean"
        shown = shop.show(found.forensic)
        assert (shown.kind, shown.names, shown.message) == ("forensic", (), "a test")
        tables = shop.diff("baseline", found.forensic).databases["default"].tables
        assert counts_of(tables) == {"users": (1, 0, 0), "sessions": (0, 1, 0)}
        assert shop.show("latest").snapshot == found.against
        shop.undo()
        assert contents(shop.database) == failing
        assert shop.diff(found.forensic).identical


def test_databases_on_different_snapshots_are_kept_together(tmp_path: Path) -> None:
    with Configured(tmp_path, one=SHOP, two=SHOP) as folder:
        snap, paths = folder.snap, folder.databases.values()
        snap.tag("first")
        execute(folder.databases["two"], *VERDICTS["leaked"][0])
        snap.tag("second")
        snap.restore("first", only_db="one")
        for path in paths:
            execute(path, "DELETE FROM users WHERE id = 2")
        failing = [contents(path) for path in paths]
        found = snap.verify(restore_on_fail=True)
        assert (found.restored, found.against.count(",")) == (True, 1)
        snap.restore(found.forensic)
        assert [contents(path) for path in paths] == failing


def test_a_state_that_passes_is_not_restored(shop: Single) -> None:
    execute(shop.database, *VERDICTS["drifted"][0])
    before = shop.database.read_bytes()
    found = shop.verify(restore_on_fail=True)
    assert (found.ok, found.restored, found.forensic) == (True, False, None)
    assert shop.database.read_bytes() == before
    assert len(shop.log(everything=True)) == 1


def test_no_store_no_snapshot_no_database(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=1)
    make_database(tmp_path / "other.sqlite3", rows=1)
    with Single(tmp_path) as snap, Single(tmp_path, tmp_path / "other.sqlite3") as other:
        with refused(snap, NoStore, 10) as no_store:
            snap.verify()
        assert no_store.value.path == str(snap.store_folder)
        other.tag("theirs")
        with refused(snap, NoSnapshot, 10):
            snap.verify()
        other.database.unlink()
        for restore in (False, True):
            with refused(other, DatabaseMissing, 15) as missing:
                other.verify(restore_on_fail=restore)
            assert missing.value.path == str(other.database)


def test_only_a_snapshot_can_be_verified_against(shop: Single) -> None:
    with refused(shop, InvalidArgument, 2) as invalid:
        shop.verify("live")
    assert invalid.value.name == "rev"
    with refused(shop, UnknownRevision, 12) as unknown:
        shop.verify("nothing")
    assert unknown.value.revision == "nothing"


def test_a_locked_database_is_not_judged(shop: Single) -> None:
    with Application(shop.database) as application:
        application.ask("BEGIN EXCLUSIVE")
        for restore in (False, True):
            with refused(shop, DatabaseLocked, 11) as locked:
                shop.verify(restore_on_fail=restore, timeout=0.2)
            assert locked.value.path == str(shop.database)
    assert len(shop.log(everything=True)) == 1


def test_a_locked_database_that_fails_is_kept_and_not_restored(shop: Single) -> None:
    execute(shop.database, "PRAGMA journal_mode = wal", "DELETE FROM users")
    with Application(shop.database) as application:
        application.ask("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked):
            shop.verify("baseline", restore_on_fail=True, timeout=0.2)
        assert application.ask("SELECT count(*) FROM users") == [[0]]
    assert shop.verify("baseline", restore_on_fail=True).restored


def test_the_worst_of_several_databases_counts(tmp_path: Path) -> None:
    with Configured(tmp_path, default=SHOP, queue=SHOP, third=SHOP) as folder:
        folder.snap.tag("baseline")
        execute(folder.databases["default"], *VERDICTS["leaked"][0])
        execute(folder.databases["queue"], "DELETE FROM users")
        found = folder.snap.verify()
        assert (found.verdict, found.ok) == ("damaged", False)
        each = {name: one.verdict for name, one in found.databases.items()}
        assert each == {"default": "leaked", "queue": "damaged", "third": "clean"}
        execute(folder.databases["third"], "PRAGMA user_version = 3")
        found = folder.snap.verify(restore_on_fail=True)
        assert (found.verdict, found.restored) == ("schema-changed", True)
        assert folder.snap.verify().verdict == "clean"


def test_a_snapshot_without_one_of_the_databases_proves_nothing(tmp_path: Path) -> None:
    with Configured(tmp_path, default=SHOP) as folder:
        folder.snap.tag("narrow")
        folder.databases["queue"] = tmp_path / "queue.sqlite3"
        execute(folder.databases["queue"], *SHOP)
        snap = folder.configure()
        with refused(folder, NoSnapshot, 10) as raised:
            snap.verify("narrow")
        assert "'queue'" in raised.value.wanted
        snap.tag("wide")
        with refused(folder, NoSnapshot, 10) as raised:
            snap.verify("narrow", restore_on_fail=True)
        assert "'queue'" in raised.value.wanted
        os.unlink(folder.databases["queue"])
        with refused(folder, DatabaseMissing, 15):
            snap.verify("wide")
