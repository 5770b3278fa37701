"""`snapstore.Session`: typed results, the errors of the child, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlean

from snapstore import Session
from snapstore.errors import (
    ConfigurationError,
    DatabaseLocked,
    InvalidArgument,
    NameExists,
    NoDatabaseNamed,
    NoSnapshot,
    NoStore,
    OutOfOrder,
    SessionEnded,
    SqlFailed,
    UnknownRevision,
    WouldOverwrite,
)
from snapstore.results.rows import Counts
from snapstore.session.failures import SessionError
from tests.session.talk import command, left_beside
from tests.support import ENVIRONMENT, JOURNAL_MODES, Application, Snap, connect, count, dbhash, make_database


def start(snap: Snap) -> Session:
    return Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT)


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_test_is_verified_and_taken_back_while_the_application_is_open(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    before = dbhash(path)
    with start(Snap(tmp_path)) as session, Application(path) as application:
        taken = session.tag("baseline", message="seeded")
        assert (taken.name, taken.unchanged, taken.databases["default"].page_size) == ("baseline", False, 4096)
        for number in range(3):
            application.ask(f"INSERT INTO note VALUES ({number + 1}, x'00ff')")
            found = session.verify("baseline", label="one")
            assert (found.verdict, found.ok, found.label) == ("leaked", False, "one")
            assert found.databases["default"].tables == {"note": Counts(1, 0, 0)}
            (row,) = found.databases["default"].rows
            assert row.after == {"item": number + 1, "text": b"\x00\xff"}
            done = session.restore("baseline")
            assert done.changed
            assert done.databases["default"].method == "in-place"
            assert application.ask("SELECT count(*) FROM note") == [[100]]
            assert session.verify("baseline").verdict == "clean"
            assert session.status().state_ok
        assert session.undo().changed
        assert session.verify("baseline").verdict == "leaked"
        session.restore("baseline")
    assert dbhash(path) == before


def test_every_verb_gives_its_result(snap: Snap) -> None:
    with start(snap) as session, closing(connect(snap.database)) as application:
        session.backup(message="net")
        application.execute("UPDATE item SET name = 'other' WHERE id = 3")
        application.execute("INSERT INTO item(name) VALUES (x'ff')")
        found = session.diff()
        assert (found.identical, found.to, found.databases["default"].tables["item"]) == (
            False,
            "live",
            Counts(1, 0, 1),
        )
        assert session.diff(tables=["note"]).identical
        assert session.diff(limit=1).truncated
        dry = session.clean("e2e-backup", dry_run=True)
        assert dry.dry_run
        assert any("UPDATE" in line for line in dry.databases["default"].sql)
        assert session.clean("e2e-backup").changed
        assert session.verify("e2e-backup").ok
        answer = session.query("live", "SELECT id, 9007199254740993, x'01', NULL FROM item LIMIT 2", limit=1)
        assert answer.rows == ((1, 9007199254740993, b"\x01", None),)
        assert answer.truncated
        assert session.query("e2e-backup", "SELECT count(*) FROM item").rows == ((500,),)
        assert session.show("e2e-backup").databases["default"].tables["item"] == 500
        assert [one.names for one in session.tags()] == [("e2e-backup",)]
        assert session.log(1, everything=True)[0].kind in ("safety", "backup")
        copy = session.export("e2e-backup", snap.folder / "copy.sqlite3")
        assert dbhash(Path(copy.path)) == dbhash(snap.database)
        with pytest.raises(WouldOverwrite):
            session.export("e2e-backup", snap.folder / "copy.sqlite3")
        assert session.restore().snapshot == session.reset().snapshot
        assert session.delete_backup().name == "e2e-backup"
        info = session.info()
        assert (info.pid, info.suite, info.databases["default"].tracking) == (session.pid, False, "log")
        assert {"tag", "restore", "shutdown"} <= set(info.methods)


def test_a_released_database_may_leave_wal_mode_and_is_followed_again(snap: Snap) -> None:
    with closing(connect(snap.database)) as application:
        application.execute("PRAGMA journal_mode = wal")
    with start(snap) as session, closing(connect(snap.database)) as application:
        session.tag("baseline")
        with pytest.raises(sqlean.OperationalError, match="locked"):
            application.execute("PRAGMA journal_mode = delete")
        session.release()
        assert application.execute("PRAGMA journal_mode = delete").fetchone() == ("delete",)
        application.execute("DELETE FROM note")
        assert session.verify("baseline").verdict == "damaged"
        assert session.info().databases["default"].tracking == "stamp"
        assert session.restore("baseline").changed
        session.release()
        assert application.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
        assert session.verify("baseline").ok
        assert session.info().databases["default"].tracking == "log"


def test_a_restore_is_on_record_before_the_next_request_and_at_the_end(snap: Snap) -> None:
    with start(snap) as session, closing(connect(snap.database)) as application:
        baseline = session.tag("baseline").snapshot
        for _ in range(3):
            application.execute("DELETE FROM note")
            safety = session.restore("baseline").safety
            assert session.show("HEAD").snapshot == baseline
            assert session.undo().snapshot == safety
            assert session.restore("baseline").changed
        application.execute("DELETE FROM note")
        session.restore("baseline")
    assert snap.json("show", "HEAD")["snapshot"] == baseline
    assert snap.json("undo")["changed"]


def test_errors_are_those_of_the_child(snap: Snap) -> None:
    with start(snap) as session:
        with pytest.raises(NoStore):
            session.restore()
        session.tag("baseline")
        with pytest.raises(NoSnapshot):
            session.restore()
        with pytest.raises(UnknownRevision) as unknown:
            session.verify("baselime")
        assert unknown.value.nearest == ("baseline",)
        with pytest.raises(NameExists):
            session.tag("baseline", new=True)
        with pytest.raises(SqlFailed):
            session.query("live", "DELETE FROM item")
        with pytest.raises(OutOfOrder):
            session.end_test()
        with pytest.raises(InvalidArgument, match="must be a snapshot"):
            session.verify("live")
        with pytest.raises(SessionError, match="no method"):
            session.call("nothing")
        with closing(connect(snap.database)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseLocked):
                session.restore("baseline", timeout=0.05)
        assert session.verify("baseline").ok


def test_a_session_that_cannot_begin_says_why(tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseNamed):
        Session(cwd=tmp_path, env={**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path)})
    (tmp_path / "snapstore.yaml").write_text("databse: x\n")
    with pytest.raises(ConfigurationError) as wrong:
        Session(cwd=tmp_path, env=ENVIRONMENT)
    assert (wrong.value.line, wrong.value.nearest) == (1, "database")


def test_a_session_that_was_killed_is_said_to_have_ended(snap: Snap) -> None:
    with start(snap) as session:
        session.tag("baseline")
        os.kill(session.pid, signal.SIGKILL)
        with pytest.raises(SessionEnded):
            session.verify()
    with pytest.raises(SessionEnded):
        session.verify()
    assert snap.json("verify", "baseline")["ok"]


def test_threads_may_share_a_session(snap: Snap) -> None:
    with start(snap) as session:
        session.tag("baseline")
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(session.verify().verdict)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["clean"] * 8


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_the_end_leaves_the_database_unlocked_and_no_file_beside_it(tmp_path: Path, journal_mode: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    assert left_beside(path) == []
    with start(Snap(tmp_path)) as session:
        session.tag("baseline")
        with closing(connect(path)) as connection:
            connection.execute("DELETE FROM item")
        session.restore("baseline")
    assert left_beside(path) == []
    with closing(connect(path)) as connection:
        assert count(connection) == 500
        assert connection.execute("PRAGMA journal_mode = delete").fetchall() == [("delete",)]  # nobody else has it


def test_an_open_application_keeps_its_log_when_the_session_ends(snap: Snap) -> None:
    with closing(connect(snap.database)) as application:
        application.execute("SELECT 1 FROM item").fetchall()
        with start(snap) as session:
            session.tag("baseline")
            application.execute("INSERT INTO note VALUES (1, 'x')")
        assert left_beside(snap.database) == ["db.sqlite3-shm", "db.sqlite3-wal"]
        assert count(application, "note") == 101


def test_the_client_brings_no_sqlite_library_into_the_process() -> None:
    code = (
        "import sys, snapstore; snapstore.Session; "
        "print([name for name in sys.modules if name.split('.')[0] in ('sqlean', 'apsw', 'sqlite3', '_sqlite3', "
        "'click', 'yaml', 'xxhash', 'backports')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", ["snapstore", "yaml", "signal", "json", "click", "sitecustomize"])
def test_the_session_imports_nothing_from_the_folder_it_runs_in(snap: Snap, name: str) -> None:
    (snap.folder / f"{name}.py").write_text("raise SystemExit('planted')\n")
    with start(snap) as session:
        assert session.tag("baseline").name == "baseline"


def test_no_command_imports_the_client(snap: Snap) -> None:
    snap("tag", "baseline")
    code = f"import sys; sys.argv = ['snap', 'status', '--db', {os.fspath(snap.database)!r}, '--store', "
    code += f"{os.fspath(snap.store)!r}]\nfrom snapstore.cli.main import main\n"
    code += "try:\n main()\nfinally:\n print('snapstore.session' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout.splitlines()[-1] == "False"


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=sys.stdin, stdout=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


def test_the_session_ends_with_its_parent_though_a_request_is_under_way(snap: Snap) -> None:
    """The request waits for a lock, and standard input is held open by somebody else."""
    snap("tag", "baseline")
    with closing(connect(snap.database)) as writer:
        writer.execute("DELETE FROM note")
        writer.execute("BEGIN IMMEDIATE")
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, *command(snap)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        assert parent.stdin
        assert parent.stdout
        pid = int(parent.stdout.readline())
        request = b'{"jsonrpc":"2.0","id":1,"method":"restore","params":{"rev":"baseline","timeout":600}}\n'
        parent.stdin.write(request)
        parent.stdin.flush()
        descriptor = os.pidfd_open(pid)
        parent.kill()
        parent.wait()
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        assert ended.poll(30_000), "it goes on without its parent"
        os.close(descriptor)
        parent.stdin.close()
        parent.stdout.close()
        writer.execute("ROLLBACK")
        assert count(writer, "note") == 0
    assert snap.json("restore", "baseline")["changed"]


def test_the_session_ends_at_a_request_to_end(snap: Snap) -> None:
    with start(snap) as session:
        session.tag("baseline")
        os.kill(session.pid, signal.SIGTERM)
        with pytest.raises(SessionEnded) as ended:
            while True:
                session.verify()
        assert ended.value.status == 0
        assert left_beside(snap.database) == []


def test_an_interrupt_is_left_to_the_test_runner(snap: Snap) -> None:
    with start(snap) as session:
        session.tag("baseline")
        os.kill(session.pid, signal.SIGINT)
        assert session.verify().ok


def test_backups_can_be_switched_off(snap: Snap) -> None:
    with Session(db=snap.database, store=snap.store, env={**ENVIRONMENT, "E2E_NO_BACKUP": "true"}) as session:
        assert session.backup().skipped
        assert session.restore().skipped
        assert session.delete_backup().skipped
        session.tag("baseline")
        assert not session.restore("baseline").skipped
        assert session.begin_suite("tests").mode == "cleanup"
