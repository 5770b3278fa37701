"""SIGKILL to the session, its parent, or the application, at random moments: nothing is torn, nothing is locked."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.session.beside import BATCH
from tests.support import ENVIRONMENT, Snap, connect, count, dbhash, is_intact, make_database

KILLS = int(os.environ.get("SNAPSTORE_TEST_KILLS", "24"))
ROOT = Path(__file__).parents[2]
ROWS = 500


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_the_next_command_finds_the_old_state_or_the_new_one(tmp_path: Path, journal_mode: str) -> None:
    snap = Snap(tmp_path)
    make_database(snap.database, journal_mode=journal_mode, rows=ROWS)
    snap("tag", "baseline")
    baseline = dbhash(snap.database)
    chance = random.Random(journal_mode)
    states = set()
    for number in range(KILLS // 2):
        kill_one(snap, number % 3, chance.random() * 0.3)
        status = snap.json("status", "--timeout", "20")["databases"]["default"]
        with closing(connect(snap.database)) as connection:
            states.add(count(connection) - ROWS)
        assert states <= {0, BATCH}, "a state that nobody made"
        assert is_intact(snap.database)
        assert status["head"] == snap.json("tags")[0]["snapshot"]
        snap("restore", "baseline")
        assert dbhash(snap.database) == baseline
    assert snap.json("verify", "baseline")["verdict"] == "clean"


def kill_one(snap: Snap, which: int, seconds: float) -> None:
    """Begin a test runner, kill it (0), its session (1) or its application (2) after a while; wait for all to end."""
    runner = subprocess.Popen(
        [sys.executable, "-m", "tests.session.beside", os.fspath(snap.database), os.fspath(snap.store)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert runner.stdout
    pids = [int(pid) for pid in runner.stdout.readline().split()]
    descriptors = []
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(pid))
    with suppress(subprocess.TimeoutExpired):
        runner.wait(seconds)  # the moment of the kill is what is drawn, nothing is waited for
    with suppress(ProcessLookupError):
        os.kill(pids[which], signal.SIGKILL)
    runner.wait(60)
    runner.stdout.close()
    for descriptor in descriptors:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        assert ended.poll(30_000), "a process outlives its parent"
        os.close(descriptor)
