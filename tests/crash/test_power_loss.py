"""The power goes anywhere: earlier snapshots come back, the live database is old or new, nothing wrong is believed.

Every operation with `POWER_LOSS=full`, else a share that is the same every time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from snapstore.actions.export import ExportOptions, export
from snapstore.actions.fsck import fsck
from snapstore.actions.heal import heal
from snapstore.actions.rebuild import rebuild
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.errors import SnapError, StoreDamaged
from snapstore.objects.repack import MANY_SMALL
from snapstore.project import Project
from snapstore.store import Store
from tests.crash.recorder import Tape
from tests.damage.here import run_here
from tests.session.workshop import Workshop
from tests.support import add_rows, change_page_size, connect, is_intact, make_database

FULL = os.environ.get("POWER_LOSS") == "full"
SHARE = 1 if FULL else 5  # every so manieth operation
MORE = 20 if FULL else 1  # states at random for each


class Scene:
    """A database and a store with three snapshots in a folder of their own."""

    def __init__(self, folder: Path, journal_mode: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.database, self.store = folder / "db.sqlite3", folder / "store"
        make_database(self.database, journal_mode=journal_mode, rows=150)
        for number in range(3):
            with closing(connect(self.database)) as connection:
                add_rows(connection, 20, seed=number)
            self.snap("tag", f"run-{number}")
        with closing(connect(self.database)) as connection:
            add_rows(connection, 20, seed=9)

    def snap(self, *arguments: str) -> None:
        done = run_here([*arguments, *self.places])
        assert done.code == 0, done

    @property
    def places(self) -> list[str]:
        return ["--db", os.fspath(self.database), "--store", os.fspath(self.store)]

    @property
    def project(self) -> Project:
        return Project.of({"default": self.database})

    def exported(self, *, damaged: bool = False) -> dict[str, bytes]:
        """Return every snapshot that is on the list as a file, of a damaged store those that can be had."""
        found = {}
        out = self.folder.parent / "out.sqlite3"
        with Store.open(self.store) as store:
            for row in store.snapshots.all():
                out.unlink(missing_ok=True)
                with suppress(StoreDamaged) if damaged else nullcontext():
                    export(store, self.project, ExportOptions(row.id, os.fspath(out)))
                    found[row.id] = out.read_bytes()
        return found

    def packs(self) -> int:
        return len(list((self.store / "packs").glob("*.pack")))

    def names(self) -> dict[str, str]:
        with Store.open(self.store) as store:
            return {ref.name: ref.snapshot for ref in store.refs.all()}

    def rows(self) -> list[object]:
        with closing(connect(self.database)) as connection:
            return list(connection.execute("SELECT * FROM item ORDER BY id"))

    def become(self, state: dict[str, bytes]) -> None:
        """Put a state of the disk in place of the folder."""
        shutil.rmtree(self.folder)
        (self.store / "packs").mkdir(parents=True)
        for path, data in state.items():
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_bytes(data)


def nothing(scene: Scene) -> None:
    """Leave all as it is."""


def forget_one(scene: Scene) -> None:
    """Have a snapshot to go, which a later one is a difference to."""
    scene.snap("rm", "run-1")


def take_many(scene: Scene) -> None:
    """Have packs to merge."""
    for number in range(MANY_SMALL):
        with closing(connect(scene.database)) as connection:
            add_rows(connection, 1, seed=number)
        scene.snap("tag", "moving")


def take_what_is_there(scene: Scene) -> None:
    scene.snap("tag", "last")


def back_up_and_restore(scene: Scene) -> None:
    """Have a move to take back, and a backup to reset to."""
    scene.snap("backup")
    scene.snap("restore", "run-0")


def change_the_page_size(scene: Scene) -> None:
    """Have the file replaced as a whole."""
    change_page_size(scene.database, 8192)


def lose_the_catalog(scene: Scene) -> None:
    scene.snap("log")
    (scene.store / "catalog.db").write_bytes(b"")


def damage_what_is_there(scene: Scene) -> None:
    """Spoil a block that the live database still has, and a line of the reflog."""
    last = bytes.fromhex(scene.names()["last"])
    with Store.open(scene.store) as store:
        rows = store.catalog.rows("SELECT name FROM object JOIN pack USING (pack) WHERE id = ?", (last,))
    pack, reflog = scene.store / "packs" / f"{rows[0][0]}.pack", scene.store / "reflog"
    data = bytearray(pack.read_bytes())
    data[70] ^= 1
    pack.write_bytes(data)
    reflog.write_bytes(reflog.read_bytes().replace(b'"run-0"', b'"run-O"', 1))


class Case(NamedTuple):
    """A command; what it finds, made before what the snapshots hold is noted; and what is broken after that."""

    arguments: tuple[str, ...]
    history: Callable[[Scene], None] = nothing
    broken: Callable[[Scene], None] = nothing


VERBS = {
    "tag": Case(("tag", "new")),
    "tag-moves": Case(("tag", "run-1")),
    "restore": Case(("restore", "run-0")),
    "restore-replaces": Case(("restore", "run-0"), change_the_page_size),
    "undo": Case(("undo",), back_up_and_restore),
    "reset": Case(("reset",), back_up_and_restore),
    "clean": Case(("clean", "run-0")),
    "rename": Case(("rename", "run-1", "other")),
    "pin": Case(("pin", "run-1")),
    "rm": Case(("rm", "run-1")),
    "prune": Case(("prune", "--keep-last", "1", "--now", "-y"), forget_one),
    "prune-many": Case(("prune", "--keep-last", "6", "--now", "-y"), take_many),
    "merge": Case(("prune", "--keep-last", "100", "-y"), take_many),
    "rebuild": Case(("fsck", "--rebuild")),
    "rebuild-lost": Case(("fsck", "--rebuild"), broken=lose_the_catalog),
    "heal": Case(("fsck", "--heal"), take_what_is_there, damage_what_is_there),
}
FREEING = ("prune", "prune-many")


@pytest.mark.timeout(1800 if FULL else 300)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_power_cut_at_any_operation(
    tmp_path: Path, verb: str, journal_mode: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    if not can_trace():
        pytest.skip("strace is not here, or may not trace")
    case = VERBS[verb]
    place = Path(os.path.realpath(tmp_path))
    scene = Scene(place / "scene", journal_mode)
    case.history(scene)
    kept, names, before, packs = scene.exported(), scene.names(), scene.rows(), scene.packs()
    case.broken(scene)
    tape = Tape(scene.folder)
    tape.record(*case.arguments, *scene.places)
    after, names_after = scene.rows(), scene.names()
    goes = kept.keys() - scene.exported().keys()
    assert bool(goes) == (verb in FREEING)
    assert (scene.packs() < packs) == (verb in (*FREEING, "merge"))
    seen: set[int] = set()
    points = points_of(tape)
    for point in points:
        for state in tape.states(point, Random(point), MORE):
            key = hash(frozenset(state.items()))
            if key in seen:
                continue
            seen.add(key)
            scene.become(state)
            what = f"{verb} cut at {point} of {len(tape.operations)}"
            if point < len(tape.operations):
                mend(scene, case, kept, what)
            check_store(scene, kept, goes, what)
            assert scene.names() in (names, names_after), what
            if point == len(tape.operations):
                assert scene.names() == names_after, "what was said to be done is not durable"
            assert is_intact(scene.database), what
            found = scene.rows()
            assert found in (before, after), what
            if point == len(tape.operations):
                assert found == after, "what was said to be done is not durable"
            next_command_works(scene, kept.keys() - goes, what)
    assert len(seen) > len(points) // 2
    record_testsuite_property(f"operations of {verb} ({journal_mode})", len(tape.operations))
    record_testsuite_property(f"states of {verb} ({journal_mode})", len(seen))


@pytest.mark.timeout(1800 if FULL else 300)
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_power_cut_in_a_suite(
    tmp_path: Path, journal_mode: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """The next suite begins with the state that the one that was cut off began with."""
    if not can_trace():
        pytest.skip("strace is not here, or may not trace")
    scene = Scene(Path(os.path.realpath(tmp_path)) / "scene", journal_mode)
    kept, before = scene.exported(), scene.rows()
    tape = Tape(scene.folder)
    tape.record(os.fspath(scene.database), os.fspath(scene.store), module="tests.crash.suite")
    assert scene.rows() == before
    repaired = 0
    for point in points_of(tape)[:: 1 if FULL else 2]:  # each takes a suite
        for state in tape.states(point, Random(point), MORE):
            scene.become(state)
            what = f"cut at {point} of {len(tape.operations)}"
            assert is_intact(scene.database), what
            was_there = scene.rows()
            with Workshop(scene.database, scene.store) as shop:
                begun = shop.ask("begin_suite", name="again", quiet=0)
                assert begun["left_alone"] == [], what
                assert scene.rows() == before, what
                repaired += was_there != before
                assert bool(begun["repaired"]) or was_there == before, what
                shop.ask("end_suite", exit_code=0)
            check_store(scene, kept, set(), what)
    assert repaired > 1
    record_testsuite_property(f"operations of a suite ({journal_mode})", len(tape.operations))


@pytest.mark.timeout(1800 if FULL else 300)
def test_a_power_cut_while_a_store_is_made(tmp_path: Path) -> None:
    if not can_trace():
        pytest.skip("strace is not here, or may not trace")
    scene = Scene(Path(os.path.realpath(tmp_path)) / "scene", "wal")
    shutil.rmtree(scene.store)
    rows = scene.rows()
    tape = Tape(scene.folder)
    tape.record("tag", "new", *scene.places)
    for point in points_of(tape):
        for state in tape.states(point, Random(point), MORE):
            scene.become(state)
            if point == len(tape.operations):
                assert scene.names().keys() == {"new"}, "what was said to be done is not durable"
            scene.snap("tag", "again")
            checked = fsck(os.fspath(scene.store))
            assert checked.ok, (point, checked.damaged)
            assert scene.names().keys() - {"new"} == {"again"}
            assert scene.rows() == rows
            assert scene.exported()


def points_of(tape: Tape) -> list[int]:
    """Return the operations before which the power goes; the last is after all of them."""
    return sorted({*range(0, len(tape.operations), SHARE), len(tape.operations)})


def can_trace() -> bool:
    try:
        return subprocess.run(["strace", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def mend(scene: Scene, case: Case, kept: dict[str, bytes], what: str) -> None:
    """Do again what was cut off where it repairs, and the store asks for it."""
    if case.broken == lose_the_catalog and not fsck(os.fspath(scene.store), full=False).ok:
        rebuild(os.fspath(scene.store))
    if case.broken == damage_what_is_there:
        had = scene.exported(damaged=True)
        assert len(had) >= len(kept) - 1, what
        assert had.items() <= kept.items(), what
        heal(os.fspath(scene.store), scene.project)


def check_store(scene: Scene, kept: dict[str, bytes], goes: set[str], what: str) -> None:
    """Every earlier snapshot comes out as it was, and fsck finds nothing; those that the command frees may be gone."""
    found = scene.exported()
    assert {id_: found.get(id_) for id_ in kept if id_ in found or id_ not in goes} == {
        id_: data for id_, data in kept.items() if id_ in found or id_ not in goes
    }, what
    checked = fsck(os.fspath(scene.store))
    assert checked.ok, (what, checked.damaged)


def next_command_works(scene: Scene, kept: set[str], what: str) -> None:
    with Store.open(scene.store) as store:
        try:
            restore(store, scene.project, RestoreOptions(min(kept), safety=False))
        except SnapError as error:
            raise AssertionError(what) from error
    assert is_intact(scene.database), what
