"""Measure a session against the write that it takes back: the command `python -m benchmarks.taken_back`.

A test writes about 57 pages in one transaction of an ordinary connection that stays open: 50 updates spread over a
table, and some rows inserted into another that has a unique index. In the same round the session names all the rows,
takes them back, and verifies that nothing differs. Its times are given as multiples of the transaction's own, since
milliseconds differ from machine to machine. The file is copied in the same rounds, which is what a session replaces.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from statistics import median

from benchmarks.building import Row, build, in_journal_mode
from benchmarks.ground import WrongResult
from snapstore import Session

SIZES = (8, 800)  # megabytes
INSERTS = (20, 200)
UPDATES = 50
WARM_UP = 2  # rounds that do not count
COPIES_OF_LARGE = 5  # the pending writes of a copy slow down what comes after
WRITE, VERIFY, RESTORE, UNCHANGED, COPY = "the write", "verify, rows named", "restore", "verify, unchanged", "`cp`"
GOALS = {RESTORE: 3.0, VERIFY: 5.0, UNCHANGED: 1.0}  # times the write


class Rounds:
    """The seconds of each round, by what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.pages: list[int] = []

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """Do some work and record how long it took."""
        start = time.perf_counter()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)

    def times_the_write(self, name: str) -> float:
        """Return the median, over the rounds, of the time for something as a multiple of that for the write."""
        return median(one / write for one, write in zip(self.seconds[name], self.seconds[WRITE], strict=False))


def main() -> None:
    """Measure, write, print."""
    options = _options()
    found: dict[tuple[int, int], Rounds] = {}
    with tempfile.TemporaryDirectory(prefix="snapstore-taken-back-", dir=options.work) as folder:
        for megabytes in options.sizes:
            built = os.path.join(folder, "built.db")
            build(built, megabytes)
            for inserts in INSERTS:
                found[megabytes, inserts] = _measure(folder, built, megabytes, inserts, options.rounds)
            os.remove(built)
    text = "".join(_report(found, options.rounds))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


def _measure(folder: str, built: str, megabytes: int, inserts: int, rounds: int) -> Rounds:
    live, copy = os.path.join(folder, "live.db"), os.path.join(folder, "copy.db")
    in_journal_mode(built, live, "wal")
    found, chance = Rounds(), random.Random(megabytes + inserts)
    copies = rounds if megabytes == min(SIZES) else COPIES_OF_LARGE
    with (
        tempfile.TemporaryDirectory(dir=folder) as store,
        Session(db=live, store=os.path.join(store, "store")) as session,
        closing(sqlite3.connect(live, isolation_level=None)) as application,
    ):
        session.tag("baseline")
        os.sync()
        for number in range(WARM_UP + rounds):
            updates, rows = _work(application, chance, inserts)
            found.timed(WRITE, partial(_write, application, updates, rows))
            found.timed(VERIFY, lambda: _expect(session, is_same=False))
            found.timed(RESTORE, lambda: found.pages.append(_restored_pages(session)))
            found.timed(UNCHANGED, lambda: _expect(session, is_same=True))
            if number < copies:
                found.timed(COPY, lambda: shutil.copyfile(live, copy))
                os.remove(copy)
            if number == WARM_UP - 1:
                found.seconds.clear()
    for file in (live, f"{live}-wal", f"{live}-shm"):
        if os.path.exists(file):
            os.remove(file)
    return found


def _work(application: sqlite3.Connection, chance: random.Random, inserts: int) -> tuple[list[Row], list[Row]]:
    """Return the ids to update, one from each of `UPDATES` parts of the table, and the rows to insert.

    Their unique column counts up, as order numbers do, from behind the tokens that are there.
    """
    (last,) = application.execute("SELECT max(id) FROM comments").fetchone()
    part = last // UPDATES
    updates: list[Row] = [(number * part + chance.randrange(part) + 1,) for number in range(UPDATES)]
    rows: list[Row] = [
        (f"order {number:08}", 1, "2025-06-01 12:00:00", chance.randbytes(24)) for number in range(inserts)
    ]
    return updates, rows


def _write(application: sqlite3.Connection, updates: list[Row], rows: list[Row]) -> None:
    application.execute("BEGIN IMMEDIATE")
    application.executemany("UPDATE comments SET body = substr(body, 1, length(body) - 1) || '!' WHERE id = ?", updates)
    application.executemany("INSERT INTO sessions VALUES (NULL, ?, ?, ?, ?)", rows)
    application.execute("COMMIT")


def _expect(session: Session, *, is_same: bool) -> None:
    found = session.verify("baseline")
    if found.ok is not is_same or bool(found.databases["default"].rows) is is_same:
        raise WrongResult(found.verdict)


def _restored_pages(session: Session) -> int:
    done = session.restore("baseline")
    if not done.changed:
        raise WrongResult("nothing was restored")
    return done.databases["default"].pages_written


def _report(found: dict[tuple[int, int], Rounds], rounds: int) -> Iterator[str]:
    yield "# A session and the write that it takes back\n\n"
    yield f"Written by `python -m benchmarks.taken_back --rounds {rounds}`, which explains how it gets each number.\n\n"
    yield "Times are multiples of the time for the write itself, in the same round: medians of the rounds.\n\n"
    yield f"| database | inserted | pages | {WRITE}, ms | {' | '.join((*GOALS, COPY))} |\n{'|---' * 8}|\n"
    for (megabytes, inserts), one in found.items():
        cells = [f"{one.times_the_write(name):.1f}" for name in (*GOALS, COPY)]
        write = 1000 * median(one.seconds[WRITE])
        yield f"| {megabytes} MB | {inserts} | {median(one.pages):.0f} | {write:.1f} | {' | '.join(cells)} |\n"
    yield "\n| goal | measured | |\n|---|---|---|\n"
    for name, limit in GOALS.items():
        worst = max(one.times_the_write(name) for one in found.values())
        verdict = "met" if worst <= limit else "missed"
        yield f"| {name}: at most {limit:g} times the write | at most {worst:.1f} | {verdict} |\n"
    yield f"\n{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end.\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.taken_back", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="rounds to count [60]")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="MB", help="sizes of the database")
    parser.add_argument("--work", default=None, metavar="DIR", help="where to build the databases [temporary folder]")
    parser.add_argument("--output", default=os.path.join("docs", "taken-back.md"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
