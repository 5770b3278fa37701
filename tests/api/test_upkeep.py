"""A prune that starts by itself: from `Snapstore` and from `Session`, at the end of a suite and never inside one."""

from __future__ import annotations

import fcntl
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from tests.support import ENVIRONMENT, connect, make_database

CONFIGURATION = """\
database: db.sqlite3
store: store
prune: {keep_last: 2, grace: 0, auto: {snapshots: 4}}
run: {quiet: 0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture(params=[Snapstore, Session])
def snap(request: pytest.FixtureRequest, folder: Path) -> Snapstore | Session:
    opened: Snapstore | Session = request.param(folder / "snapstore.yaml", cwd=folder, env=ENVIRONMENT)
    request.addfinalizer(opened.close)
    return opened


def tag(snap: Snapstore | Session, folder: Path, times: int) -> None:
    for _ in range(times):
        with closing(connect(folder / "db.sqlite3")) as connection:
            connection.execute("UPDATE item SET body = hex(randomblob(9)) WHERE id = 1")
        snap.tag("x")


def wait_for_the_prune(folder: Path) -> None:
    """Wait until the process that was started has released the lock that it was given."""
    with open(folder / "store" / "locks" / "prune", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_tag_starts_a_prune_that_is_due(snap: Snapstore | Session, folder: Path) -> None:
    tag(snap, folder, 3)
    assert not (folder / "store" / "locks" / "prune").exists()
    tag(snap, folder, 1)
    wait_for_the_prune(folder)
    assert len(snap.log(everything=True)) == 2


def test_a_suite_starts_it_at_its_end(snap: Snapstore | Session, folder: Path) -> None:
    snap.begin_suite("suite", keep_backup=True)
    tag(snap, folder, 4)
    assert not (folder / "store" / "locks" / "prune").exists()
    snap.end_suite(0)
    wait_for_the_prune(folder)
    assert len(snap.log(everything=True)) < 5


def test_none_starts_inside_the_suite_of_another_process(folder: Path) -> None:
    with Snapstore(folder / "snapstore.yaml", env={**ENVIRONMENT, "SNAPSTORE_SUITE": "npm test"}) as snap:
        tag(snap, folder, 5)
    assert not (folder / "store" / "locks" / "prune").exists()


@pytest.mark.parametrize("name", ["snapstore", "yaml", "signal"])
def test_it_imports_nothing_from_the_folder_it_runs_in(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\nraise SystemExit('planted')\n")
    with Snapstore(folder / "snapstore.yaml", env=ENVIRONMENT) as snap:
        tag(snap, folder, 4)
        wait_for_the_prune(folder)
        assert len(snap.log(everything=True)) == 2
    assert not (folder / "ran").exists()
