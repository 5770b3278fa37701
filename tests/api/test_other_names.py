"""A database that is used under another name than ours: what cannot be seen from here is never called clean."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import OtherNameInUse, SeveralNames
from tests.api.folders import Single, refused
from tests.contents import execute, items
from tests.limits import elsewhere_mounted
from tests.support import JOURNAL_MODES, Application, make_database, raised, run

LONG_SECONDS = 60.0  # nothing takes as long
ROLLBACK_MODES = [mode for mode in JOURNAL_MODES if mode != "wal"]
VERBS: dict[str, Callable[[Snapstore], object]] = {
    "tag": lambda snap: snap.tag("next"),
    "backup": lambda snap: snap.backup(),
    "restore": lambda snap: snap.restore("baseline"),
    "dry run": lambda snap: snap.restore("baseline", dry_run=True),
    "undo": lambda snap: snap.undo(),
    "reset": lambda snap: snap.reset(),
    "status": lambda snap: snap.status(),
    "verify": lambda snap: snap.verify("baseline"),
    "verify and restore": lambda snap: snap.verify("baseline", restore_on_fail=True),
    "diff": lambda snap: snap.diff("baseline"),
    "suggest": lambda snap: snap.suggest_ignore("baseline"),
    "clean": lambda snap: snap.clean("baseline"),
    "query": lambda snap: snap.query("live", "SELECT 1"),
    "import": lambda snap: snap.import_(snap.project.databases["default"]),
    "suite": lambda snap: snap.begin_suite("a suite"),
}

# A process at one of two moments: it opens the database, while it still has a wal-index that is gone; or it closes it.
AT_A_MOMENT = """
import fcntl, os, sys, time
database = os.open(sys.argv[1], os.O_RDWR)
earlier = os.open(sys.argv[1] + "-shm", os.O_RDWR | os.O_CREAT)
os.unlink(sys.argv[1] + "-shm")
if sys.argv[2] == "closes":
    fcntl.lockf(earlier, fcntl.LOCK_SH, 1, 128)
fcntl.lockf(database, fcntl.LOCK_EX if sys.argv[2] == "closes" else fcntl.LOCK_SH, 510, 0x40000002)
print("ready", flush=True)
time.sleep(0.1)
fcntl.lockf(database, fcntl.LOCK_UN, 510, 0x40000002)
sys.stdin.read()
"""


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Return a façade for a database in WAL mode with a baseline of 500 items, and a state of 400."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        execute(snap.database, "DELETE FROM item WHERE id > 450")
        snap.restore("baseline")
        execute(snap.database, "DELETE FROM item WHERE id > 400")
        yield snap


@contextmanager
def under_a_link(snap: Single, name: str = "app/other.sqlite3") -> Iterator[Application]:
    """Yield an application that has changed the database under a hard link."""
    link = snap.folder / name
    link.parent.mkdir(exist_ok=True)
    link.hardlink_to(snap.database)
    with Application(link) as application:
        application.ask("DELETE FROM item WHERE id > 300")
        yield application


@contextmanager
def mounting_the_file(snap: Single) -> Iterator[Application]:
    """Yield an application that has changed the database as in a container that mounts the file alone."""
    place = snap.folder / "app" / "db.sqlite3"
    place.parent.mkdir()
    place.touch()
    with Application(place, elsewhere_mounted(snap.database, place)) as application:
        application.ask("DELETE FROM item WHERE id > 300")
        yield application


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_reads_or_writes_beside_a_log_under_another_name(snap: Single, verb: str) -> None:
    with under_a_link(snap) as application, refused(snap, OtherNameInUse, 14) as found:
        VERBS[verb](snap)
    assert found.value.other == os.fspath(snap.folder / "app" / "other.sqlite3")
    assert f"pid {application.process.pid}" in found.value.holders[0]


@pytest.mark.parametrize("verb", ["tag", "verify", "restore", "query"])
def test_a_container_that_mounts_the_file_alone_is_noticed(snap: Single, verb: str) -> None:
    with mounting_the_file(snap) as application, refused(snap, OtherNameInUse, 14) as found:
        VERBS[verb](snap)
    assert found.value.other == os.fspath(snap.folder / "app" / "db.sqlite3")
    assert f"pid {application.process.pid}" in found.value.holders[0]


def test_a_container_that_mounts_the_folder_has_the_same_log(snap: Single) -> None:
    place = snap.folder.parent / f"{snap.folder.name}-app"
    place.mkdir()
    with Application(place / "db.sqlite3", elsewhere_mounted(snap.folder, place)) as application:
        application.ask("DELETE FROM item WHERE id > 300")
        snap.tag("next")
        assert snap.show("next").databases["default"].tables["item"] == 300
        snap.restore("baseline")
        assert application.ask("SELECT count(*) FROM item") == [[500]]


def test_one_process_under_each_name_is_noticed(snap: Single) -> None:
    """A wal-index under our name, with users, does not mean that all users have it."""
    with Application(snap.database) as ours:
        ours.ask("SELECT count(*) FROM item")
        with mounting_the_file(snap), refused(snap, OtherNameInUse, 14):
            snap.status()
        assert snap.status().verdict == "damaged"


def test_a_session_notices_a_name_that_appears_later(snap: Single) -> None:
    with Session(db=snap.database, store=snap.store_folder) as session:
        assert session.restore("baseline").changed
        assert session.verify("baseline").verdict == "clean"
        with mounting_the_file(snap):
            raised(OtherNameInUse, 14, session.status)
            raised(OtherNameInUse, 14, session.verify, "baseline")
            raised(OtherNameInUse, 14, session.restore, "baseline")
        with under_a_link(snap, "beside.sqlite3"):
            raised(OtherNameInUse, 14, session.verify, "baseline")
        (snap.folder / "beside.sqlite3").unlink()
        assert session.verify("baseline").verdict == "clean"  # what the others wrote stayed in their own logs


def test_a_session_that_has_just_looked_notices_a_name_that_came_and_went(snap: Single) -> None:
    with Application(snap.database) as ours, Session(db=snap.database, store=snap.store_folder) as session:
        ours.ask("SELECT count(*) FROM item")
        for _ in range(3):
            session.verify("baseline")
        with under_a_link(snap, "beside.sqlite3"):
            (snap.folder / "beside.sqlite3").unlink()
            raised(OtherNameInUse, 14, session.verify, "baseline")


def test_a_session_notices_a_container_beside_our_users_before_long(snap: Single) -> None:
    with Application(snap.database) as ours, Session(db=snap.database, store=snap.store_folder) as session:
        ours.ask("SELECT count(*) FROM item")
        end = time.monotonic() + LONG_SECONDS
        with mounting_the_file(snap), pytest.raises(OtherNameInUse):
            while time.monotonic() < end:
                session.verify("baseline")


def test_a_suite_ends_where_a_name_appears(snap: Single) -> None:
    snap.restore("baseline")
    snap.begin_suite("a suite")
    snap.begin_test("a test")
    with mounting_the_file(snap):
        raised(OtherNameInUse, 14, snap.end_test)
        snap.close()
    assert items(snap.database) == 300


def test_a_database_that_was_renamed_while_in_use_is_noticed(tmp_path: Path) -> None:
    old = make_database(tmp_path / "old.sqlite3", journal_mode="wal")
    with Application(old) as application:
        application.ask("DELETE FROM item WHERE id > 300")
        old.rename(tmp_path / "db.sqlite3")
        with Single(tmp_path) as snap, refused(snap, OtherNameInUse, 14):
            snap.tag("baseline")


@pytest.mark.parametrize("recreated", [False, True])
def test_a_log_that_was_removed_under_an_application_is_noticed(snap: Single, recreated: bool) -> None:
    with Application(snap.database) as application:
        application.ask("DELETE FROM item WHERE id > 300")
        for suffix in ("-wal", "-shm"):
            Path(f"{snap.database}{suffix}").unlink()
        if recreated:
            with Application(snap.database) as another:
                another.ask("SELECT count(*) FROM item")
                found = raised(OtherNameInUse, 14, snap.status)
        else:
            found = raised(OtherNameInUse, 14, snap.status)
        assert found.deleted == "-shm"
        assert f"pid {application.process.pid}" in found.holders[0]


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
def test_a_file_beside_the_database_that_was_removed_is_named(snap: Single, suffix: str, when: str) -> None:
    with Application(snap.database) as application:
        application.ask("SELECT count(*) FROM item")
        for moment in ("before the commit", "after the commit"):
            if moment == when:
                Path(f"{snap.database}{suffix}").unlink()
            if moment == "before the commit":
                application.ask("UPDATE item SET name = 'another' WHERE id = 1")
        with refused(snap, OtherNameInUse, 14) as found:
            snap.status()
        assert f"has '{snap.database}{suffix}' open, which was deleted" in str(found.value)
        assert f"pid {application.process.pid}" in found.value.holders[0]


@pytest.mark.parametrize("verb", ["tag", "status", "verify", "diff", "restore", "query"])
@pytest.mark.parametrize("what", ["nothing", "an empty file", "an earlier copy"])
def test_a_log_in_the_place_of_the_one_in_use_is_not_read(snap: Single, verb: str, what: str) -> None:
    log = Path(f"{snap.database}-wal")
    with Application(snap.database) as application:
        application.ask("UPDATE item SET name = 'another' WHERE id = 1")
        earlier = log.read_bytes()
        application.ask("UPDATE item SET name = 'a third' WHERE id = 1")
        log.unlink()
        if what != "nothing":
            log.write_bytes(earlier if what == "an earlier copy" else b"")
        with refused(snap, OtherNameInUse, 14) as found:
            VERBS[verb](snap)
        assert found.value.deleted == "-wal"
        assert application.ask("SELECT name FROM item WHERE id = 1") == [["a third"]]


def test_nothing_is_written_beside_an_empty_log_that_was_removed(snap: Single) -> None:
    with Application(snap.database) as application:
        application.ask("PRAGMA wal_checkpoint(TRUNCATE)")
        Path(f"{snap.database}-wal").unlink()
        assert snap.status().verdict == "damaged"  # nothing is in it, so the file has what the application sees
        for verb in ("restore", "clean", "reset", "verify and restore"):
            with refused(snap, OtherNameInUse, 14) as found:
                VERBS[verb](snap)
            assert found.value.deleted == "-wal"
        assert application.ask("SELECT count(*) FROM item") == [[400]]


def test_a_log_that_begins_again_all_the_time_is_the_one_in_use(snap: Single) -> None:
    """The application's checkpoints let each commit begin a log with other salts."""
    with Application(snap.database) as application:
        for number in range(20):
            application.ask(f"UPDATE item SET name = '{number}' WHERE id = 1")
            application.ask("PRAGMA wal_checkpoint(" + ("RESTART)" if number % 2 else "TRUNCATE)"))
            if number % 3:
                application.ask(f"UPDATE item SET name = 'again {number}' WHERE id = 1")
            assert snap.status().verdict == "damaged"


@pytest.mark.parametrize("moment", ["opens", "closes"])
def test_a_process_that_just_opens_or_closes_the_database_is_waited_for(snap: Single, moment: str) -> None:
    snap.restore("baseline")
    command = [sys.executable, "-c", AT_A_MOMENT, os.fspath(snap.database), moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert snap.verify("baseline").verdict == "clean"
        process.communicate(b"end")
    assert process.returncode == 0


def test_a_log_that_a_killed_application_left_beside_a_link_is_noticed(snap: Single) -> None:
    with under_a_link(snap, "other.sqlite3") as application:
        application.process.send_signal(signal.SIGKILL)
        application.process.wait()
    with refused(snap, SeveralNames, 14) as found:
        snap.status()
    assert found.value.left == os.fspath(snap.folder / "other.sqlite3-wal")


@pytest.mark.parametrize("journal_mode", ROLLBACK_MODES)
def test_a_journal_that_a_killed_application_left_beside_a_link_is_noticed(tmp_path: Path, journal_mode: str) -> None:
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        link = tmp_path / "other.sqlite3"
        link.hardlink_to(snap.database)
        with Application(link) as application:
            application.ask(f"PRAGMA journal_mode = {journal_mode}")
            application.ask("PRAGMA cache_size = 1")
            application.ask("BEGIN")
            application.ask("UPDATE item SET body = name || name")
            application.process.send_signal(signal.SIGKILL)
            application.process.wait()
        with refused(snap, SeveralNames, 14) as found:
            snap.status()
        assert found.value.left == f"{link}-journal"


def test_in_wal_mode_a_name_that_is_not_found_is_not_forgotten(snap: Single) -> None:
    link = snap.folder / "app" / "other.sqlite3"
    link.parent.mkdir()
    link.hardlink_to(snap.database)
    with refused(snap, SeveralNames, 14) as found:
        snap.verify("baseline")
    assert (found.value.links, found.value.left) == (2, None)
    with Application(snap.database) as application:  # then the application sees what is under our name
        application.ask("SELECT count(*) FROM item")
        assert snap.verify("baseline").verdict == "damaged"
    link.rename(snap.folder / "beside.sqlite3")  # and so can we: there is no log there
    assert snap.verify("baseline").verdict == "damaged"


@pytest.mark.parametrize("journal_mode", ROLLBACK_MODES)
def test_a_hard_linked_copy_that_nobody_uses_is_no_reason(tmp_path: Path, journal_mode: str) -> None:
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    (tmp_path / "copies").mkdir()
    for place in ("copies/db.sqlite3", "db.sqlite3.bak"):
        (tmp_path / place).hardlink_to(tmp_path / "db.sqlite3")
    with Single(tmp_path) as snap, Application(snap.database) as application:
        application.ask(f"PRAGMA journal_mode = {journal_mode}")
        snap.tag("baseline")
        application.ask("DELETE FROM item WHERE id > 300")
        assert snap.verify("baseline").verdict == "damaged"
        snap.restore("baseline")
        assert application.ask("SELECT count(*) FROM item") == [[500]]


@pytest.mark.parametrize("journal_mode", ROLLBACK_MODES)
@pytest.mark.parametrize("how", ["link", "mount"])
def test_nothing_is_written_where_a_journal_would_not_be_seen(tmp_path: Path, journal_mode: str, how: str) -> None:
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        with under_a_link(snap) if how == "link" else mounting_the_file(snap) as application:
            for verb in ("restore", "clean", "reset", "verify and restore"):
                with refused(snap, OtherNameInUse, 14):
                    VERBS[verb](snap)
            assert application.ask("SELECT count(*) FROM item") == [[300]]


IN_CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")


def test_from_a_container_the_application_outside_is_noticed(snap: Single) -> None:
    """It cannot be seen from there: neither its process nor its files, only its lock."""
    place = snap.folder / "app" / "db.sqlite3"
    place.parent.mkdir()
    place.touch()
    prefix = (*IN_CONTAINER, *elsewhere_mounted(snap.database, place))
    snap.close()
    with Application(snap.database) as application:
        application.ask("DELETE FROM item WHERE id > 300")
        said = run(["tag", "next", "--db", os.fspath(place), "--store", "store"], snap.folder, 14, prefix).stderr
        assert "a process that cannot be seen from here" in said
        assert [one.name for one in place.parent.iterdir()] == [place.name]


def test_a_process_of_another_user_is_noticed_by_its_locks(snap: Single) -> None:
    """Its open files cannot be looked at, and its command line can."""
    snap.close()
    with under_a_link(snap) as application, TemporaryDirectory() as folder:
        shared = Path(folder)
        shared.chmod(0o777)
        link = shared / "db.sqlite3"
        link.hardlink_to(snap.database)
        link.chmod(0o666)
        words = ["tag", "next", "--db", os.fspath(link), "--store", os.fspath(shared / "store")]
        done = run(words, shared, 14, as_another_user())
        assert f"pid {application.process.pid}" in done.stderr


def as_another_user() -> tuple[str, ...]:
    """Return a prefix to run as a user who may not look into our processes; skip where that is impossible."""
    prefix = ("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups")
    try:
        subprocess.run([*prefix, sys.executable, "-c", "import snapstore"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the command cannot be run as another user here: that takes root, and setpriv")
    return prefix
