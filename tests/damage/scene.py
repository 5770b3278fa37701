"""A store with three named snapshots to damage, what each of them holds, and what a verb may do with it then."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.damage.here import Done, run_here
from tests.damage.places import Damage, Place
from tests.support import connect

NAMES = ("first", "second", "third")
RIGHT, DAMAGED = 0, 20
REFUSED = {10, 12, 14, 16, 20}  # no store, an unknown name, a newer store, one not to be written, a damaged one


class Case(NamedTuple):
    """One damage at one place."""

    place: Place
    damage: Damage
    seed: int

    def __str__(self) -> str:
        return f"{self.damage.__name__}-{self.place.name}"


class Scene:
    """The store as it was, and a copy that is damaged again and again."""

    def __init__(self, folder: Path) -> None:
        self.whole, self.work = folder / "whole", folder / "work"
        self.whole.mkdir()
        self.work.mkdir()
        self.store, self.database = self.work / "store", self.work / "db.sqlite3"
        self._build()
        self.exported = {name: self._export(name) for name in NAMES}
        self.records = self.read_records()
        self.diff = self.snap("diff", "first", "second", "--format", "json").out
        self._keep_log()
        shutil.copytree(self.work, self.whole, dirs_exist_ok=True)

    def _build(self) -> None:
        with closing(connect(self.database)) as connection:
            connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB)")
            random = Random(1)
            for number in range(60):
                connection.execute("INSERT INTO item VALUES (?, ?)", (number, random.randbytes(3000)))
            self.snap("tag", "first", "-m", "the first", "--pin", code=0)
            connection.execute("UPDATE item SET body = 'small' WHERE id % 20 = 3")
            self.snap("tag", "old", code=0)
            self.snap("rename", "old", "second", code=0)
            connection.execute("DELETE FROM item")
            for number in range(40):
                connection.execute("INSERT INTO item VALUES (?, ?)", (number, random.randbytes(3000)))
            connection.execute("VACUUM")
            self.snap("tag", "third", code=0)
            connection.execute("INSERT INTO item VALUES (900, 'live')")

    def _keep_log(self) -> None:
        """Leave the catalog with a log beside it, as a crash does."""
        kept = self.work / "kept"
        shutil.copytree(self.store, kept)
        with closing(connect(kept / "catalog.db")) as connection:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("UPDATE ref SET message = message WHERE name = 'third'")
            for file in ("catalog.db", "catalog.db-wal"):
                shutil.copyfile(kept / file, self.store / file)
        shutil.rmtree(kept)

    def snap(self, *arguments: str, code: int | None = None) -> Done:
        """Run a command; demand an exit code, and in any case that no bug shows."""
        places = ["--db", os.fspath(self.database), "--store", os.fspath(self.store)]
        done = run_here([*arguments, *places])
        assert done.code != 70, (arguments, done.err)
        assert code is None or done.code == code, (arguments, done)
        return done

    def json(self, *arguments: str) -> tuple[int, Any]:
        done = self.snap(*arguments, "--json")
        return done.code, json.loads(done.out)

    def read_records(self) -> Any:
        """Return ids, names, times, pins, messages and HEAD, as a user sees them."""
        return [self.json(*words) for words in (("log", "--all"), ("tags",), ("reflog",))]

    def begin_again(self, case: Case) -> None:
        """Restore the whole store and damage it."""
        shutil.rmtree(self.work)
        shutil.copytree(self.whole, self.work)
        random = Random(case.seed)
        case.damage(self.store / case.place.file, case.place.offset, random)

    def _export(self, name: str) -> bytes | None:
        out = self.work / "out.sqlite3"
        out.unlink(missing_ok=True)
        done = self.snap("export", name, os.fspath(out))
        if done.code == RIGHT:
            return out.read_bytes()
        assert done.code in REFUSED, done
        return None

    def gives(self, name: str) -> bool:
        """Tell whether a snapshot can be exported; it must not be exported with wrong content."""
        data = self._export(name)
        assert data is None or data == self.exported[name], f"a wrong state under the name {name}"
        return data is not None


def check(scene: Scene, case: Case) -> None:
    """Go through the verbs on a damaged store."""
    scene.begin_again(case)
    check_fsck(scene, case)
    check_reading(scene)
    check_restore(scene, case)
    scene.begin_again(case)
    check_tag(scene)
    scene.begin_again(case)
    check_rebuild(scene, case)
    check_heal(scene)
    scene.begin_again(case)
    check_prune(scene)


def check_fsck(scene: Scene, case: Case) -> None:
    """A snapshot that fsck does not call affected can be exported; if it finds nothing, all can."""
    found: Any = None
    for words in (("fsck", "--quick"), ("fsck",)):
        code, found = scene.json(*words)
        if code not in (RIGHT, DAMAGED):
            assert code in REFUSED, found
            return
        assert found["ok"] == (code == RIGHT) == (not found["damaged"])
        assert code == DAMAGED or not found["affected_snapshots"]
    given = {name for name in NAMES if scene.gives(name)}
    if scene.json("log")[0] == RIGHT and not any(one["what"] in ("name", "catalog") for one in found["damaged"]):
        affected = {name for one in found["affected_snapshots"] for name in one["names"]}
        assert given == set(NAMES) - affected, found


def check_reading(scene: Scene) -> None:
    done = scene.snap("diff", "first", "second", "--format", "json")
    assert done.code in REFUSED or done.out == scene.diff
    code, found = scene.json("verify", "third")
    assert code in REFUSED or found["verdict"] == "leaked", found
    for words in (("log", "--all"), ("tags",), ("reflog",), ("show", "first"), ("status",)):
        assert scene.snap(*words).code in {0, 1, *REFUSED}


def check_restore(scene: Scene, case: Case) -> None:
    """A restore gives the state of its name, or reports an error and leaves the live database as it is."""
    for name in NAMES:
        scene.begin_again(case)
        before = scene.database.read_bytes()
        done = scene.snap("restore", name)
        if done.code == RIGHT:
            assert rows(scene.database) == rows_of(scene, name)
        else:
            assert done.code in REFUSED, done
            assert scene.database.read_bytes() == before


def check_tag(scene: Scene) -> None:
    """A tag that succeeds can be restored, after healing at the latest."""
    done = scene.snap("tag", "new")
    live = rows(scene.database)
    if done.code != RIGHT:
        assert done.code in REFUSED, done
        return
    out = scene.work / "new.sqlite3"
    if scene.snap("export", "new", os.fspath(out)).code == DAMAGED:
        # A take does not read blocks that HEAD has at the same place. The live database has them.
        assert scene.snap("fsck").code == DAMAGED
        scene.snap("fsck", "--rebuild", "--heal")
        scene.snap("export", "new", os.fspath(out), code=0)
    assert rows(out) == live


def check_rebuild(scene: Scene, case: Case) -> None:
    """After a rebuild the records are as before, unless something is reported as lost."""
    code, found = scene.json("fsck", "--rebuild")
    assert code in {RIGHT, DAMAGED} or (code in REFUSED and "error" in found), found
    if "error" in found:
        assert case.place.file == "format", found
        return
    given = {name for name in NAMES if scene.gives(name)}
    affected = {name for one in found["affected_snapshots"] for name in one["names"]}
    if not found["rebuilt"]["lost"]:
        assert given == set(NAMES) - affected, found
        if not affected:
            assert scene.read_records() == scene.records
    if not case.place.file.startswith("packs"):
        assert given == set(NAMES)
        assert code == RIGHT or found["rebuilt"]["lost"], found


def check_heal(scene: Scene) -> None:
    """Healing loses nothing that could be exported before."""
    given = {name for name in NAMES if scene.gives(name)}
    scene.snap("fsck", "--heal")
    assert given <= {name for name in NAMES if scene.gives(name)}


def check_prune(scene: Scene) -> None:
    """A prune keeps what has a name, and loses nothing that could be exported before."""
    given = {name for name in NAMES if scene.gives(name)}
    code, found = scene.json("prune", "--keep-last", "1", "--now", "-y")
    assert code in {RIGHT, *REFUSED}, found
    assert given <= {name for name in NAMES if scene.gives(name)}, found


def rows(path: Path) -> list[Any]:
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found: list[Any] = connection.execute("SELECT * FROM item ORDER BY id").fetchall()
        return found


def rows_of(scene: Scene, name: str) -> list[Any]:
    out = scene.whole / f"{name}.sqlite3"
    if not out.exists():
        data = scene.exported[name]
        assert data is not None
        out.write_bytes(data)
    return rows(out)
