"""SIGKILL after each durable step of each verb that writes: old state or new state, and nothing lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.undo import undo
from snapstore.project import Project
from snapstore.store import Store
from tests import starts
from tests.support import ENVIRONMENT, Snap, add_rows, change_page_size, connect, dbhash, is_intact, make_database

KEPT = ("first", "second", "third")


class Scene:
    """A store with three snapshots, a live database changed since, and a copy of all to begin again from."""

    def __init__(self, folder: Path, journal_mode: str, prepare: Callable[[Scene], None]) -> None:
        self.folder, self._copy = folder / "scene", folder / "copy"
        self.folder.mkdir()
        self.path = make_database(self.folder / "db.sqlite3", journal_mode=journal_mode, rows=1500)
        make_database(self.folder / "other.sqlite3", rows=77)
        self.snap = Snap(self.folder)
        self.hashes: dict[str, str] = {}
        for name in KEPT:
            self.change(name)
            self.hashes[self.snap.json("tag", name)["snapshot"]] = dbhash(self.path)
        self.change("live")
        prepare(self)
        shutil.copytree(self.folder, self._copy)

    def begin_again(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self._copy, self.folder)

    def change(self, what: str) -> None:
        with closing(connect(self.path)) as connection:
            connection.execute(f"CREATE TABLE of_{what} AS SELECT * FROM item LIMIT 50")
            add_rows(connection, 40, seed=len(what))

    def run(self, step: str, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb that is killed after the given occurrence of a step."""
        places = ["--db", os.fspath(self.path), "--store", os.fspath(self.snap.store)]
        return starts.run("tests.crash.killed", [step, str(number), *arguments, *places], starts.ROOT, ENVIRONMENT)

    def state(self) -> str:
        try:
            return dbhash(self.path)
        except ValueError:
            return "damaged"


def as_it_is(scene: Scene) -> None:
    """Change nothing."""


def no_store(scene: Scene) -> None:
    shutil.rmtree(scene.snap.store)
    scene.hashes.clear()


def restored_before(scene: Scene) -> None:
    scene.snap("restore", "second")
    scene.change("later")


def grown_a_lot(scene: Scene) -> None:
    with closing(connect(scene.path)) as connection:
        add_rows(connection, 6000, seed=9)


def other_page_size(scene: Scene) -> None:
    change_page_size(scene.path, 8192)


def damaged(scene: Scene) -> None:
    scene.path.write_bytes(b"not a database" * 1000)


VERBS: dict[str, tuple[tuple[str, ...], Callable[[Scene], None]]] = {
    "first-tag": (("tag", "new"), no_store),
    "tag": (("tag", "new"), as_it_is),
    "tag-moves": (("tag", "second"), as_it_is),
    "restore": (("restore", "first"), as_it_is),
    "restore-spills": (("restore", "first"), grown_a_lot),
    "restore-replaces": (("restore", "first"), other_page_size),
    "reset-damaged": (("reset",), damaged),
    "undo": (("undo",), restored_before),
    "rm": (("rm", "second"), as_it_is),
    "rm-snapshot": (("rm", "second@{0}", "first", "--force"), as_it_is),
    "rename": (("rename", "second", "deuxième"), as_it_is),
    "import": (("import", "{folder}/other.sqlite3", "--tag", "other"), as_it_is),
}


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("verb", VERBS)
def test_killed_after_each_durable_step(tmp_path: Path, verb: str, journal_mode: str) -> None:
    words, prepare = VERBS[verb]
    scene = Scene(tmp_path, journal_mode, prepare)
    arguments = [word.format(folder=scene.folder) if "{folder}" in word else word for word in words]
    before = scene.state()
    undisturbed = scene.run("none", 0, *arguments)
    assert undisturbed.returncode == 0, undisturbed.stderr
    after = scene.state()
    steps = re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE)
    assert steps
    occurrence: Counter[str] = Counter()
    for step in steps:
        occurrence[step] += 1
        scene.begin_again()
        killed = scene.run(step, occurrence[step], *arguments)
        assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
        found = scene.state()
        assert found in (before, after), f"neither old nor new after {step}"
        assert found == "damaged" or is_intact(scene.path), step
        check_undo(scene, verb, step, changed=found == after != before)
        check_next_command(scene, verb, arguments, step)
        check_history(scene, verb, step)


def check_undo(scene: Scene, verb: str, step: str, *, changed: bool) -> None:
    """Where the live database was changed before the kill, the books say so at the next command."""
    if not changed or verb not in ("restore", "restore-spills", "undo"):
        return
    live = scene.state()
    with Store.open(scene.snap.store) as store:
        project = Project.of({"default": scene.path})
        assert undo(store, project).changed, step
        assert scene.state() != live, step
        assert undo(store, project).changed, step
    assert scene.state() == live, step


def check_next_command(scene: Scene, verb: str, arguments: list[str], step: str) -> None:
    again = scene.run("none", 0, *arguments)
    done_already = verb in ("rm", "rm-snapshot", "rename") and again.returncode == 12
    assert again.returncode == 0 or done_already, (step, again.stderr)


def check_history(scene: Scene, verb: str, step: str) -> None:
    """Every earlier snapshot restores to its own content."""
    with Store.open(scene.snap.store) as store:
        assert store.catalog.rows("PRAGMA integrity_check") == [("ok",)]
        project = Project.of({"default": scene.path})
        kept = {id_ for id_ in scene.hashes if store.snapshots.exists(id_)}
        assert len(kept) == len(scene.hashes) - (verb == "rm-snapshot"), step
        for id_ in kept:
            restore(store, project, RestoreOptions(id_, force=True, foreign=True))
            assert scene.state() == scene.hashes[id_], step
            assert is_intact(scene.path), step
        assert status(store, project).verdict == "clean"
