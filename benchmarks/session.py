"""Measure a session beside a test run, with `cp` in the same rounds: the command `python -m benchmarks.session`.

Each round makes the changes of one test (about 60 pages, see changes.py). Then it times verify with the rows named,
restore, and verify of the unchanged state, as a client of the session sees them. Django's own ways to reset a database
are measured as well (django_reset.py). With `--many`, a live writer and the session take turns, and whatever may grow
is watched (session_many.py). session_report.py writes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.building import build, in_journal_mode
from benchmarks.changes import Changer
from benchmarks.ground import WrongResult
from benchmarks.pages import integrity
from benchmarks.session_many import Many, many
from benchmarks.session_report import (
    COPY,
    LARGE,
    MIDDLE,
    RESTORE,
    SMALL,
    UNCHANGED,
    VERIFY,
    WITHOUT_SAFETY,
    Django,
    Measured,
    report,
)
from snapstore import Session

# Each edit touches a page, so that a test has about 60 pages at every size.
LOG_LINES_EDITED = {SMALL: 24, MIDDLE: 14, LARGE: 3}
# Only a few rounds copy the large database: the pending writes of a copy would slow down the others.
COPIES_OF_LARGE = 5
DJANGO_USERS, DJANGO_ROUNDS = 3000, 5


def main() -> None:
    """Measure, write, print."""
    options = _options()
    sizes = (SMALL, MIDDLE, LARGE) if options.large else (SMALL, MIDDLE)
    measured, found = [], None
    with tempfile.TemporaryDirectory(prefix="snapstore-session-", dir=options.work) as folder:
        django = _django(folder)
        for megabytes in sizes:
            built = os.path.join(folder, "built.db")
            _say(f"building {megabytes} MB")
            build(built, megabytes)
            modes = ("wal", "delete") if megabytes == MIDDLE else ("wal",)
            measured += [_measure(folder, built, Measured(megabytes, mode), options.rounds) for mode in modes]
            if options.many and megabytes == SMALL:
                found = _many(folder, built, options.many)
            os.remove(built)
    text = "".join(report(measured, django, found, options.rounds))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _place(folder: str, built: str, mode: str) -> Iterator[tuple[str, str, Session]]:
    """Yield a database, its store, and a session that has its baseline; check the database afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        live, store = os.path.join(inner, "live.db"), os.path.join(inner, "store")
        in_journal_mode(built, live, mode)
        with Session(db=live, store=store) as session:
            session.tag("baseline")
            os.sync()
            yield live, store, session
        with closing(sqlite3.connect(live)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if (said := integrity(live)) != "ok":
            raise WrongResult(said)


def _measure(folder: str, built: str, found: Measured, rounds: int) -> Measured:
    changer = _Changer(found.megabytes)
    copies = COPIES_OF_LARGE if found.megabytes == LARGE else rounds
    copy = os.path.join(folder, "copy.db")
    with _place(folder, built, found.mode) as (live, _, session):
        _say(f"{found.megabytes} MB, {found.mode}: {rounds} rounds")
        for number in range(rounds + 1):
            changer.change(live)
            found.timed(VERIFY, lambda: _expect(session, ok=False))
            found.timed(RESTORE, lambda: found.pages.append(_restore(session, safety=True)))
            _expect(session, ok=True)
            found.timed(UNCHANGED, lambda: _expect(session, ok=True))
            changer.change(live)
            found.timed(WITHOUT_SAFETY, lambda: _restore(session, safety=False))
            _expect(session, ok=True)
            if number <= copies:
                found.timed(COPY, lambda: shutil.copyfile(live, copy))
                os.remove(copy)
            if not number:  # the first round warms up
                found.seconds.clear()
    return found


class _Changer:
    """Makes the changes of one test after another."""

    def __init__(self, megabytes: int) -> None:
        self._changer = Changer()
        self._chance = random.Random(megabytes)
        self._lines = LOG_LINES_EDITED[megabytes]

    def change(self, path: str) -> None:
        """Make the changes of the next test."""
        self._changer.change(path)
        with closing(sqlite3.connect(path)) as connection, connection:
            (last,) = connection.execute("SELECT max(id) FROM log").fetchone()
            lines = [(id_,) for id_ in self._chance.sample(range(1, last), self._lines)]
            connection.executemany("UPDATE log SET seconds = seconds + 1 WHERE id = ?", lines)


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
    with _place(folder, built, "wal") as (live, store, session):
        found = many(session, live, store, rounds, _say)
        _expect(session, ok=True)
    return found


def _django(folder: str) -> Django:
    """Measure Django's own ways in a separate process, then a session on the database that it made."""
    live = os.path.join(folder, "django.db")
    _say(f"Django: {DJANGO_USERS} users, {DJANGO_ROUNDS} rounds")
    command = [sys.executable, "-m", "benchmarks.django_reset", live, str(DJANGO_USERS), str(DJANGO_ROUNDS)]
    said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    seconds: list[float] = []
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
    with Session(db=live, store=os.path.join(folder, "django-store")) as session:
        session.tag("baseline")
        for number in range(DJANGO_ROUNDS + 1):
            with closing(sqlite3.connect(live)) as connection, connection:
                connection.execute("DELETE FROM auth_user_groups WHERE user_id % 100 = ?", (number,))
                connection.execute("UPDATE auth_user SET last_name = 'x' WHERE id % 100 = ?", (number,))
            start = time.perf_counter()
            _restore(session, safety=True)
            seconds.append(time.perf_counter() - start)
    return Django(said["rows"], said["bytes"], said["load"], said["drop"], seconds[1:])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.session", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="rounds to count [30]")
    parser.add_argument("--large", action="store_true", help=f"measure {LARGE} MB, too")
    parser.add_argument("--many", type=int, default=0, help="rounds with a live writer [none; docs have 10000]")
    parser.add_argument("--work", default=None, metavar="DIR", help="where to build the databases [temporary folder]")
    parser.add_argument("--output", default=os.path.join("docs", "session-benchmarks.md"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
