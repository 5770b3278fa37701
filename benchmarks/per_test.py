"""Measure what the pytest plugin and the Playwright kit add to a test: the command `python -m benchmarks.per_test`.

A run has many tests that do nothing, or that each write as in benchmarks/taken_back.py: 50 updates spread over a table
and 20 inserts, in one transaction. What one test costs is the difference between a long run and a short one, divided by
the tests that the long one has more, so that no start counts. What a way to reset the database adds is the difference
to the same tests without any. The ways take turns, in every round.

- `plugin`, `kit`: the state is verified after each test, and restored where it differs.
- `copy`: the connection is closed, the file copied over the database, and the connection opened again.
- `reseed`: all rows are deleted, and inserted from a copy that is attached, in one transaction.
- Django's `flush` and `loaddata` reset a database of Django's own applications (django_reset.py).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.building import build, in_journal_mode

SHORT, LONG = 5, 105  # tests of a run
CLEAN, LEAKING = "clean", "leaking"
NONE = "none"
PYTEST, PLAYWRIGHT = "pytest", "Playwright"
DJANGO_USERS = 8000
GOALS = {CLEAN: 10.0, LEAKING: 25.0}  # milliseconds at 8 MB
MEGABYTES = 8

WRITER = '''
import itertools, random, shutil, sqlite3, sys

class Application:
    """An application with one connection; `reset` brings the state before back."""

    def __init__(self):
        self.chance = random.Random(1)
        self.orders = itertools.count()
        self.open()

    def open(self):
        self.connection = sqlite3.connect("db.sqlite3", isolation_level=None)
        self.last = self.connection.execute("SELECT max(id) FROM comments").fetchone()[0]

    def write(self):
        ids = [(self.chance.randrange(self.last) + 1,) for _ in range(50)]
        rows = [(f"order {next(self.orders)}", 1, "2025-06-01", b"x" * 24) for _ in range(20)]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("UPDATE comments SET votes = votes + 1 WHERE id = ?", ids)
        self.connection.executemany("INSERT INTO sessions VALUES (NULL, ?, ?, ?, ?)", rows)
        self.connection.execute("COMMIT")

    def copy(self):
        self.connection.close()
        shutil.copyfile("seed.sqlite3", "db.sqlite3")
        self.open()

    def reseed(self):
        run = self.connection.execute
        run("ATTACH 'seed.sqlite3' AS seed")
        run("BEGIN IMMEDIATE")
        for table in ("comments", "sessions", "posts", "users", "log"):
            run(f"DELETE FROM main.{table}")
            run(f"INSERT INTO main.{table} SELECT * FROM seed.{table}")
        run("COMMIT")
        run("DETACH seed")

if __name__ == "__main__":
    application = Application()
    for line in sys.stdin:
        getattr(application, line.strip())()
        print("done", flush=True)
'''
PYTHON_TESTS = """
import os
import pytest
from application import Application

application, writes, reset = Application(), os.environ["WRITES"] == "1", os.environ["RESET"]

@pytest.mark.parametrize("number", range(int(os.environ["TESTS"])))
def test_something(number):
    if writes:
        application.write()
    if reset != "none":
        getattr(application, reset)()
"""
NODE_TESTS = """
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect, test as plain } from '@playwright/test';
import { test as followed } from './snapstore/fixtures.mjs';

const { WRITES, RESET, TESTS, FOLLOWED, PYTHON } = process.env;
const test = FOLLOWED ? followed : plain;
let application, lines;
const ask = async (what) => {
  application.stdin.write(what + '\\n');
  expect((await lines.next()).value).toBe('done');
};
test.beforeAll(() => {
  application = spawn(PYTHON, ['application.py'], { stdio: ['pipe', 'pipe', 'inherit'] });
  lines = createInterface({ input: application.stdout })[Symbol.asyncIterator]();
});
test.afterAll(() => application.stdin.end());
for (let number = 0; number < Number(TESTS); number++) {
  test(`something ${number}`, async () => {
    if (WRITES === '1') await ask('write');
    if (RESET !== 'none') await ask(RESET);
  });
}
"""
NODE_CONFIGURATION = """
import { defineConfig } from '@playwright/test';
import { databaseProjects } from './snapstore/projects.mjs';

const followed = Boolean(process.env.FOLLOWED);
export default defineConfig({
  workers: 1,
  reporter: 'line',
  use: followed ? { snapstore: { config: 'snapstore.yaml' }, snapstoreLeaks: 'pass' } : {},
  projects: [
    ...(followed ? databaseProjects() : []),
    { name: 'e2e', testMatch: '*.spec.mjs', dependencies: followed ? ['setup db'] : [] },
  ],
});
"""


class Way(NamedTuple):
    """A way to reset the database in a test runner."""

    runner: str
    name: str
    reset: str = NONE
    follows: bool = False


WAYS = (
    *(Way(PYTEST, *rest) for rest in ((NONE,), ("plugin", NONE, True), ("copy", "copy"), ("reseed", "reseed"))),
    *(Way(PLAYWRIGHT, *rest) for rest in ((NONE,), ("kit", NONE, True), ("copy", "copy"))),
)


class Bench:
    """A folder with the database, the tests of both runners, and what they need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        built = os.fspath(folder / "seed.sqlite3")
        build(built, MEGABYTES)
        (folder / "application.py").write_text(WRITER)
        (folder / "test_it.py").write_text(PYTHON_TESTS)
        (folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: .snapstore\n")
        (folder / "it.spec.mjs").write_text(NODE_TESTS)
        (folder / "playwright.config.mjs").write_text(NODE_CONFIGURATION)
        (folder / "package.json").write_text("{}")
        self._do("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "@playwright/test")
        self._do(sys.executable, "-m", "snapstore", "init", "--playwright", ".")

    def seconds(self, way: Way, kind: str, tests: int) -> float:
        """Return how long a run of some tests takes, beginning with a fresh database and store."""
        shutil.rmtree(self.folder / ".snapstore", ignore_errors=True)
        for name in ("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"):
            (self.folder / name).unlink(missing_ok=True)
        in_journal_mode(os.fspath(self.folder / "seed.sqlite3"), os.fspath(self.folder / "db.sqlite3"), "wal")
        os.sync()
        environment = {
            "WRITES": str(int(kind == LEAKING)),
            "RESET": way.reset,
            "TESTS": str(tests),
            "PYTHON": sys.executable,
            "SNAPSTORE_COMMAND": f"{sys.executable} -m snapstore",
            **({"FOLLOWED": "1"} if way.follows else {}),
        }
        start = time.perf_counter()
        self._do(*self._command(way), environment=environment)
        return time.perf_counter() - start

    @staticmethod
    def _command(way: Way) -> list[str]:
        if way.runner == PLAYWRIGHT:
            return ["node", "node_modules/@playwright/test/cli.js", "test"]
        plugin = ["--snap", "--snap-leaks=pass"] if way.follows else []
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", *plugin]

    def _do(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> None:
    """Measure, write, print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="snapstore-per-test-", dir=options.work) as folder:
        found = _measure(Bench(Path(folder)), options.rounds)
        text = "".join(_report(found, _django(folder), options.rounds))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


def _measure(bench: Bench, rounds: int) -> dict[tuple[Way, str], list[float]]:
    """Return the milliseconds of a test, by way and kind, in each round."""
    found: dict[tuple[Way, str], list[float]] = {}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for way in (*WAYS[number % len(WAYS) :], *WAYS[: number % len(WAYS)]):
            for kind in GOALS:
                short, long = (bench.seconds(way, kind, tests) for tests in (SHORT, LONG))
                found.setdefault((way, kind), []).append(1000 * (long - short) / (LONG - SHORT))
    return found


def _django(folder: str) -> float:
    """Return the milliseconds of Django's `flush` and `loaddata`."""
    path = os.path.join(folder, "django.sqlite3")
    command = [sys.executable, "-m", "benchmarks.django_reset", path, str(DJANGO_USERS), "3"]
    seconds: list[float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["load"]
    return 1000 * median(seconds)


def _report(found: Mapping[tuple[Way, str], list[float]], django: float, rounds: int) -> Iterator[str]:
    def adds(way: Way, kind: str) -> float:
        plain = next(one for one in WAYS if one.runner == way.runner and one.name == NONE)
        return median(one - other for one, other in zip(found[way, kind], found[plain, kind], strict=True))

    yield "# What a test costs\n\n"
    yield f"Written by `python -m benchmarks.per_test --rounds {rounds}`, which explains how it gets each number.\n\n"
    yield f"Milliseconds that each way adds to a test, at {MEGABYTES} MB: medians of the rounds.\n\n"
    yield "| runner | way | a clean test | a leaking test |\n|---|---|---:|---:|\n"
    for way in WAYS:
        if way.name != NONE:
            yield f"| {way.runner} | {way.name} | {' | '.join(f'{adds(way, kind):.1f}' for kind in GOALS)} |\n"
    yield f"| Django | `flush` and `loaddata`, {DJANGO_USERS:,} users | {django:.0f} | {django:.0f} |\n"
    yield "\n| goal | measured | |\n|---|---|---|\n"
    for way in (one for one in WAYS if one.follows):
        for kind, most in GOALS.items():
            value = adds(way, kind)
            verdict = "met" if value <= most else "missed"
            yield f"| {way.name}, {kind}: at most {most:g} ms | {value:.1f} ms | {verdict} |\n"
    yield f"\n{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end.\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.per_test", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", default=None, metavar="DIR", help="where to work [temporary folder]")
    parser.add_argument("--output", default=os.path.join("docs", "per-test.md"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
