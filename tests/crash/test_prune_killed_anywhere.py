"""SIGKILL after each durable step of a prune: every snapshot that there is stays whole, and the next prune ends it."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.listing import list_snapshots
from snapstore.actions.take import TakeOptions, take
from snapstore.ids import ID_BYTES, object_id
from snapstore.project import Project
from snapstore.store import Store
from tests.crash.test_killed_anywhere import Scene
from tests.support import connect, lost_packs

TAKES = 34
PRUNES = {
    "frees-at-once": ("prune", "--keep-last", "6", "--now", "-y"),
    "with-a-grace": ("prune", "--keep-last", "6", "-y"),
    "merges": ("prune", "--keep-last", "100", "-y"),
    "with-tags": ("prune", "--keep-last", "2", "--tags", "--now", "-y"),
}


def many_snapshots(scene: Scene) -> None:
    """Take many, so that there are packs to merge; and leave files behind as a kill does."""
    project = Project.of({"default": scene.path})
    with Store.open(scene.snap.store) as store:
        for number in range(TAKES):
            with closing(connect(scene.path)) as connection:
                connection.execute("UPDATE item SET body = body || ? WHERE id % 40 = ?", (str(number), number))
            scene.hashes[take(store, project, TakeOptions("moving")).snapshot] = ""
    (scene.snap.store / "packs" / ("cd" * 32 + ".pack")).write_bytes(b"of a take that was killed")
    (scene.snap.store / "packs" / ".new.pack.7-00000007.snap-tmp").write_bytes(b"half of one")


@pytest.mark.parametrize("how", PRUNES)
def test_killed_after_each_durable_step_of_a_prune(tmp_path: Path, how: str) -> None:
    scene = Scene(tmp_path, "wal", many_snapshots)
    undisturbed = scene.run("none", 0, *PRUNES[how])
    assert undisturbed.returncode == 0, undisturbed.stderr
    left = check_books(scene, "none")
    steps = Counter(re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE))
    assert {"catalog-committed", "orphan-removed"} <= set(steps)
    assert how == "merges" or "reflog-written" in steps
    assert how == "with-a-grace" or {"pack-renamed", "objects-moved", "pack-removed"} <= set(steps)
    assert how not in ("frees-at-once", "with-tags") or "objects-freed" in steps
    for step, count in steps.items():
        for number in sorted({1, count}):
            scene.begin_again()
            killed = scene.run(step, number, *PRUNES[how])
            assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
            check_books(scene, step)
            again = scene.run("none", 0, *PRUNES[how])
            assert again.returncode == 0, (step, again.stderr)
            assert check_books(scene, step) == left, step
            check_nothing_is_left_over(scene)


def check_books(scene: Scene, step: str) -> dict[str, bool]:
    """Read every snapshot that there is; return which are forgotten."""
    with Store.open(scene.snap.store) as store:
        assert store.catalog.rows("PRAGMA integrity_check") == [("ok",)]
        found = {one.snapshot: one.forgotten for one in list_snapshots(store, everything=True)}
        assert set(found) <= set(scene.hashes)
        for snapshot in found:
            manifest = store.snapshots.manifest(store.snapshots.load(snapshot).databases["default"].manifest)
            ids = [manifest.block_ids[at : at + ID_BYTES] for at in range(0, len(manifest.block_ids), ID_BYTES)]
            assert [object_id(block) for block in store.objects.read_many(ids)] == ids, step
    return found


def check_nothing_is_left_over(scene: Scene) -> None:
    with Store.open(scene.snap.store) as store:
        names = {f"{name}.pack" for (name,) in store.catalog.rows("SELECT name FROM pack")}
        assert names == set(os.listdir(store.objects.folder))
        assert lost_packs(store) == []
