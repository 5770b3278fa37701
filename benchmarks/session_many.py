"""Run many rounds in one session with a live writer, watch what may grow, and check every end state."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.ground import WrongResult
from snapstore import Session

VERIFIED_EVERY, SAFE_EVERY, COMPARED_EVERY, SAID_EVERY = 10, 20, 500, 1000  # rounds
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for line in sys.stdin:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE log SET message = message || 'x' WHERE id % 1000 = ?", (int(line) % 1000,))
    connection.execute("INSERT INTO sessions SELECT NULL, 'token ' || ?, 1, '', NULL", (line,))
    connection.execute("COMMIT")
    print(*connection.execute("SELECT count(*) FROM sessions").fetchone(), flush=True)
"""


@dataclass
class Watched:
    """What may grow: the peak memory of the session in bytes, its open files, and the log in bytes."""

    memory: int
    files: int
    longest_log: int

    @classmethod
    def of(cls, session: Session, longest_log: int) -> Watched:
        """Measure a session."""
        return cls(session.info().memory, len(os.listdir(f"/proc/{session.pid}/fd")), longest_log)


@dataclass
class Many:
    """The result of many rounds; `early` is after a tenth of them, `compared` states were hashed by another process."""

    rounds: int
    seconds: float
    early: Watched
    late: Watched
    checks: int
    compared: int


def many(session: Session, live: str, store: str, rounds: int, say: Callable[[str], None]) -> Many:
    """Let a writer and the session take turns. Raises WrongResult."""
    start, longest, compared = time.perf_counter(), 0, 0
    early = Watched.of(session, 0)
    with _writer(live) as write:
        rows = write(0) - 1
        _restore(session, safety=False)
        for number in range(1, rounds + 1):
            if write(number) != rows + 1:
                raise WrongResult(f"round {number} did not start from the baseline")
            if number % VERIFIED_EVERY == 0 and session.verify("baseline", rows=10).ok:
                raise WrongResult(f"round {number} left no rows")
            longest = max(longest, os.path.getsize(f"{live}-wal"))
            _restore(session, safety=number % SAFE_EVERY == 0)
            if number % COMPARED_EVERY == 0 or number == rounds:
                _compare(live, store)
                compared += 1
            if number == rounds // 10:
                early = Watched.of(session, longest)
            if number % SAID_EVERY == 0:
                say(f"{number} of {rounds} rounds, {time.perf_counter() - start:.0f} s, log {longest / 1e6:.1f} MB")
        seconds = time.perf_counter() - start
    late = Watched.of(session, longest)
    return Many(rounds, seconds, early, late, session.info().databases["default"].checks, compared)


def _restore(session: Session, *, safety: bool) -> None:
    if not session.restore("baseline", safety=safety).changed:
        raise WrongResult("nothing was restored")


def _compare(live: str, store: str) -> None:
    """Let another process, which does not follow changes, hash the database; --strict requires equal content."""
    places = ["--db", live, "--store", store]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "snapstore", "verify", "baseline", "--strict", "--json", *places],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WrongResult(done.stdout + done.stderr)


@contextmanager
def _writer(live: str) -> Iterator[Callable[[int], int]]:
    """Yield a function that makes another process write, and returns how many rows that process then sees."""
    command = [sys.executable, "-c", WRITER, live]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        asked, told = process.stdin, process.stdout

        def write(number: int) -> int:
            asked.write(f"{number}\n")
            asked.flush()
            return int(told.readline())

        yield write
        asked.close()
