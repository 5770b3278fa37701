"""A verb that fails before anything is recorded leaves no store, and no empty folder."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.errors import SnapError
from tests.api.folders import Single
from tests.support import ENVIRONMENT, Application, make_database


def missing(_database: Path) -> None:
    pass


def no_database(database: Path) -> None:
    database.write_bytes(b"plain text, and long enough for a header" * 90)


def corrupt(database: Path) -> None:
    make_database(database)
    with database.open("r+b") as file:
        file.seek(100)
        file.write(bytes(300))


def folder(database: Path) -> None:
    database.mkdir()


VERBS: dict[str, Callable[[Single], object]] = {
    "tag": lambda snap: snap.tag("baseline"),
    "backup": lambda snap: snap.backup(),
    "import": lambda snap: snap.import_(snap.database, name="baseline"),
    "begin_suite": lambda snap: snap.begin_suite("suite"),
}


@pytest.mark.parametrize("make", [missing, no_database, corrupt, folder])
@pytest.mark.parametrize("verb", VERBS)
def test_a_database_that_cannot_be_taken(tmp_path: Path, verb: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / "db.sqlite3")
    before = sorted(tmp_path.rglob("*"))
    with Single(tmp_path, store=tmp_path / "deep" / "down" / "store") as snap:
        for _ in range(2):
            with pytest.raises(SnapError):
                VERBS[verb](snap)
            assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["HEAD", "-x", "a b", "x" * 300])
def test_a_bad_name(tmp_path: Path, name: str) -> None:
    make_database(tmp_path / "db.sqlite3")
    with Single(tmp_path) as snap, pytest.raises(SnapError):
        snap.tag(name)
    assert os.listdir(tmp_path) == ["db.sqlite3"]


def test_a_locked_database(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite3")
    with Application(database) as application, Single(tmp_path) as snap:
        application.ask("BEGIN EXCLUSIVE")
        with pytest.raises(SnapError):
            snap.tag("baseline", timeout=0)
        application.ask("ROLLBACK")
        assert sorted(os.listdir(tmp_path)) == ["db.sqlite3"]
        assert snap.tag("baseline").snapshot


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with Single(tmp_path) as snap, pytest.raises(SnapError):
        snap.tag("baseline")
    assert os.listdir(tmp_path / "store") == []


def test_a_store_in_which_something_was_recorded_stays(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3")
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        with pytest.raises(SnapError):
            snap.tag("HEAD")
        assert [tag.names for tag in snap.tags()] == [("baseline",)]


INTERRUPTED = """
import os, signal, sys
from snapstore.database.view import View
def scan(*_):
    os.kill(os.getpid(), signal.SIGINT)
View.scan = scan
from snapstore.start import main
main()
"""


def test_an_interrupt(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite3")
    places = ["--db", os.fspath(database), "--store", os.fspath(tmp_path / "deep" / "store")]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *places, "tag", "baseline"],
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert os.listdir(tmp_path) == ["db.sqlite3"]


def test_others_that_create_the_store_meanwhile_keep_it(tmp_path: Path) -> None:
    """One command fails again and again, others tag: none of them loses its store under its hands."""
    for number in range(6):
        make_database(tmp_path / f"{number}.sqlite3", rows=5)
    store = tmp_path / "store"

    def tag(number: int) -> None:
        with Single(tmp_path, tmp_path / f"{number}.sqlite3", store) as snap:
            snap.tag(f"t{number}")

    def fail(_: int) -> None:
        with Single(tmp_path, tmp_path / "missing.sqlite3", store) as snap, pytest.raises(SnapError):
            snap.tag("never")

    for _ in range(5):
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda at: (tag if at % 2 else fail)(at // 2), range(12)))
        with Single(tmp_path, tmp_path / "0.sqlite3", store) as snap:
            assert len(snap.tags()) == 6
            assert snap.fsck().ok
        with closing(sqlite3.connect(store / "catalog.db")) as catalog:
            assert catalog.execute("SELECT count(*) FROM snapshot").fetchone()[0] >= 6
        for path in sorted(store.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        store.rmdir()
