"""Write docs/session-benchmarks.md from the measurements of a session."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks.session_many import Many
from snapstore.session.tracker import LOG_LIMIT

SMALL, MIDDLE, LARGE = 8, 80, 800
VERIFY, RESTORE, WITHOUT_SAFETY, UNCHANGED, COPY = (
    "verify, rows named",
    "restore",
    "restore, no safety snapshot",
    "verify, unchanged",
    "`cp`",
)
NAMES = (VERIFY, RESTORE, WITHOUT_SAFETY, UNCHANGED, COPY)
MILLISECONDS = {RESTORE: 10, VERIFY: 25, UNCHANGED: 2}  # at MIDDLE
FLATNESS, DELETE_MILLISECONDS = 1.5, 60


@dataclass
class Measured:
    """The seconds of each round, by operation."""

    megabytes: int
    mode: str
    pages: list[int] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, name: str, work: Callable[[], object]) -> None:
        """Do some work and record how long it took."""
        start = time.perf_counter()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)

    def median_ms(self, name: str) -> float:
        """Return the median in milliseconds."""
        return 1000 * median(self.seconds[name])


@dataclass
class Django:
    """A Django database and the seconds of each round: `load` is flush and loaddata, `drop` is drop and migrate."""

    rows: int
    bytes: int
    load: list[float]
    drop: list[float]
    restore: list[float]


def report(measured: list[Measured], django: Django, many: Many | None, rounds: int) -> Iterator[str]:
    """Yield the text."""
    yield "# A session, measured\n\nWritten by `python -m benchmarks.session"
    yield f"{' --large' if any(one.megabytes == LARGE for one in measured) else ''}"
    yield f"{f' --many {many.rounds}' if many else ''} --rounds {rounds}`.\n\n"
    yield f"Medians of {rounds} rounds in milliseconds, and the best round in parentheses, as the Python client sees "
    yield f"them. {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end. "
    yield "A test changes about 60 pages of five tables and their indexes. Verify names the rows. "
    yield "Restore takes them back, and keeps the state that the test left as a safety snapshot.\n\n"
    yield f"| database | pages | {' | '.join(NAMES)} |\n|---|---|{'---|' * len(NAMES)}\n"
    for one in measured:
        cells = [f"{one.median_ms(name):.1f} ({1000 * min(one.seconds[name]):.1f})" for name in NAMES]
        yield f"| {one.megabytes} MB, {one.mode} | {median(one.pages):.0f} | {' | '.join(cells)} |\n"
    yield "\n| goal | measured | |\n|---|---|---|\n"
    for what, value, limit, unit in _goals(measured):
        yield f"| {what}: at most {limit:g}{unit} | {value:.1f}{unit} | {'met' if value <= limit else 'missed'} |\n"
    yield from _of_django(django)
    if many:
        yield from _of_many(many)


def _of_django(django: Django) -> Iterator[str]:
    restore = median(django.restore)
    yield f"\nDjango's own ways to reset a database, on {django.rows:,} rows of its own applications "
    yield f"({django.bytes / 1e6:.1f} MB), in a process that has everything loaded. "
    yield "Next to them is the session's restore of the same database in WAL mode, after changes to 30 users and their "
    yield "groups:\n\n"
    yield "| | milliseconds | times the restore |\n|---|---|---|\n"
    for what, seconds in (
        ("`flush` and `loaddata` of all rows", django.load),
        ("removing the file and `migrate`, without rows", django.drop),
        ("restore in a session", django.restore),
    ):
        yield f"| {what} | {1000 * median(seconds):.1f} | {median(seconds) / restore:.0f} |\n"


def _of_many(many: Many) -> Iterator[str]:
    early, late = many.early, many.late
    yield f"\n{many.rounds:,} rounds in one session with a live writer, in {many.seconds:.0f} s. The writer stays "
    yield "connected, and saw the rows of the baseline again in each round. "
    yield f"Another process, which does not follow changes, hashed {many.compared:,} end states, including the last: "
    yield "all had the content of the baseline. "
    yield f"The session checked itself against a full hash {many.checks:,} times.\n\n"
    yield "| | after a tenth of the rounds | at the end |\n|---|---|---|\n"
    yield f"| memory of the session, MB | {early.memory / 1e6:.0f} | {late.memory / 1e6:.0f} |\n"
    yield f"| open files of the session | {early.files} | {late.files} |\n"
    logs = (one.longest_log / LOG_LIMIT for one in (early, late))
    yield "| longest log, as a multiple of its limit | {:.2f} | {:.2f} |\n".format(*logs)


def _goals(measured: list[Measured]) -> Iterator[tuple[str, float, float, str]]:
    by = {(one.megabytes, one.mode): one for one in measured}
    largest = by[max(size for size, mode in by if mode == "wal"), "wal"]
    for name, limit in MILLISECONDS.items():
        yield f"{name}, WAL mode, {MIDDLE} MB", by[MIDDLE, "wal"].median_ms(name), limit, " ms"
    for name in (RESTORE, VERIFY):
        flatness = largest.median_ms(name) / by[SMALL, "wal"].median_ms(name)
        yield f"{name}, {largest.megabytes} MB to {SMALL} MB", flatness, FLATNESS, ""
    yield f"{RESTORE}, DELETE mode, {MIDDLE} MB", by[MIDDLE, "delete"].median_ms(RESTORE), DELETE_MILLISECONDS, " ms"
