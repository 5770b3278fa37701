"""SIGKILL to the session, its parent, the server or the browser, while all of them work on one database."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.session.beside import BATCH
from tests.session.test_killed import ROOT, ROWS
from tests.support import ENVIRONMENT, Snap, connect, count, dbhash, is_intact, make_database

KILLS = int(os.environ.get("SNAPSTORE_TEST_BROWSER_KILLS", "8"))
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0")
PARENT, SESSION, SERVER, VISITOR = "parent", "session", "server", "browser"
LONGEST = 0.3  # seconds until a kill
NOWHERE = subprocess.DEVNULL


class Scene:
    """A website and a browser that visits it without an end, begun again where they were killed."""

    def __init__(self, snap: Snap) -> None:
        self._snap = snap
        self._pause = snap.folder / "pause"
        self._port = 0
        self.server: subprocess.Popen[str] | None = None
        self.browser: subprocess.Popen[bytes] | None = None
        self.baseline = dbhash(snap.database)

    def begin(self) -> None:
        """Have both, and wait until the one has written for the other."""
        self._pause.unlink(missing_ok=True)
        if self.server is None:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "tests.session.website", str(self._snap.database), str(self._pause)],
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self.server.stdout
            self._port = int(self.server.stdout.readline())
            self._end_browser()  # the port is another one
        if self.browser is None:
            profile = self._snap.folder / "profile"
            shutil.rmtree(profile, ignore_errors=True)
            assert BROWSER
            address = f"http://127.0.0.1:{self._port}/"
            command = [BROWSER, *OPTIONS, f"--user-data-dir={profile}", address]
            self.browser = subprocess.Popen(command, start_new_session=True, stdout=NOWHERE, stderr=NOWHERE)
        before = self.written()
        while self.written() == before:
            assert self.browser.poll() is None, "the browser ended"

    def written(self) -> int:
        """Return how often the website has written; it answers when what it was asked before is done."""
        with urlopen(f"http://127.0.0.1:{self._port}/written", timeout=30) as answer:
            return int(answer.read())

    def pause(self) -> None:
        """Have nothing written from now on."""
        self._pause.touch()
        if self.server:
            self.written()

    def kill(self, which: str) -> None:
        """Kill the server or the browser."""
        if which == VISITOR:
            self._end_browser()
        elif self.server:
            self.server.kill()
            self._forget_server()

    def end(self) -> None:
        """End both."""
        self._end_browser()
        if self.server:
            self.server.kill()
            self._forget_server()

    def _forget_server(self) -> None:
        assert self.server
        self.server.wait()
        for pipe in (self.server.stdin, self.server.stdout):
            assert pipe
            with suppress(OSError):
                pipe.close()
        self.server = None

    def _end_browser(self) -> None:
        if self.browser:
            with suppress(ProcessLookupError):
                os.killpg(self.browser.pid, signal.SIGKILL)
            self.browser.wait()
            self.browser = None


@pytest.fixture(params=["wal", "delete"])
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Snap, Scene, random.Random]]:
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    snap = Snap(tmp_path)
    make_database(snap.database, journal_mode=request.param, rows=ROWS)
    snap("tag", "baseline")
    scene = Scene(snap)
    try:
        yield snap, scene, random.Random(request.param)
    finally:
        scene.end()


@pytest.mark.timeout(300 + 10 * KILLS)
def test_whoever_is_killed_the_next_command_finds_a_whole_store_and_a_state_somebody_made(
    scene: tuple[Snap, Scene, random.Random],
) -> None:
    snap, around, chance = scene
    for number in range(KILLS // 2):
        around.begin()
        kill_one(snap, around, (PARENT, SESSION, SERVER, VISITOR)[number % 4], chance.random() * LONGEST)
        status = snap.json("status", "--timeout", "30")["databases"]["default"]
        assert status["head"] == snap.json("tags")[0]["snapshot"]
        around.pause()
        with closing(connect(snap.database)) as connection:
            assert (count(connection) - ROWS) % BATCH == 0, "a state that nobody made"
        assert is_intact(snap.database)
        snap("restore", "baseline")
        assert dbhash(snap.database) == around.baseline
        snap("fsck")
    assert snap.json("verify", "baseline")["verdict"] == "clean"


def kill_one(snap: Snap, around: Scene, which: str, seconds: float) -> None:
    """Begin a test runner and kill one of all after a while; the runner ends, by itself where nobody killed it."""
    runner = subprocess.Popen(
        [sys.executable, "-m", "tests.session.tester", str(snap.database), str(snap.store)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout
    said = runner.stdout.readline().split()
    assert len(said) == 2, runner.communicate()
    session = os.pidfd_open(int(said[1]))
    with suppress(subprocess.TimeoutExpired):
        runner.wait(seconds)  # the moment of the kill is what is drawn, nothing is waited for
    assert runner.poll() is None, runner.communicate()
    if which in (PARENT, SESSION):
        os.kill(int(said[which == SESSION]), signal.SIGKILL)
    else:
        around.kill(which)
    _, problem = runner.communicate(timeout=60)
    ends = {PARENT: (-signal.SIGKILL,), SESSION: (0, 1)}  # 0 where it had nothing to ask any more
    assert runner.returncode in ends.get(which, (0,)), problem
    _wait_for(session)


def _wait_for(process: int) -> None:
    ended = select.poll()
    ended.register(process, select.POLLIN)
    assert ended.poll(30_000), "a session outlives its parent"
    os.close(process)
