"""How a suite stands that has not ended: it runs, is paused, or died. `status`, `doctor` and `report` say the same."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from snapstore import Session
from snapstore.errors import SessionEnded
from tests.support import ENVIRONMENT, Snap

RUN = "a run"


def start(snap: Snap) -> Session:
    return Session(db=snap.database, store=snap.store, cwd=snap.folder, env=ENVIRONMENT)


def begin(session: Session, run: str = RUN) -> None:
    session.begin_suite("playwright", mode="chain", run=run, resume=True)


def kill(session: Session) -> None:
    """Kill a session while a test runs."""
    session.begin_test("one")
    os.kill(session.pid, signal.SIGKILL)
    with pytest.raises(SessionEnded):
        session.end_test()


def reported(snap: Snap) -> list[str]:
    """Return the outcomes that `report` has for all suites, the newest first, which must be those of its JUnit file."""
    found: list[str] = [one["outcome"] for one in snap.json("report")["suites"]]
    snap("report", "--junit", "report.xml")
    root = ElementTree.parse(snap.folder / "report.xml").getroot()
    assert [one.get("value") for one in root.iter("property") if one.get("name") == "outcome"] == found[::-1]
    return found


def suite(snap: Snap) -> Any:
    return snap.json("status")["suite"]


def test_a_suite_between_two_processes_of_its_run_is_paused(snap: Snap) -> None:
    with start(snap) as session:
        begin(session)
        assert (suite(snap)["runs"], suite(snap)["paused"], reported(snap)) == (True, False, ["running"])
        session.end_suite(pause=True)
    assert (suite(snap)["runs"], suite(snap)["paused"], reported(snap)) == (False, True, ["paused"])
    text = snap("status").stdout
    assert "is paused until its run goes on; if it is over, 'snap --" in text
    assert "is paused until its run goes on" in snap("doctor").stdout
    with start(snap) as session:
        begin(session)
        assert (suite(snap)["runs"], suite(snap)["paused"], reported(snap)) == (True, False, ["running"])
        kill(session)
    assert (suite(snap)["runs"], suite(snap)["paused"], reported(snap)) == (False, False, ["died"])
    assert "died; the next suite repairs what it left" in snap("status").stdout
    with start(snap) as session:
        begin(session)
        session.end_suite()
    assert reported(snap) == ["failed"]  # for the test that was killed
    assert suite(snap) is None


def test_only_the_newest_suite_can_run(snap: Snap) -> None:
    with start(snap) as session:
        session.begin_suite("dies", mode="cleanup")
        kill(session)
    with start(snap) as session:
        session.begin_suite("runs", mode="cleanup")  # which cannot repair the other, without a restore
        assert reported(snap) == ["running", "died"]


def test_a_suite_runs_as_long_as_one_of_its_workers_does(snap: Snap) -> None:
    (snap.folder / "snapstore.yaml").write_text(f"database: {snap.database.name}\nstore: store\n")

    def worker(name: str) -> Session:
        copy = Path(shutil.copy(snap.database, snap.folder / f"{name}.db"))
        return Session(db=copy, worker=name, cwd=snap.folder, env=ENVIRONMENT)

    with worker("one") as one, worker("two") as two:
        for session in (one, two):
            session.begin_suite("workers", run=RUN)
        kill(one)
        assert reported(snap) == ["running"]
        two.end_suite(pause=True)
        assert reported(snap) == ["paused"]
        two.begin_suite("workers", run=RUN, resume=True)
        assert reported(snap) == ["running"]
        two.end_suite()
        assert reported(snap) == ["died"]
    with worker("one") as one:
        assert one.status().suite is not None
