"""`push_states`: the states of failed tests go to a remote at the end of their suite, for somebody's own desk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.api.kept_push import NOT_PUSHED
from snapstore.errors import ConfigurationError
from snapstore.remotes.format import Format
from snapstore.results.commands import changes_command, restore_command
from snapstore.suite.run_names import run_name
from tests.contents import execute
from tests.support import ENVIRONMENT, connect, make_database

LABEL = "checkout pays twice"
CI = {**ENVIRONMENT, "GITHUB_RUN_ID": "4711"}
NAME = "failed/checkout-pays-twice@run-4711"


class Machine:
    """A project with a remote `ci` in a folder; its database is there only if it is the one that seeds it."""

    def __init__(self, folder: Path, remote: Path, *, seeds: bool = True, **settings: object) -> None:
        folder.mkdir()
        self.folder = folder
        self.database = folder / "db.sqlite3"
        run = {"quiet": 0, "push_states": "ci"} if seeds else {}
        remotes = {"ci": {"url": os.fspath(remote), **settings}}
        configuration = {"database": "db.sqlite3", "store": "store", "baseline": "baseline", "remotes": remotes}
        (folder / "snapstore.yaml").write_text(json.dumps({**configuration, "run": run}))
        if seeds:
            make_database(self.database, journal_mode="wal", rows=20)
            with self.snap() as snap:
                snap.tag("baseline")

    def snap(self) -> Snapstore:
        return Snapstore(cwd=self.folder, env=CI)

    def add(self, name: str) -> None:
        execute(self.database, f"INSERT INTO item(name) VALUES ('{name}')")

    def rows(self) -> list[str]:
        with closing(connect(self.database)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM item WHERE id > 20 ORDER BY id")]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "remote"
    folder.mkdir()
    (folder / "format").write_bytes(Format("shop").encode())
    return folder


@pytest.fixture
def ci(tmp_path: Path, remote: Path) -> Machine:
    return Machine(tmp_path / "ci", remote)


def paste(folder: Path, line: str) -> str:
    """Run a line as a shell does that finds `snap`."""
    environment = {**ENVIRONMENT, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", [Snapstore, Session])
def test_a_failing_state_is_restored_and_shown_on_another_machine(
    kind: type[Snapstore | Session], ci: Machine, tmp_path: Path, remote: Path
) -> None:
    with kind(cwd=ci.folder, env=CI) as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        ci.add("broken")
        (kept,) = snap.end_test("failed").kept
        snap.begin_test("passes")
        snap.end_test("passed")
        ended = snap.end_suite()
    assert (kept.remote, kept.remote_name) == ("ci", NAME)
    assert (ended.pushed, ended.warnings) == ((NAME,), ())

    desk = Machine(tmp_path / "desk", remote, seeds=False)
    paste(desk.folder, restore_command(kept))
    assert desk.rows() == ["broken"]
    shown = paste(desk.folder, changes_command(kept) or "")
    assert "broken" in shown
    assert "1 added" in shown


def test_a_name_has_the_newest_state_of_its_run(ci: Machine, tmp_path: Path, remote: Path) -> None:
    with ci.snap() as snap:
        snap.begin_suite("suite")
        for row in ("first", "second"):
            snap.begin_test(LABEL)
            ci.add(row)
            snap.end_test("failed")
        assert snap.end_suite().pushed == (NAME,)
    desk = Machine(tmp_path / "desk", remote, seeds=False)
    with desk.snap() as snap:
        snap.restore(NAME)
    assert desk.rows() == ["second"]


def test_runs_do_not_meet(ci: Machine) -> None:
    for number in ("1", "2"):
        with Snapstore(cwd=ci.folder, env={**ENVIRONMENT, "CI_PIPELINE_ID": number}) as snap:
            snap.begin_suite("suite")
            snap.begin_test(LABEL)
            ci.add(number)
            snap.end_test("failed")
            snap.end_suite()
    with ci.snap() as snap:
        snap.fetch()
        names = [tag.name for tag in snap.remote_tags().tags]
    assert names == [f"failed/checkout-pays-twice@run-{n}{began}" for n in (1, 2) for began in ("", ".began")]


def test_a_remote_that_is_gone_fails_no_suite(ci: Machine, remote: Path) -> None:
    with ci.snap() as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        ci.add("broken")
        (kept,) = snap.end_test("failed").kept
        remote.rename(remote.with_name("elsewhere"))
        ended = snap.end_suite()
        assert snap.restore(kept.name).changed
    assert ended.pushed == ()
    (warning,) = ended.warnings
    assert warning.startswith(f"{NOT_PUSHED} to 'ci': ")
    assert ci.rows() == ["broken"]


def test_nothing_is_pushed_where_nothing_failed(ci: Machine, remote: Path) -> None:
    with ci.snap() as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        snap.end_test("passed")
        assert snap.end_suite().pushed == ()
    assert [path.name for path in remote.iterdir()] == ["format"]


def test_a_remote_that_is_not_configured_is_refused(tmp_path: Path, remote: Path) -> None:
    machine = Machine(tmp_path / "ci", remote)
    path = machine.folder / "snapstore.yaml"
    path.write_text(path.read_text().replace('"push_states": "ci"', '"push_states": "nowhere"'))
    with pytest.raises(ConfigurationError, match="names no remote: 'nowhere'"), machine.snap() as snap:
        snap.status()


@pytest.mark.parametrize(
    ("environment", "run", "expected"),
    [
        ({"GITHUB_RUN_ID": "12", "GITHUB_RUN_ATTEMPT": "1"}, None, "run-12"),
        ({"GITHUB_RUN_ID": "12", "GITHUB_RUN_ATTEMPT": "3"}, None, "run-12-3"),
        ({"BUILD_NUMBER": "$(reboot) ../7"}, None, "run-reboot-7"),
        ({"SNAPSTORE_RUN": "run-nightly", "GITHUB_RUN_ID": "12"}, None, "run-nightly"),
        ({}, "playwright 9f3a", "run-playwright-9f3a"),
    ],
)
def test_what_a_run_is_called(environment: dict[str, str], run: str | None, expected: str) -> None:
    assert run_name(environment, run) == expected


def test_a_run_without_a_name_is_called_by_the_time() -> None:
    assert run_name({"BUILD_NUMBER": "???"}, None).startswith("run-20")
