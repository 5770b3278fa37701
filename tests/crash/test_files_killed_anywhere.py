"""SIGKILL after each durable step with files beside the database: all old or all new, of both, at the next command."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from snapstore import files
from tests import starts
from tests.contents import execute
from tests.support import ENVIRONMENT, dbhash, is_intact, run
from tests.trees.mtree import Grove, Line
from tests.trees.site import Site

State = tuple[str, dict[str, dict[bytes, Line]]]
NOT_ALWAYS = ("catalog-written", "catalog-committed")
"""Whether the stat cache is written, in a transaction of its own, depends on how old the files are by then."""


class Scene:
    """A site with the snapshots `first` and `second`, and changes since, to begin again from."""

    def __init__(self, folder: Path, prepare: Callable[[Scene], None]) -> None:
        folder.mkdir()
        self.site = Site(folder)
        self.site.settings.write_text('{"a": 1}')
        self.grove = Grove(self.site.media / "grove", seed=3)
        self.grove.grow(12)
        self.site.upload("always.txt", "always")
        self.site.snap.tag("first")
        self.grove.change(8)
        self.site.upload("second.txt", "second")
        self.site.snap.tag("second")
        self.grove.change(8)
        self.site.write("always.txt", "changed")
        self.site.settings.unlink()
        self.site.upload("third/new.txt", "third")
        prepare(self)
        self.site.snap.close()
        self._copy = folder.with_name("copy")
        shutil.copytree(folder, self._copy, symlinks=True)
        self.begin_again()

    def begin_again(self) -> None:
        self.site.snap.close()
        shutil.rmtree(self.site.folder)
        shutil.copytree(self._copy, self.site.folder, symlinks=True)
        self.site.configure()

    def state(self) -> State:
        return dbhash(self.site.database), self.site.state()

    def run(self, step: str, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.site.snap.close()
        environment = {**ENVIRONMENT, "XDG_CONFIG_HOME": os.fspath(self.site.folder)}
        return starts.run("tests.crash.killed", [step, str(number), *arguments], self.site.folder, environment)


def as_it_is(scene: Scene) -> None:
    """Change nothing."""


def restored(scene: Scene) -> None:
    scene.site.snap.restore("first")
    scene.grove.change(4)


def files_alone(scene: Scene) -> None:
    """Have a database that is right already."""
    execute(scene.site.database, "DELETE FROM upload WHERE name = 'third/new.txt'")


VERBS: dict[str, tuple[tuple[str, ...], Callable[[Scene], None]]] = {
    "tag": (("tag", "new"), as_it_is),
    "restore": (("restore", "first"), as_it_is),
    "restore-files-alone": (("restore", "second"), files_alone),
    "undo": (("undo",), restored),
    "clean": (("clean", "first"), as_it_is),
    "reset": (("reset",), as_it_is),
}


@pytest.mark.parametrize("verb", VERBS)
def test_killed_after_each_durable_step(tmp_path: Path, verb: str) -> None:
    arguments, prepare = VERBS[verb]
    scene = Scene(tmp_path / "scene", prepare)
    before = scene.state()
    undisturbed = scene.run("none", 0, *arguments)
    assert undisturbed.returncode == 0, undisturbed.stderr
    after = scene.state()
    steps = re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE)
    assert verb == "tag" or {"files-staged", "files-moved", "file-moved"} <= set(steps)
    occurrence: Counter[str] = Counter()
    for step in steps:
        occurrence[step] += 1
        scene.begin_again()
        killed = scene.run(step, occurrence[step], *arguments)
        if step in NOT_ALWAYS and killed.returncode == 0:
            assert scene.state() == after
            continue
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
        check(scene, before, after, f"{step} {occurrence[step]}")


def check(scene: Scene, before: State, after: State, step: str) -> None:
    """The next command finds all old or all new, and says which; undo goes back from there; nothing is left behind."""
    site = scene.site
    site.configure()
    settled = site.snap.status().settled
    found = scene.state()
    assert found in (before, after), f"neither old nor new after {step}"
    assert is_intact(site.database), step
    if settled and found == after != before:
        assert site.snap.status().state_ok, step
        site.snap.undo()
        assert scene.state() == before, step
    for name in ("second", "first"):
        site.snap.restore(name)
        assert site.snap.verify(name).verdict == "clean", step
    assert site.snap.fsck().ok, step
    assert site.temporaries() == [], step


def test_one_process_at_a_time_settles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path / "scene", as_it_is)
    assert scene.run("file-moved", 1, "restore", "first").returncode == -signal.SIGKILL
    site, steps = scene.site, []

    def on_step(step: str) -> None:
        steps.append(step)
        if step == "files-staged" and steps.count(step) == 1:
            refused = run(["status", "--timeout", "0.1"], site.folder, 11)
            assert "timed out waiting for a lock" in refused.stderr

    site.configure()
    monkeypatch.setattr(files, "on_step", on_step)
    assert site.snap.status().settled
    assert "files-staged" in steps
    assert run(["verify", "first"], site.folder).returncode == 0
