"""A store of the last release that kept `skeletons/` and `sightings/` works as it did; `fsck` removes the two folders.

make_with_caches.py made it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.export import ExportOptions, export
from snapstore.actions.fsck import check_store, fsck
from snapstore.actions.heal import heal
from snapstore.actions.listing import list_snapshots
from snapstore.actions.prune import PruneOptions, prune
from snapstore.actions.rebuild import rebuild
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import snapshot_state
from snapstore.errors import UnknownRevision
from snapstore.history.reflog import HEAD
from snapstore.history.retention import Retention
from snapstore.project import Project
from snapstore.store import Store
from tests.formats.make_with_caches import DATABASES, NAMES
from tests.support import connect, dbhash, is_intact, unpack

ARCHIVE = Path(__file__).parent / "data" / "with-caches.tar.xz"
FOLDERS = ("sightings", "skeletons")
PROJECT = Project({name: os.fspath(path) for name, path in DATABASES.items()})  # as it was when the store was made
HASHES = {
    ("first", "app"): "b33abe804c2875cb566db8a0e3d8a0dfe6eaf426",
    ("first", "queue"): "4cbce355f9790faa364e2daa13c618e1c7666ca7",
    ("run-4", "app"): "28f5199698858822f298fbf3f15ed25ac7b649d2",
    ("run-4", "queue"): "99749135ceb38fe888623253f22ec1a80e504a20",
    ("moving", "app"): "cfce84d13e2508afbbcfe1374d96d7e28f4acd53",
    ("moving", "queue"): "0abd7547de7b9f005b5f5347d884c8850d5b3d53",
    ("last", "app"): "617d142f1f0802a6c3a672e062bc443d85b7b823",
    ("last", "queue"): "12536f64fb5cd361447618329be073c5debe59e6",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the store."""
    unpack(ARCHIVE, tmp_path)
    found = tmp_path / "with-caches"
    assert all(list((found / name).iterdir()) for name in FOLDERS)
    assert len(list((found / "packs").iterdir())) == 10
    return found


@pytest.fixture
def kept(folder: Path) -> Iterator[Store]:
    with Store.open(folder) as store:
        yield store


def check_exports(store: Store, folder: Path) -> None:
    resolve = store.revisions(PROJECT.origin).resolve
    for (name, database), wanted in HASHES.items():
        copy = folder / f"{name}-{database}"
        export(store, PROJECT, ExportOptions(resolve(name), str(copy), database))
        assert dbhash(copy) == wanted
        assert is_intact(copy)


def test_it_opens_and_gives_back_what_it_holds(kept: Store, tmp_path: Path) -> None:
    resolve = kept.revisions(PROJECT.origin).resolve
    check_exports(kept, tmp_path)
    assert {ref.name for ref in kept.refs.all() if ref.pinned} == {"first"}
    assert resolve("moving@{1}") == resolve("run-7") and resolve("moving") == resolve("run-8")
    assert len(kept.forgotten.all(PROJECT.origin)) == 1
    for gone in ("run-2", "run-3"):
        with pytest.raises(UnknownRevision):
            resolve(gone)
    actions = [entry.action for entry in kept.refs.positions(HEAD, PROJECT.origin)]
    assert actions[:3] == ["tag", "undo", "restore"]
    assert resolve("HEAD") == resolve("last")
    assert kept.snapshots.load(resolve("first")).message == "the first state"
    assert len(list_snapshots(kept, everything=True)) == 10


def test_it_is_restored_verified_and_compared(kept: Store, tmp_path: Path) -> None:
    live = {name: tmp_path / f"live-{name}" for name in DATABASES}
    for path in live.values():
        with closing(connect(path)) as connection:
            connection.execute("CREATE TABLE other(x)")
    project = Project.of(dict(live))
    resolve = kept.revisions(PROJECT.origin).resolve
    for name in NAMES:
        restore(kept, project, RestoreOptions(resolve(name), foreign=True))
        for database, path in live.items():
            assert dbhash(path) == HASHES[name, database]
        assert verify(kept, project, VerifyOptions(snapshot_state(kept, resolve(name), name))).verdict == "clean"
    first, last = (snapshot_state(kept, resolve(name), name) for name in ("first", "last"))
    assert verify(kept, project, VerifyOptions(first)).verdict == "damaged"
    with diff(kept, project, DiffOptions(first, last)) as found:
        counts = {table.name: vars(table.counted()) for one in found.databases for table in one.tables}
    assert counts == {
        "item": {"added": 9, "removed": 9, "changed": 0},
        "word": {"added": 0, "removed": 0, "changed": 225},
        "job": {"added": 9, "removed": 0, "changed": 1},
    }


def test_it_is_pruned(kept: Store, folder: Path, tmp_path: Path) -> None:
    before = len(kept.snapshots.all())
    result = prune(kept, PROJECT, PruneOptions(Retention(keep_last=1), timedelta()))
    assert len(result.kept) == len(kept.snapshots.all()) <= before
    assert result.expired
    check_exports(kept, tmp_path)
    assert check_store(kept, full=True).checked.ok
    assert all((folder / name).exists() for name in FOLDERS)


def test_it_is_rebuilt_and_healed(folder: Path, tmp_path: Path) -> None:
    (folder / "catalog.db").unlink()
    assert rebuild(str(folder)).lost == ()
    assert heal(str(folder), None).objects == ()
    with Store.open(folder) as store:
        check_exports(store, tmp_path)


@pytest.mark.parametrize("full", [True, False])
def test_fsck_removes_the_folders(folder: Path, *, full: bool) -> None:
    (folder / "skeletons" / ".x.skeleton.1-00000000.snap-tmp").touch()
    found = fsck(str(folder), full=full)
    assert (found.ok, found.removed) == (True, FOLDERS)
    assert not any((folder / name).exists() for name in FOLDERS)
    assert fsck(str(folder), full=full).removed == ()


def test_fsck_leaves_what_it_does_not_know(folder: Path) -> None:
    (folder / "skeletons" / "notes.txt").touch()
    assert fsck(str(folder)).removed == ("sightings",)
    assert list((folder / "skeletons").iterdir()) == [folder / "skeletons" / "notes.txt"]
