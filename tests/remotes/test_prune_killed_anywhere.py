"""SIGKILL after each durable step of a prune of a remote: it stays sound, loses nothing, and the next prune ends it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.remotes.collection import MANY_SMALL
from tests import starts
from tests.remotes.killed import RULES
from tests.remotes.scene import DAY, Machine, found, let_pass, objects_of
from tests.support import ENVIRONMENT

STEPS = {
    "now": {"remote-tags-removed", "remote-repacked", "remote-condemned", "remote-dropped", "remote-swept"},
    "grace": {"remote-time-asked", "remote-dropped", "remote-swept", "remote-checkpoint"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a remote of many small packs, and a machine that prunes it."""
    place = tmp_path_factory.mktemp("place")
    with closing(Machine(place / "pusher", found(place / "remote"), rows=200)) as machine:
        machine.tag("baseline")
        machine.push("baseline")
        for number in range(MANY_SMALL):
            machine.change(f"{number:08}", 50 + number)
            machine.tag(f"run-{number}")
            machine.push(f"run-{number}")
    Machine(place / "machine", place / "remote", rows=10).close()
    (place / "remote" / "packs" / ("cd" * 32 + ".pack")).write_bytes(b"of a push that was killed")
    return place


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Iterator[Path]:
    """Return where copies of that folder may be made."""
    yield tmp_path / "place"
    shutil.rmtree(tmp_path / "place", ignore_errors=True)


def begin_again(place: Path, copy: Path, how: str) -> None:
    """Copy everything; for `grace`, prune twice, the first time long ago."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(place, copy)
    if how == "grace":
        with closing(Machine(copy / "machine", copy / "remote")) as machine:
            machine.prune(RULES)
        let_pass(copy / "remote", 15 * DAY)


def prune(copy: Path, step: str, number: int, how: str) -> subprocess.CompletedProcess[str]:
    """Prune in a process that may be killed."""
    arguments = [str(copy / "machine"), str(copy / "remote"), step, str(number), how]
    return starts.run("tests.remotes.killed", arguments, starts.ROOT, ENVIRONMENT)


def check(copy: Path, step: str) -> set[str]:
    """Check that the remote is sound and has what the rules keep; return its tags."""
    with closing(Machine(copy / "other", copy / "remote", rows=10)) as other:
        checked = other.check()
        assert checked.ok, (step, checked.damaged)
        with other.log() as log:
            tags = set(log.read().refs)  # a full check has decoded all that they need
        assert tags >= {"baseline", *(f"run-{number}" for number in range(MANY_SMALL - 3, MANY_SMALL))}, step
    return tags


@pytest.mark.parametrize("how", STEPS)
def test_killed_after_each_durable_step(place: Path, copy: Path, how: str) -> None:
    begin_again(place, copy, how)
    undisturbed = prune(copy, "none", 1, how)
    assert undisturbed.returncode == 0, undisturbed.stderr
    kept, left = check(copy, "none"), objects_of(copy / "remote", "packs")
    steps = Counter(re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE))
    assert steps.keys() >= STEPS[how]
    for step, count in steps.items():
        begin_again(place, copy, how)
        killed = prune(copy, step, max(1, count // 2), how)
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
        check(copy, step)
        again = prune(copy, "none", 1, how)
        assert again.returncode == 0, (step, again.stderr)
        assert check(copy, step) == kept
        if how == "now":
            assert len(objects_of(copy / "remote", "packs")) == len(left), step
