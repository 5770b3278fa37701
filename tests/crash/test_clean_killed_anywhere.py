"""SIGKILL after each durable step of `clean`: the old rows or the cleaned ones, and nothing lost."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.clean import CleanOptions, clean
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.undo import undo
from snapstore.project import Project
from snapstore.store import Store
from tests.contents import Contents, contents
from tests.crash.test_killed_anywhere import Scene
from tests.support import add_rows, connect, is_intact

LEAKS = (
    "INSERT INTO note SELECT id, 'left behind' FROM item WHERE id % 30 = 0",
    "DELETE FROM note WHERE item % 70 = 0 AND text <> 'left behind'",
    "DELETE FROM item WHERE id % 110 = 0",
    "UPDATE item SET name = name || '!', body = body || 'x' WHERE id % 130 = 0",
)


def few_rows(scene: Scene) -> None:
    """Leave a few rows behind, and a sequence that moved."""
    scene.snap("tag", "base")
    with closing(connect(scene.path)) as connection:
        connection.execute("INSERT INTO item(name) VALUES ('left'), ('behind')")
        connection.execute("UPDATE item SET name = 'changed' WHERE id = 3")


def many_rows(scene: Scene) -> None:
    """Change many pages, after a clean and its undo."""
    few_rows(scene)
    scene.snap("clean", "base")
    scene.snap("undo")
    with closing(connect(scene.path)) as connection:
        for statement in LEAKS:
            connection.execute(statement)
        add_rows(connection, 150, seed=5)


@pytest.mark.parametrize(("prepare", "journal_mode"), [(few_rows, "delete"), (few_rows, "wal"), (many_rows, "wal")])
def test_killed_after_each_durable_step_of_a_clean(
    tmp_path: Path, prepare: Callable[[Scene], None], journal_mode: str
) -> None:
    scene = Scene(tmp_path, journal_mode, prepare)
    before, kept = contents(scene.path), snapshots(scene)
    undisturbed = scene.run("none", 0, "clean", "base")
    assert undisturbed.returncode == 0, undisturbed.stderr
    cleaned = contents(scene.path)
    assert cleaned == next(iter(kept.values())) != before
    steps = re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE)
    assert {"rows-written", "live-committed"} <= set(steps)
    occurrence: Counter[str] = Counter()
    for step in steps:
        occurrence[step] += 1
        scene.begin_again()
        killed = scene.run(step, occurrence[step], "clean", "base")
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
        found = contents(scene.path)
        assert found in (before, cleaned), f"neither old nor cleaned after {step}"
        assert is_intact(scene.path), step
        check_books(scene, kept, step, before, arrived=found == cleaned)


def snapshots(scene: Scene) -> dict[str, Contents]:
    """Return the contents of every snapshot, the newest first, and begin again."""
    found = {}
    project = Project.of({"default": scene.path})
    with Store.open(scene.snap.store) as store:
        for row in store.snapshots.all():
            restore(store, project, RestoreOptions(row.id))
            found[row.id] = contents(scene.path)
        base = store.revisions(project.origin).resolve("base")
    scene.begin_again()
    return {base: found.pop(base), **found}


def check_books(scene: Scene, kept: dict[str, Contents], step: str, before: Contents, *, arrived: bool) -> None:
    """The store opens; undo works where the clean arrived; the next clean does; every earlier snapshot restores."""
    project = Project.of({"default": scene.path})
    with Store.open(scene.snap.store) as store:
        assert store.catalog.rows("PRAGMA integrity_check") == [("ok",)]
        if arrived:
            assert undo(store, project).changed, step
            assert contents(scene.path) == before, step
        base = next(iter(kept))
        assert clean(store, project, CleanOptions(base)).changed, step
        assert contents(scene.path) == kept[base], step
        assert undo(store, project).changed, step
        assert contents(scene.path) == before, step
        for id_, state in kept.items():
            restore(store, project, RestoreOptions(id_, safety=False))
            assert contents(scene.path) == state, step
        assert status(store, project).verdict == "clean"
    assert is_intact(scene.path), step
