"""SIGKILL after each durable step of a push and a pull: all of it or nothing, and the next one goes on from there."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.leftovers import is_temporary
from snapstore.objects.pack import PackReader
from tests.remotes.machines import Machine, Truth, make_remote, remote_state, run, started

ROWS = 1300
PUSH = {"revs": ["baseline", "second"]}
PULL = {"tags": ["baseline", "second"]}


class Scene:
    """Two machines and a remote; the first has two tags. `begin_again` makes all as it was at `keep`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._copy = folder / "scene", folder / "copy"
        self.remote = make_remote(self.folder / "remote")
        self.one = Machine(self.folder / "one", self.remote)
        self.other = Machine(self.folder / "other", self.remote)
        self.one.fill(ROWS)
        self.other.fill(10, seed=3)
        self.truths = dict([self.one.tag("baseline")])
        self.one.change()
        self.truths |= [self.one.tag("second")]
        self.names = self.one.tags()
        self.other.tag("local")
        self.close()

    def close(self) -> None:
        for machine in (self.one, self.other):
            machine.snap.close()

    def keep(self) -> None:
        self.close()
        shutil.copytree(self.folder, self._copy)

    def begin_again(self) -> None:
        self.close()
        shutil.rmtree(self.folder)
        shutil.copytree(self._copy, self.folder)

    def files(self) -> dict[str, int]:
        """Return the objects of the remote, and their bytes."""
        found = (path for path in self.remote.rglob("*") if path.is_file() and not is_temporary(path.name))
        return {str(path.relative_to(self.remote)): path.stat().st_size for path in found}

    def temporaries(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if is_temporary(path.name)]

    def truth_of(self, name: str, number: object) -> Truth:
        return self.other.exported(name, self.folder.parent / f"out-{number}-{name}")


def steps_of(machine: Machine, verb: str, options: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    """Run a verb undisturbed; yield its steps, with the number of the first and of the last occurrence."""
    done = started(machine, verb, options, "none", "0")
    _, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors
    occurrence = Counter(re.findall(r"^step (.+)$", errors, re.MULTILINE))
    for step, last in occurrence.items():
        yield from ((step, number) for number in sorted({1, last}))


def killed(machine: Machine, verb: str, options: Mapping[str, object], step: str, number: int) -> None:
    process = started(machine, verb, options, step, str(number))
    out, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, (step, out, errors)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def test_a_push_killed_after_each_step(scene: Scene) -> None:
    scene.keep()
    steps = list(steps_of(scene.one, "push", PUSH))
    whole = {name for name in scene.files() if name.startswith(("packs", "index"))}
    assert len(whole) > 3
    assert {step for step, _ in steps} >= {"remote-object-written", "remote-object-linked", "push-committed"}
    for step, number in steps:
        scene.begin_again()
        killed(scene.one, "push", PUSH, step, number)
        before = scene.files()
        state = remote_state(scene.remote)
        assert {name: ref.snapshot for name, ref in state.refs.items()} in ({}, scene.names), step
        check_packs(scene.remote)
        for path in scene.temporaries():
            os.utime(path, (0, 0))
        again = run(scene.one, "push", PUSH)
        after = scene.files()
        assert {name for name in after if name.startswith(("packs", "index"))} == whole, "other packs were made"
        sent = sum(size for name, size in after.items() if name not in before)
        resent = sum(size for name, size in before.items() if name.startswith("index")) if not state.n else 0
        assert again["bytes"] == sent + resent, (step, number, again)
        assert again["up_to_date"] == bool(state.n)
        assert scene.temporaries() == [], step
        assert {name: ref.snapshot for name, ref in remote_state(scene.remote).refs.items()} == scene.names
        assert scene.one.snap.fsck().ok, step
    scene.other.snap.pull(everything=True)
    assert {scene.names[name]: scene.truth_of(name, 0) for name in scene.names} == scene.truths


def check_packs(remote: Path) -> None:
    """What has the name of a pack is that pack, whole."""
    for path in remote.glob("packs/*.pack"):
        with closing(PackReader(str(path))) as reader:
            reader.check()


def test_a_pull_killed_after_each_step(scene: Scene) -> None:
    run(scene.one, "push", PUSH)
    scene.keep()
    packs = {name: size for name, size in scene.files().items() if name.startswith("packs")}
    local = scene.other.tags()
    steps = list(steps_of(scene.other, "pull", PULL))
    wanted = {"pack-downloaded", "pull-downloaded", "pack-adopted", "catalog-committed"}
    assert wanted <= {step for step, _ in steps}
    for step, number in steps:
        scene.begin_again()
        killed(scene.other, "pull", PULL, step, number)
        here = {path.name: path.stat().st_size for path in scene.other.store_folder.rglob("*.pack")}
        assert scene.other.tags() in (local, local | scene.names), step
        assert scene.other.snap.fsck().ok, step
        scene.other.snap.close()
        again = run(scene.other, "pull", PULL)
        missing = sum(size for name, size in packs.items() if Path(name).name not in here)
        others = sum(size for name, size in scene.files().items() if not name.startswith("packs"))
        assert missing <= again["bytes"] <= missing + others, (step, number, again, here)
        assert scene.other.tags() == local | scene.names
        assert scene.temporaries() == [], step
        assert list(scene.other.store_folder.glob("remotes/*/incoming/*")) == [], step
        assert {scene.names[name]: scene.truth_of(name, f"{step}-{number}") for name in scene.names} == scene.truths
        scene.other.demand_sound()
