"""A store of each format is kept here, and every release reads it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from snapstore.actions.export import ExportOptions, export
from snapstore.actions.fsck import fsck
from snapstore.actions.prune import PruneOptions, prune
from snapstore.errors import UnknownRevision
from snapstore.history.reflog import HEAD
from snapstore.history.retention import Retention
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.project import Project
from snapstore.store import FORMAT, Store
from tests.support import dbhash, is_intact, lost_packs, unpack

DATA = Path(__file__).parent / "data"
PROJECT = Project({"default": "/srv/app/db.sqlite3"})  # as it was when the store was made
HASHES = {
    "first": "f4d71b017fcb55c9896f8a700fa8caf73e87f551",
    "run-5": "5f94f5581abed35d01a927f2979dca882ef64367",
    "last": "6d8be85ddb83b393cbebf30b9f6f2fe08462d6f6",
}


def test_there_is_a_store_of_every_format() -> None:
    formats = {f"format-{number}.tar.xz" for number in range(1, FORMAT + 1)}
    assert {path.name for path in DATA.iterdir()} == {*formats, "with-caches.tar.xz"}


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_kept_store_is_read(tmp_path: Path, number: int) -> None:
    unpack(DATA / f"format-{number}.tar.xz", tmp_path)
    with Store.open(tmp_path / f"format-{number}") as store:
        resolve = store.revisions(PROJECT.origin).resolve
        for name, wanted in HASHES.items():
            copy = tmp_path / name
            export(store, PROJECT, ExportOptions(resolve(name), str(copy)))
            assert dbhash(copy) == wanted
            assert is_intact(copy)
        assert store.catalog.value("SELECT max(depth) FROM object") == MAX_DEPTH
        assert {ref.name for ref in store.refs.all() if ref.pinned} == {"run-5"}
        assert resolve("run-11@{1}") and resolve("@{1}") == resolve("run-5")
        with pytest.raises(UnknownRevision):
            resolve("run-11")
        actions = [entry.action for entry in store.refs.positions(HEAD, PROJECT.origin)]
        assert actions[:3] == ["undo", "restore", "safety"]
        assert store.snapshots.load(resolve("first")).message == "the first state"
        assert lost_packs(store) == []


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_kept_store_is_pruned(tmp_path: Path, number: int) -> None:
    unpack(DATA / f"format-{number}.tar.xz", tmp_path)
    with Store.open(tmp_path / f"format-{number}") as store:
        before = len(store.snapshots.all())
        result = prune(store, PROJECT, PruneOptions(Retention(keep_last=1), timedelta()))
        assert len(result.kept) == len(store.snapshots.all()) < before
        assert len(result.removed) == before - len(result.kept)
    assert fsck(str(tmp_path / f"format-{number}")).ok
    with Store.open(tmp_path / f"format-{number}") as store:
        resolve = store.revisions(PROJECT.origin).resolve
        for name, wanted in HASHES.items():
            copy = tmp_path / name
            export(store, PROJECT, ExportOptions(resolve(name), str(copy)))
            assert dbhash(copy) == wanted
        assert lost_packs(store) == []
