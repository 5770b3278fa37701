"""Play a scenario as a suite against the running backend, and compare the state with the baseline."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from benchmarks.faults import backend, corruption
from benchmarks.faults import cleanup as cleanup_program
from benchmarks.faults.client import Client, Failed
from benchmarks.faults.scenarios import Scenario
from snapstore.engine import Connection, file_uri
from snapstore.errors import DiskFull, FileError, SnapError
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.flow import Suite
from snapstore.suite.mark import run_mark
from snapstore.suite.policy import CleanupStep, SuitePolicy

SMALL_FILE = 60_000  # the largest file, in bytes, on the full disk
_LARGE_CHANGE = 200_000  # bytes that a developer has changed since the last backup
_START_SECONDS = 20.0
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Outcome(NamedTuple):
    """The outcome of a round: the verdict after cleanup, None without one, and whether the state was restored.

    `is_right` tells whether schema and rows are those of the baseline and SQLite finds no damage in the file.
    """

    scenario: str
    what: str
    verdict: str | None
    restored: bool
    is_right: bool


class Bench:
    """A running backend, its database, and a store; one for each journal mode."""

    def __init__(self, folder: str, journal_mode: str, dbhash: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, "api.sqlite3")
        self._dbhash = dbhash
        backend.create(self.path, journal_mode)
        self.project = Project.of({"default": self.path})
        self.store = Store.create(os.path.join(folder, "store"))
        self.port = 0
        self.baseline = self.content()

    def __enter__(self) -> Bench:
        port_file = os.path.join(self.folder, "port")
        command = [sys.executable, "-m", "benchmarks.faults.backend", self.path, port_file]
        self._backend = subprocess.Popen(command, cwd=_ROOT)
        deadline = time.monotonic() + _START_SECONDS
        while not os.path.exists(port_file):
            if self._backend.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the backend did not start")
            time.sleep(0.01)
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())
        return self

    def __exit__(self, *_: object) -> None:
        self._backend.terminate()
        self._backend.wait()
        self.store.close()

    def content(self) -> str:
        """Return SQLite's own dbhash of schema and rows, and what its integrity check reports."""
        done = subprocess.run([self._dbhash, self.path], capture_output=True, text=True, check=False)
        found = done.stdout.split()[0] if done.stdout else done.stderr
        try:
            connection = Connection(file_uri(self.path, mode="rw"), lambda *_: None, Deadline(5))
            said = connection.value("PRAGMA integrity_check")
            connection.close()
        except SnapError as error:
            said = str(error)
        return f"{found} {said}"

    def play(self, scenario: Scenario, number: int) -> Outcome:
        """Play one round."""
        return Round(self, scenario, number).play()


class Round:
    """One round of a scenario."""

    def __init__(self, bench: Bench, scenario: Scenario, number: int) -> None:
        self._bench = bench
        self._scenario = scenario
        self._chance = random.Random(f"{scenario.name} {number}")
        self._number = number
        self._journal = os.path.join(bench.folder, "journal")
        self._client = Client(bench.port, self._journal, scenario.timeout)
        self._what = ""
        step = [sys.executable, "-I", "-S", cleanup_program.__file__, str(bench.port), self._journal]
        command = f"exec {' '.join(step)} {scenario.timeout}"
        self._policy = SuitePolicy(
            cleanup=(CleanupStep("undo by API", command=command, timeout=30),),
            backoff=0.01,
            quiet=scenario.quiet,
            quiet_limit=5.0,
            ledger_suites=1_000_000,
        )
        self._tests: list[tuple[str | None, bool]] = []

    def play(self) -> Outcome:
        """Play the round and check the state."""
        with suppress(FileNotFoundError):
            os.remove(self._journal)
        plays: dict[str, Callable[[], None]] = {
            "through": self._through,
            "test killed": self._test_killed,
            "run killed": self._run_killed,
            "corruption": self._corruption,
            "disk full, backup": self._full_at_backup,
            "disk full, restore": self._full_at_restore,
        }
        plays[self._scenario.play]()
        found = self._bench.content()
        verdict, restored = self._tests[0] if self._tests else (None, False)
        return Outcome(self._scenario.name, self._what, verdict, restored, found == self._bench.baseline)

    @contextmanager
    def _suite(self) -> Iterator[Suite]:
        """Yield a suite that has begun. It ends with the block, unless the block raises."""
        with run_mark(self._bench.store, self._bench.project, self._scenario.name):
            runner = CleanupRunner(self._bench.project, os.environ, self._bench.folder)
            suite = Suite(self._bench.store, self._bench.project, self._policy, runner, lambda _: None)
            suite.begin(self._scenario.name, self._scenario.name)
            self._tests += [(one.verdict, True) for one in suite.repaired]
            yield suite
            suite.end(0)

    def _end_test(self, suite: Suite, outcome: str, seconds: float) -> None:
        result = suite.end_test(outcome, seconds)
        self._tests.append((result.verdict, result.restored))

    def _through(self, after_test: Callable[[], None] = lambda: None) -> None:
        """Play the test to its end, or to the request that fails."""
        with self._suite() as suite:
            suite.begin_test(self._scenario.name, self._scenario.name)
            self._mix(**self._scenario.mix)
            start, outcome = time.monotonic(), "passed"
            try:
                self._scenario.test(self._client, self._chance)
            except Failed:
                outcome = "failed"
            after_test()
            self._end_test(suite, outcome, time.monotonic() - start)
        self._mix()

    def _mix(self, **probabilities: float) -> None:
        """Tell the backend which faults to make."""
        Client(self._bench.port, self._journal).ask("POST", "/faults", seed=self._chance.random(), **probabilities)

    def _test_killed(self) -> None:
        with self._suite() as suite:
            suite.begin_test(self._scenario.name, self._scenario.name)
            start = time.monotonic()
            test = subprocess.Popen(self._test_command(), cwd=_ROOT)
            self._wait_for_notes()
            test.kill()
            test.wait()
            self._end_test(suite, "killed", time.monotonic() - start)

    def _run_killed(self) -> None:
        places = ["--db", self._bench.path, "--store", self._bench.store.path]
        name = self._scenario.name
        arguments = [*places, "--label", name, "--scenario", name, "--", *self._test_command()]
        run = subprocess.Popen(
            [sys.executable, "-P", "-m", "snapstore", "run", *arguments],
            cwd=_ROOT,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_for_notes()
        run.send_signal(signal.SIGKILL)
        run.wait()
        self._end_orphans(run.pid)
        with self._suite():
            pass  # its beginning repairs the state

    def _test_command(self) -> list[str]:
        seed = str(self._chance.random())
        return [sys.executable, "-m", "benchmarks.faults.client", str(self._bench.port), self._journal, seed]

    def _wait_for_notes(self) -> None:
        """Wait until the test has recorded some rows, and a moment longer, so that any request may be under way."""
        wanted = self._chance.randrange(1, 12)
        deadline = time.monotonic() + _START_SECONDS
        while _lines(self._journal) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(self._chance.uniform(0, 0.004))

    def _end_orphans(self, session: int) -> None:
        """End what is left of a process group, if the system does not, and wait for its end."""
        deadline = time.monotonic() + _START_SECONDS
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(session, signal.SIGTERM)
                time.sleep(0.002)

    def _corruption(self) -> None:
        kind = self._chance.choice(corruption.KINDS)
        self._what = kind.__name__
        self._through(lambda: kind(self._bench.path, self._chance))

    def _full_at_backup(self) -> None:
        """Let the disk be full after a developer has made a large change since the last backup."""
        self._work(_LARGE_CHANGE)
        self._bench.baseline = self._bench.content()
        self._what = "the suite did not begin"
        with suppress(DiskFull), full_disk(), self._suite():
            self._what = "the suite began"
        if self._bench.content() != self._bench.baseline:
            return
        with self._suite() as suite:  # now there is space again
            suite.begin_test(self._scenario.name, "")
            suite.end_test("passed")
        self._work(1)
        self._bench.baseline = self._bench.content()

    def _full_at_restore(self) -> None:
        self._what = "by the next suite"
        with suppress(DiskFull, FileError), self._suite() as suite:
            suite.begin_test(self._scenario.name, self._scenario.name)
            self._work(_LARGE_CHANGE, "left_behind")
            with full_disk():
                self._end_test(suite, "passed", 0.0)
            self._what = "at once, without keeping the failing state"
        with self._suite():
            pass

    def _work(self, size: int, table: str = "developer") -> None:
        """Write something that cannot be compressed into a table of one row."""
        connection = Connection(file_uri(self._bench.path, mode="rw"), lambda *_: None, Deadline(5))
        connection.rows(f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, body BLOB)")
        connection.rows(f"INSERT OR REPLACE INTO {table} VALUES (1, randomblob(?))", (size,))
        connection.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """Keep every file of this process and its children small: writing more fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _lines(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0
