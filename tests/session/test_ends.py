"""A session ends what it is told to, and holds nobody up while its own client does not read."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import SqlFailed
from tests.contents import execute, items
from tests.support import ENVIRONMENT, connect, make_database

ENDLESS = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r"
PAGE = 4096
SECONDS = 60.0  # until a lock is given up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=50)


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    with Session(db=path, store=path.with_name("store"), env=ENVIRONMENT) as session:
        session.tag("base")
        yield session


@pytest.mark.parametrize("rev", ["live", "base"])
def test_a_timeout_ends_a_query(session: Session, rev: str) -> None:
    with pytest.raises(SqlFailed, match=r"stopped after 0\.2 s"):
        session.query(rev, ENDLESS, timeout=0.2)
    assert session.query(rev, "SELECT count(*) FROM item").rows == ((50,),)


@pytest.mark.parametrize("rev", ["live", "base"])
def test_a_timeout_ends_a_query_without_a_session(path: Path, rev: str) -> None:
    with Snapstore(db=path, store=path.with_name("store"), env=ENVIRONMENT) as snap:
        snap.tag("base")
        with pytest.raises(SqlFailed, match="stopped after"):
            snap.query(rev, ENDLESS, timeout=0.1)
        assert snap.query(rev, "SELECT count(*) FROM item", timeout=60).rows == ((50,),)


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("rev", ["live", "base"])
def test_an_interrupt_in_the_client_ends_an_endless_query(path: Path, rev: str, goes_on: bool) -> None:
    with Session(db=path, store=path.with_name("store"), env=ENVIRONMENT) as session:
        session.tag("base")
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.query(rev, ENDLESS)
        timer.join()
        if goes_on:
            assert session.query(rev, "SELECT count(*) FROM item").rows == ((50,),)
            session.restore("base")


def test_an_interrupt_before_the_query_runs_ends_it(path: Path) -> None:
    """The session is stopped when the request and the interrupt come, so it sees both at once."""
    with Session(db=path, store=path.with_name("store"), env=ENVIRONMENT) as session:
        session.tag("base")
        os.kill(session.pid, signal.SIGSTOP)
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.query("base", ENDLESS)
        timer.join()
        os.kill(session.pid, signal.SIGCONT)
        assert session.query("base", "SELECT count(*) FROM item").rows == ((50,),)


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="a pipe of one page")
def test_nobody_waits_for_a_client_that_does_not_read(path: Path) -> None:
    store = path.with_name("store")
    with Snapstore(db=path, store=store, env=ENVIRONMENT) as snap:
        snap.tag("base")
        with closing(connect(path)) as connection:
            connection.execute("DELETE FROM item")
        with unread(path, store) as requests:
            requests.write(request("query", rev="base", sql=f"SELECT hex(zeroblob({PAGE * 15 // 32}))"))  # fits just so
            requests.write(request("restore", rev="base"))
            requests.flush()
            while not items(path):  # the restore is done, and its response cannot be written
                time.sleep(0.01)
            snap.tag("other", timeout=SECONDS)
            execute(path, "DELETE FROM item")
            snap.restore("base", timeout=SECONDS)
            execute(path, "INSERT INTO item(name) VALUES ('still writing')")


@contextmanager
def unread(path: Path, store: Path) -> Iterator[IO[bytes]]:
    """Give the requests of a session whose responses go into a pipe of one page that nobody reads."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PAGE)
    words = [sys.executable, "-P", "-m", "snapstore", "session", "--db", os.fspath(path), "--store", os.fspath(store)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=writer, env=ENVIRONMENT) as process:
        os.close(writer)
        assert process.stdin
        try:
            yield process.stdin
        finally:
            os.close(reader)


def request(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


def test_failing_notifications_that_nobody_reads_of_do_not_block(path: Path) -> None:
    reader, writer = os.pipe()
    words = [sys.executable, "-P", "-m", "snapstore", "session", "--db", os.fspath(path), "--store", "store"]
    line = b'{"jsonrpc": "2.0", "method": "%s"}\n' % (b"x" * 200)
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writer, env=ENVIRONMENT, cwd=path.parent
    ) as process:
        os.close(writer)
        assert process.stdin
        assert process.stdout
        for _ in range(1000):
            process.stdin.write(line)
        process.stdin.write(request("info"))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["pid"] == process.pid
        process.stdin.close()
    os.close(reader)
