"""The tracker says what a full hash would say, whoever writes, and keeps the log from growing without end."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.database.file import DatabaseFile
from snapstore.errors import TrackerMismatch
from snapstore.locks import Deadline
from snapstore.session import tracker as tracker_module
from snapstore.session.methods import perform
from snapstore.session.pinned_read import PinnedRead
from snapstore.session.protocol import Request
from snapstore.session.tracker import LOG_LIMIT, Tracker
from tests.session.workshop import Workshop
from tests.support import Application, Snap, connect, count, dbhash, is_intact, make_database

ROUNDS = int(os.environ.get("SNAPSTORE_TEST_ROUNDS", "300"))
STATEMENTS = (
    "INSERT INTO item(name, body) SELECT name, body FROM item LIMIT 30",
    "UPDATE item SET name = name || 'x' WHERE id % 7 = 0",
    "UPDATE item SET body = hex(randomblob(3000)) WHERE id = (SELECT max(id) FROM item)",
    "DELETE FROM item WHERE id > 480",
    "DELETE FROM note",
    "INSERT INTO note SELECT id, name FROM item LIMIT 50",
    "CREATE TABLE IF NOT EXISTS more (a, b)",
    "INSERT INTO more SELECT id, body FROM item",
    "DROP TABLE IF EXISTS more",
    "VACUUM",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "PRAGMA wal_checkpoint(PASSIVE)",
    "PRAGMA wal_checkpoint(RESTART)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "SELECT count(*) FROM item",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(tmp_path / "db.sqlite3", journal_mode="wal")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("journal_mode", ["wal", "delete", "persist"])
def test_what_it_says_is_what_a_full_hash_says(tmp_path: Path, journal_mode: str, seed: int) -> None:
    """Two applications write, read and checkpoint at random; the session restores now and then."""
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    chance = random.Random(seed)
    with Workshop(path, tmp_path / "store") as shop, Application(path) as one, Application(path) as other:
        for application in (one, other):
            application.ask("PRAGMA busy_timeout = 0")
        shop.ask("tag", name="baseline")
        for _ in range(40):
            for _ in range(chance.randrange(4)):
                chance.choice((one, other)).ask(chance.choice(STATEMENTS))
            said, true = shop.said_and_true()
            assert said == true
            if chance.random() < 0.2:
                for application in (one, other):
                    application.ask("ROLLBACK")
                shop.ask("restore", rev="baseline")
                assert shop.ask("verify", rev="baseline")["verdict"] == "clean"
            if chance.random() < 0.2:
                shop.tracker._rest_at = 0
                shop.at.rest()
        shop.at.check()
    assert is_intact(path)


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_state_that_did_not_change_is_not_hashed(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    with Workshop(path, tmp_path / "store") as shop:
        shop.ask("tag", name="baseline")
        hashed = shop.tracker.hashed
        for _ in range(5):
            assert shop.ask("verify", rev="baseline")["ok"]
            assert shop.ask("status")["verdict"] == "clean"
        assert shop.tracker.hashed == hashed
        assert shop.tracker.answered >= 10


def test_a_change_costs_no_full_hash_in_wal_mode(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:
        shop.ask("tag", name="baseline")
        hashed = shop.tracker.hashed
        for _ in range(5):
            application.ask(STATEMENTS[0])
            assert shop.ask("verify", rev="baseline")["databases"]["default"]["tables"]["item"]["added"] == 30
            assert shop.ask("restore", rev="baseline")["changed"]
        assert shop.tracker.hashed == hashed


def test_the_log_is_bounded_while_somebody_writes_and_nobody_asks(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:
        shop.ask("tag", name="baseline")
        longest = 0
        for _ in range(60):
            application.ask("UPDATE item SET body = hex(randomblob(1000))")
            shop.at.rest()
            longest = max(longest, shop.tracker.log_bytes)
        assert shop.tracker.rests > 0
        assert longest < 3 * LOG_LIMIT
        assert shop.said_and_true()[0] == shop.said_and_true()[1]


def test_a_log_that_has_grown_long_waits_for_a_reader_that_lets_go(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workshop(path, tmp_path / "store") as shop, closing(connect(path)) as reader:
        shop.ask("tag", name="baseline")
        with closing(connect(path)) as writer:
            writer.execute("INSERT INTO note SELECT 1, hex(randomblob(1000000)) FROM item LIMIT 6")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM note").fetchall()
        with closing(connect(path)) as writer:
            writer.execute("DELETE FROM note WHERE item = 1")
        assert shop.tracker.log_bytes > 2 * LOG_LIMIT
        waited = []

        def let_go(self: Deadline, attempt: int) -> bool:
            waited.append(attempt)
            if reader.in_transaction:
                reader.execute("COMMIT")
            return len(waited) < 100

        monkeypatch.setattr(Deadline, "wait", let_go)
        shop.at.rest()
        assert waited
        assert shop.tracker.log_bytes == 0
        assert shop.said_and_true()[0] == shop.said_and_true()[1]


def test_what_is_written_while_the_log_is_unpinned_is_noticed(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:

        class Interrupted(PinnedRead):
            def pin(self) -> None:
                application.ask("UPDATE item SET name = 'meanwhile' WHERE id = 1")
                super().pin()

        shop.ask("tag", name="baseline")
        add_to(application, 40)
        shop.ask("verify", rev="baseline")
        shop.tracker._pin.__class__ = Interrupted
        shop.tracker._rest_at = 0
        shop.at.rest()
        shop.tracker._pin.__class__ = PinnedRead
        hashed = shop.tracker.hashed
        assert shop.said_and_true()[0] == shop.said_and_true()[1]
        assert shop.tracker.hashed > hashed, "what was missed has to be read in full"


def test_a_rest_costs_no_full_hash_and_begins_the_log_anew(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:
        shop.ask("tag", name="baseline")
        hashed = shop.tracker.hashed
        for number in range(4):
            add_to(application, 5)
            shop.tracker._rest_at = 0
            shop.at.rest()
            assert shop.tracker.log_bytes == 0
            assert shop.said_and_true()[0] == shop.said_and_true()[1]
            assert (shop.tracker.rests, shop.tracker.hashed) == (number + 1, hashed)


def test_what_was_read_of_a_state_serves_until_somebody_writes(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:
        shop.ask("tag", name="baseline")
        seen: list[dict[int, bytes]] = []
        for number in range(3):
            add_to(application, 5)
            assert shop.ask("verify", rev="baseline")["verdict"] == "leaked"
            assert shop.tracker._read is not None
            seen.append(shop.tracker._read[1])
            assert shop.ask("status")["databases"]["default"]["verdict"] != "clean"
            assert shop.tracker._read[1] is seen[-1]
            assert shop.said_and_true()[0] == shop.said_and_true()[1]
            if number:
                shop.ask("restore", rev="baseline")
                assert shop.ask("verify", rev="baseline")["verdict"] == "clean"
        assert all(one is not other for one, other in itertools.combinations(seen, 2))


def test_states_that_lie_between_two_ends_of_the_log_are_told_apart(path: Path, tmp_path: Path) -> None:
    """Somebody commits between the look at the log and the beginning of each transaction."""
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:

        class Interrupted(Tracker):
            def position(self) -> object:
                end = super().position()
                application.ask("UPDATE item SET name = name || 'x' WHERE id % 50 = abs(random() % 50)")
                return end

        shop.ask("tag", name="baseline")
        shop.tracker.__class__ = Interrupted
        hashed = shop.tracker.hashed
        for _ in range(10):
            said, true = shop.said_and_true()
            assert said == true
        assert shop.tracker.hashed == hashed


def test_a_byte_changed_behind_sqlites_back_is_found_and_ends_the_following(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop:
        shop.ask("tag", name="baseline")
        assert shop.ask("verify", rev="baseline")["verdict"] == "clean"
        with open(path, "r+b") as file:
            page = path.read_bytes().rindex(b"body 3 ")
            file.seek(page)
            file.write(b"BODY")
        with pytest.raises(TrackerMismatch):
            shop.at.check()
        assert shop.ask("info")["databases"]["default"]["tracking"] == "off"
        assert shop.ask("verify", rev="baseline")["verdict"] == "damaged"


def test_a_file_that_takes_the_place_is_followed_and_keeps_its_log(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_database(tmp_path / "other" / "db.sqlite3", rows=77)
    with closing(connect(other)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
    shop = Workshop(path, tmp_path / "store")
    shop.ask("tag", name="baseline")
    for sidecar in tmp_path.glob("db.sqlite3-*"):
        sidecar.unlink()
    os.replace(other, path)
    with Application(path) as application:
        application.ask("INSERT INTO item(name) VALUES ('in the log')")
        assert shop.ask("query", rev="live", sql="SELECT count(*) FROM item")["rows"] == [[78]]
        assert shop.said_and_true()[0] == shop.said_and_true()[1]
        shop.at.close()
        assert application.ask("SELECT count(*) FROM item") == [[78]]
    with closing(connect(path)) as connection:
        assert count(connection) == 78
    tracker_module._abandoned.clear()


def test_a_whole_file_is_replaced_though_the_session_follows_it(path: Path, tmp_path: Path) -> None:
    with Workshop(path, tmp_path / "store") as shop:
        shop.ask("tag", name="baseline")
        with closing(connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        shop.at.trackers["default"].disconnect()
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = delete")
            connection.execute("PRAGMA page_size = 8192")
            connection.execute("VACUUM")
            connection.execute("PRAGMA journal_mode = wal")
        assert shop.ask("verify", rev="baseline")["verdict"] in ("clean", "drifted")
        done = shop.ask("restore", rev="baseline")
        assert done["databases"]["default"]["method"] == "replaced"
        assert shop.ask("verify", rev="baseline")["verdict"] == "clean"
        assert shop.said_and_true()[0] == shop.said_and_true()[1]


def test_a_session_killed_right_after_its_answer_leaves_the_rest_to_the_next_command(
    path: Path, tmp_path: Path
) -> None:
    snap = Snap(tmp_path)
    assert snap.database == path
    before = dbhash(path)
    with Workshop(path, snap.store) as shop, Application(path) as application:
        baseline = shop.ask("tag", name="baseline")["snapshot"]
        application.ask(STATEMENTS[0])
        safety = perform(shop.at, Request(1, "restore", {"rev": "baseline"}))["safety"]
        assert dbhash(path) == before
        assert shop.at.store().intents.get(shop.at.project.origin)
        shop.at._deferred.clear()  # and with it the lock, as a kill does
        assert snap.json("status")["settled"]["target"] == baseline
        assert snap.json("show", "HEAD")["snapshot"] == baseline
        assert snap.json("undo")["snapshot"] == safety
        assert dbhash(path) != before


def test_closing_one_of_two_files_drops_no_lock_of_the_other(path: Path) -> None:
    """POSIX drops all locks of a process on a file when any descriptor of it is closed."""
    code = f"import sqlite3; sqlite3.connect({os.fspath(path)!r}, timeout=0).execute('BEGIN EXCLUSIVE')"
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = delete")
    with DatabaseFile(path) as held:
        connection = held.connect(Deadline(0), writable=True)
        connection.rows("BEGIN IMMEDIATE")
        DatabaseFile(path).close()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "database is locked" in done.stderr
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_many_rounds_leave_nothing_behind(path: Path, tmp_path: Path) -> None:
    """A live application writes in every round; the end state is the baseline, memory and log stay bounded."""
    before = dbhash(path)
    copy = tmp_path / "copy.sqlite3"
    shutil.copy(path, copy)
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:
        shop.ask("tag", name="baseline")
        longest, descriptors = 0, 0
        for number in range(ROUNDS):
            application.ask(f"UPDATE item SET name = 'round {number}' WHERE id % 9 = {number % 9}")
            application.ask(f"INSERT INTO note VALUES ({number % 400 + 1}, 'left')")
            if number % 3 == 0:
                assert shop.ask("verify", rev="baseline", rows=3)["verdict"] == "damaged"
            assert shop.ask("restore", rev="baseline", safety=False)["changed"]
            assert application.ask("SELECT count(*) FROM note") == [[100]]
            longest = max(longest, shop.tracker.log_bytes)
            if number == 20:
                descriptors = len(os.listdir("/dev/fd"))
        assert len(os.listdir("/dev/fd")) <= descriptors + 2
        assert longest < 2 * LOG_LIMIT
        shop.at.check()
        assert shop.ask("verify", rev="baseline")["verdict"] == "clean"
    assert dbhash(path) == before == dbhash(copy)


def add_to(application: Application, rows: int) -> None:
    for number in range(rows):
        application.ask(f"INSERT INTO item(name) VALUES ('{number}')")
