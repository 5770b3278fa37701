"""SIGKILL after each durable step of a rebuild and of healing: the old catalog or the new one, and nothing lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from snapstore.actions.rebuild import rebuild
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.project import Project
from snapstore.store import Store
from tests.crash.test_killed_anywhere import Scene, as_it_is
from tests.support import dbhash


def lost(scene: Scene) -> None:
    for path in scene.snap.store.glob("catalog.db*"):
        path.unlink()


def zeroed(scene: Scene) -> None:
    path = scene.snap.store / "catalog.db"
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def everything_odd(scene: Scene) -> None:
    """Lose the format file, a line of the reflog and the names of the packs."""
    (scene.snap.store / "format").unlink()
    reflog = scene.snap.store / "reflog"
    reflog.write_bytes(reflog.read_bytes().replace(b'"first"', b'"fir5t"', 1))
    packs = sorted((scene.snap.store / "packs").glob("*.pack"))
    one, two = packs[0].read_bytes(), packs[1].read_bytes()
    packs[0].write_bytes(two)
    packs[1].write_bytes(one)


def with_a_dead_pack(scene: Scene) -> None:
    """Damage the pack that the live state, tagged again, depends on."""
    scene.snap("tag", "last")
    scene.hashes[scene.snap.json("show", "last")["snapshot"]] = dbhash(scene.path)
    pack = max((scene.snap.store / "packs").glob("*.pack"), key=os.path.getmtime)
    data = bytearray(pack.read_bytes())
    data[70] ^= 1
    pack.write_bytes(data)


PREPARED = [lost, zeroed, as_it_is, everything_odd]


@pytest.mark.parametrize("prepare", PREPARED, ids=lambda one: one.__name__)
def test_killed_after_each_durable_step_of_a_rebuild(tmp_path: Path, prepare: Callable[[Scene], None]) -> None:
    scene = Scene(tmp_path, "wal", as_it_is)
    books = read_books(scene)
    prepare(scene)
    shutil.rmtree(scene._copy)
    shutil.copytree(scene.folder, scene._copy)
    for step, number in steps_of(scene, "fsck", "--rebuild"):
        scene.begin_again()
        killed = scene.run(step, number, "fsck", "--rebuild")
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
        if prepare is as_it_is:
            assert read_books(scene) == books, f"neither the old catalog nor the new one after {step}"
        rebuild(os.fspath(scene.snap.store))
        assert read_books(scene) == books, step
        check_snapshots(scene, step)


def test_killed_after_each_durable_step_of_healing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "wal", with_a_dead_pack)
    for step, number in steps_of(scene, "fsck", "--heal"):
        scene.begin_again()
        killed = scene.run(step, number, "fsck", "--heal")
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
        scene.snap("fsck", "--heal")
        check_snapshots(scene, step)


def steps_of(scene: Scene, *arguments: str) -> list[tuple[str, int]]:
    """Return the durable steps of an undisturbed run, each with its occurrence."""
    undisturbed = scene.run("none", 0, *arguments)
    assert undisturbed.returncode == 0 or "lost" in undisturbed.stdout, undisturbed.stdout + undisturbed.stderr
    seen: Counter[str] = Counter()
    found = []
    for step in re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE):
        seen[step] += 1
        found.append((step, seen[step]))
    assert found
    return found


def read_books(scene: Scene) -> list[object]:
    return [scene.snap.json(*words) for words in (("log", "--all"), ("tags",), ("reflog",))]


def check_snapshots(scene: Scene, step: str) -> None:
    project = Project.of({"default": scene.path})
    with Store.open(scene.snap.store) as store:
        assert store.catalog.problems() == []
        for id_, wanted in scene.hashes.items():
            restore(store, project, RestoreOptions(id_, safety=False))
            assert scene.state() == wanted, step
