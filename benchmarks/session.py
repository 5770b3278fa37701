"""The command `python -m benchmarks.session`: a session beside a test run, with `cp` beside it in the same rounds.

Each round makes the changes of one test (about 60 pages, benchmarks/changes.py), then times verify with the rows
named, restore, and verify of the unchanged state, as a client of the session sees them. With `--many` a live writer and
the session take turns for so many rounds, and what grows is watched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.building import build, in_journal_mode
from benchmarks.changes import Changer
from benchmarks.ground import WrongResult
from benchmarks.pages import integrity
from snapstore import Session
from snapstore.session.tracker import LOG_LIMIT

SMALL, MIDDLE, LARGE = 8, 80, 800
VERIFY, RESTORE, WITHOUT_SAFETY, UNCHANGED, COPY = (
    "verify, rows named",
    "restore",
    "restore, no safety snapshot",
    "verify, unchanged",
    "`cp`",
)
MILLISECONDS = {"restore": 10, VERIFY: 25, UNCHANGED: 2}
FLATNESS, DELETE_MILLISECONDS = 1.5, 60
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for line in sys.stdin:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE log SET message = message || 'x' WHERE id % 1000 = ?", (int(line) % 1000,))
    connection.execute("INSERT INTO sessions SELECT NULL, 'token ' || ?, 1, '', NULL", (line,))
    connection.execute("COMMIT")
    print(flush=True)
"""


@dataclass
class Measured:
    """The seconds of each round, by what was done."""

    megabytes: int
    mode: str
    pages: list[int] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """Do something and note how long it took."""
        start = time.perf_counter()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)

    def median_ms(self, name: str) -> float:
        """Return the median in milliseconds."""
        return 1000 * median(self.seconds[name])


@dataclass
class Many:
    """What many rounds came to; sizes in bytes, `memory` of the session after a tenth of the rounds and at the end."""

    rounds: int
    seconds: float
    longest_log: int
    memory: tuple[int, int]
    checks: int


def main() -> None:
    """Measure, write, print."""
    options = _options()
    sizes = (SMALL, MIDDLE, LARGE) if options.large else (SMALL, MIDDLE)
    measured, many = [], None
    with tempfile.TemporaryDirectory(prefix="snapstore-session-", dir=options.work) as folder:
        for megabytes in sizes:
            built = os.path.join(folder, "built.db")
            build(built, megabytes)
            modes = ("wal", "delete") if megabytes == MIDDLE else ("wal",)
            measured += [_measure(folder, built, Measured(megabytes, mode), options.rounds) for mode in modes]
            if options.many and megabytes == SMALL:
                many = _many(folder, built, options.many)
            os.remove(built)
    text = "".join(_report(measured, many, options.rounds))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


@contextmanager
def _place(folder: str, built: str, mode: str) -> Iterator[tuple[str, Session]]:
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        live = os.path.join(inner, "live.db")
        in_journal_mode(built, live, mode)
        with Session(db=live, store=os.path.join(inner, "store")) as session:
            session.tag("baseline")
            yield live, session
        with closing(sqlite3.connect(live)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if (said := integrity(live)) != "ok":
            raise WrongResult(said)


def _measure(folder: str, built: str, found: Measured, rounds: int) -> Measured:
    changer = Changer()
    with _place(folder, built, found.mode) as (live, session):
        for number in range(rounds + 1):
            changer.change(live)
            found.timed(VERIFY, lambda: _expect(session, ok=False))
            found.timed(RESTORE, lambda: found.pages.append(_restore(session, safety=True)))
            _expect(session, ok=True)
            found.timed(UNCHANGED, lambda: _expect(session, ok=True))
            changer.change(live)
            found.timed(WITHOUT_SAFETY, lambda: _restore(session, safety=False))
            _expect(session, ok=True)
            found.timed(COPY, lambda: shutil.copyfile(live, os.path.join(folder, "copy.db")))
            if not number:  # a warm-up
                found.seconds.clear()
    return found


def _restore(session: Session, *, safety: bool) -> int:
    done = session.restore("baseline", safety=safety)
    if not done.changed:
        raise WrongResult("nothing was restored")
    return done.databases["default"].pages_written


def _expect(session: Session, *, ok: bool) -> None:
    found = session.verify("baseline")
    if found.ok is not ok or bool(found.databases["default"].rows) is ok:
        raise WrongResult(found.verdict)


def _many(folder: str, built: str, rounds: int) -> Many:
    with _place(folder, built, "wal") as (live, session):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, live], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdin
        assert writer.stdout
        start, longest, early = time.perf_counter(), 0, 0
        for number in range(rounds):
            writer.stdin.write(f"{number}\n")
            writer.stdin.flush()
            writer.stdout.readline()
            if number % 10 == 0:
                _expect(session, ok=False)
            _restore(session, safety=False)
            longest = max(longest, os.path.getsize(f"{live}-wal"))
            if number == rounds // 10:
                early = session.info().memory
        seconds = time.perf_counter() - start
        _expect(session, ok=True)
        info = session.info()
        writer.stdin.close()
        writer.wait()
        writer.stdout.close()
    return Many(rounds, seconds, longest, (early, info.memory), info.databases["default"].checks)


def _report(measured: list[Measured], many: Many | None, rounds: int) -> Iterator[str]:
    yield "# A session, measured\n\nWritten by `python -m benchmarks.session"
    yield f"{' --large' if any(one.megabytes == LARGE for one in measured) else ''}"
    yield f"{f' --many {many.rounds}' if many else ''} --rounds {rounds}`.\n\n"
    load = os.getloadavg()[0]
    yield f"Medians and best rounds of {rounds}, in milliseconds, as the Python client sees them; "
    yield f"{os.cpu_count()} cores, load average {load:.1f} at the end.\n\n"
    names = (VERIFY, RESTORE, WITHOUT_SAFETY, UNCHANGED, COPY)
    yield f"| database | pages | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}\n"
    for one in measured:
        cells = [f"{one.median_ms(name):.1f} ({1000 * min(one.seconds[name]):.1f})" for name in names]
        yield f"| {one.megabytes} MB, {one.mode} | {median(one.pages):.0f} | {' | '.join(cells)} |\n"
    yield "\n| goal | is | |\n|---|---|---|\n"
    for what, value, limit, unit in _goals(measured):
        yield f"| {what}: at most {limit:g}{unit} | {value:.1f}{unit} | {'met' if value <= limit else 'missed'} |\n"
    if many:
        early, end = (size / 1e6 for size in many.memory)
        yield f"\n{many.rounds} rounds with a live writer in {many.seconds:.0f} s: the log was at most "
        yield f"{many.longest_log / LOG_LIMIT:.2f} times its limit, the session's memory {early:.0f} MB after a tenth "
        yield f"of them and {end:.0f} MB at the end, {many.checks} full checks, the end state that of the baseline.\n"


def _goals(measured: list[Measured]) -> Iterator[tuple[str, float, float, str]]:
    by = {(one.megabytes, one.mode): one for one in measured}
    largest = by[max(size for size, mode in by if mode == "wal"), "wal"]
    for name, limit in MILLISECONDS.items():
        yield f"{name}, WAL mode, {largest.megabytes} MB", largest.median_ms(name), limit, " ms"
    for name in (RESTORE, VERIFY):
        flatness = largest.median_ms(name) / by[SMALL, "wal"].median_ms(name)
        yield f"{name}, {largest.megabytes} MB to {SMALL} MB", flatness, FLATNESS, ""
    yield f"{RESTORE}, DELETE mode, {MIDDLE} MB", by[MIDDLE, "delete"].median_ms(RESTORE), DELETE_MILLISECONDS, " ms"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.session", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="counted rounds [30]")
    parser.add_argument("--large", action="store_true", help=f"measure {LARGE} MB too")
    parser.add_argument("--many", type=int, default=0, help="rounds with a live writer [none; 10000 for the record]")
    parser.add_argument("--work", default=None, metavar="DIR", help="where the databases are built [temporary folder]")
    parser.add_argument("--output", default=os.path.join("docs", "session-benchmarks.md"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
