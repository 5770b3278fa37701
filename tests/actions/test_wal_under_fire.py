"""Commits, checkpoints and snapstore's verbs against each other in WAL mode, for some seconds: nothing is torn.

What can go wrong there shows in the database only later: a checkpoint that misses frames leaves pages of different
moments behind (the WAL-reset bug, sqlite.org/wal.html#walresetbug). So the database is checked as a whole at the end,
and once more after its log was folded in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from snapstore import Session
from snapstore.errors import DatabaseLocked, StoreLocked
from snapstore.store import Store
from tests.actions.test_take_under_fire import ACCOUNTS, EACH, Others, make_bank, total
from tests.support import Snap, connect

SECONDS = 8.0
PAUSE = 0.005  # seconds at most between two commits: without one nobody else would get the write lock
_DONE, _NOT_CLEAN, _LOCKED = 0, 1, 11

WRITER = f"""
import random, sqlean, sys, time
connection = sqlean.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("PRAGMA wal_autocheckpoint = 20")
rng = random.Random(int(sys.argv[2]))
print("ready", flush=True)
while True:
    a, b, amount = rng.randrange({ACCOUNTS}), rng.randrange({ACCOUNTS}), rng.randrange(50)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, a))
    connection.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, b))
    connection.execute("INSERT INTO transfer(a, b, amount) VALUES (?, ?, ?)", (a, b, amount))
    if rng.random() < 0.02:
        connection.execute("DELETE FROM transfer WHERE id % 3 = 0")
    connection.execute("COMMIT")
    time.sleep(rng.random() * {PAUSE})
"""

CHECKPOINTER = f"""
import itertools, sqlean, sys, time
connection = sqlean.connect(sys.argv[1], isolation_level=None, timeout=0.05)
print("ready", flush=True)
for mode in itertools.cycle(("PASSIVE", "FULL", "RESTART", "TRUNCATE")):
    connection.execute(f"PRAGMA wal_checkpoint({{mode}})").fetchall()
    time.sleep({PAUSE})
"""


class Repeated:
    """Work that threads do again and again until the time is over; leaving waits for them and raises what failed."""

    def __init__(self, *works: Callable[[], None]) -> None:
        self.end = time.monotonic() + SECONDS
        self.counts = [0] * len(works)
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=one) for one in enumerate(works)]

    def __enter__(self) -> Repeated:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self, number: int, work: Callable[[], None]) -> None:
        try:
            while time.monotonic() < self.end and not self._errors:
                work()
                self.counts[number] += 1
        except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
            self._errors.append(error)


def command_line(snap: Snap) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield what is typed, without end, and the exit codes that may come of it."""
    while True:
        yield ["tag", "typed"], (_DONE, _LOCKED)
        yield ["verify", "baseline"], (_DONE, _NOT_CLEAN, _LOCKED)
        yield ["restore", "baseline"], (_DONE, _LOCKED)
        yield ["clean", "typed"], (_DONE, _LOCKED)
        yield ["undo"], (_DONE, _LOCKED)


@pytest.fixture
def bank(tmp_path: Path) -> Snap:
    """Return a command for a bank with a snapshot."""
    snap = Snap(tmp_path, make_bank(tmp_path / "bank", "wal"))
    snap("tag", "baseline")
    return snap


def test_nothing_is_torn(bank: Snap) -> None:
    path = os.fspath(bank.database)
    typed = command_line(bank)

    def type_command() -> None:
        arguments, codes = next(typed)
        places = ["--db", path, "--store", os.fspath(bank.store), "--timeout", "5"]
        command = [sys.executable, "-W", "error", "-m", "snapstore", *arguments, *places]
        done = subprocess.run(command, cwd=bank.folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in codes, (arguments, done)

    def ask_session() -> None:
        with suppress(DatabaseLocked, StoreLocked):
            session.tag("asked")
            session.verify("asked")
            session.restore("asked")
            session.clean("baseline")

    with (
        Others((WRITER, path, "1"), (WRITER, path, "2"), (CHECKPOINTER, path)),
        Session(db=path, store=bank.store) as session,
        Repeated(type_command, ask_session) as repeated,
    ):
        pass
    assert min(repeated.counts) > 0, "nothing was done"
    assert total(bank.database) == ACCOUNTS * EACH
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert total(bank.database) == ACCOUNTS * EACH
    bank("fsck")
    with Store.open(bank.store) as store:
        ids = [row.id for row in store.snapshots.all()]
    for number, id_ in enumerate(ids[:: max(1, len(ids) // 5)]):
        copy = bank.folder / f"copy-{number}"
        bank("export", id_, os.fspath(copy))
        assert total(copy) == ACCOUNTS * EACH
