"""Two databases, and an application that locks them in its own order, holding one while it waits for the other.

Whoever locks them in another order must not hold one while it waits for the other: both would wait for ever. An
application cannot let go, so snapstore does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore import Session
from tests.support import ENVIRONMENT, connect

SECONDS = 60.0  # until either of them gives up
ROUNDS = 2
VERBS: dict[str, Callable[[Session], Any]] = {
    "restore": lambda session: session.restore("baseline", timeout=SECONDS),
    "clean": lambda session: session.clean("baseline", timeout=SECONDS),
    "undo": lambda session: session.undo(timeout=SECONDS),
    "reset": lambda session: session.reset(timeout=SECONDS),
    "end_test": lambda session: session.end_test(),
}


@pytest.fixture(params=[("delete", "wal"), ("wal", "delete")], ids="-".join)
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a folder with two databases, named so that snapstore locks `cache` first."""
    for name, mode in zip(("main", "cache"), request.param, strict=True):
        with closing(connect(tmp_path / f"{name}.db")) as connection:
            connection.execute(f"PRAGMA journal_mode = {mode}")
            connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
            connection.execute("INSERT INTO t VALUES (1, 0)")
    databases = {"a_cache": "cache.db", "b_main": "main.db"}
    (tmp_path / "snapstore.yaml").write_text(f"store: store\ndatabases: {json.dumps(databases)}\ntimeout: {SECONDS}\n")
    return tmp_path


@pytest.fixture
def session(folder: Path) -> Iterator[Session]:
    with Session(cwd=folder, env=ENVIRONMENT) as session:
        session.tag("baseline")
        yield session


def write(connection: Any, value: int) -> None:
    connection.execute(f"INSERT OR REPLACE INTO t VALUES (1, {value})")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("held", ["main", "cache"])
def test_nobody_waits_until_the_deadline(folder: Path, session: Session, verb: str, held: str) -> None:
    wanted = "cache" if held == "main" else "main"
    with (
        closing(connect(folder / f"{held}.db")) as first,
        closing(connect(folder / f"{wanted}.db")) as second,
    ):
        second.execute(f"PRAGMA busy_timeout = {SECONDS * 1000 / 4:.0f}")
        for number in range(1, ROUNDS + 1):
            if verb == "undo":
                write(first, number)
                session.restore("baseline")
            if verb == "end_test":
                session.begin_suite("suite", quiet=0.0)
                session.begin_test("test")
            first.execute("BEGIN IMMEDIATE")
            write(first, number)
            done: list[object] = []
            thread = threading.Thread(target=lambda found=done: found.append(_outcome(session, verb)))
            thread.start()
            thread.join(0.1 * number)  # it waits for one of them now, and must not hold the other for good
            write(second, number)
            first.execute("COMMIT")
            thread.join()
            assert done == [None]
            if verb == "end_test":
                session.end_suite()


def _outcome(session: Session, verb: str) -> object:
    try:
        VERBS[verb](session)
    except Exception as error:  # noqa: BLE001 - the test shows whatever it is
        return error
    return None
