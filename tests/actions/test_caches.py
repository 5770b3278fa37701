"""What a store keeps to save work is looked over as well; damage of it is no harm, and never an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snapstore.actions import sightings, skeletons
from snapstore.actions.sightings import Sighting, keep_sighting
from snapstore.store import Store
from tests.cli.hands import execute
from tests.damage.here import SnapHere
from tests.support import Snap, make_database

FOLDERS = (sightings.FOLDER, skeletons.FOLDER)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snap:
    """Return a command for a store with one file of each kind."""
    monkeypatch.setattr(skeletons, "LEAST_INTERIOR_PAGES", 0)
    snap = SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3"))
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id = 7")
    snap("diff", "baseline")
    with Store.open(snap.store) as store:
        keep_sighting(store, Sighting(os.fspath(snap.database), bytes(32)))
    return snap


def only(snap: Snap, folder: str) -> Path:
    (found,) = (snap.store / folder).iterdir()
    return found


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_in_place_of_the_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()


DAMAGES = (cut_short, empty, flip, append, make_a_folder, put_in_place_of_the_folder)


def said_by_doctor(snap: Snap) -> str:
    document = snap.json("doctor")
    assert document["ok"]
    (said,) = [one["detail"] for one in document["findings"] if "save comparisons work" in one["detail"]]
    return str(said)


def test_sound_files_are_counted(kept: Snap) -> None:
    found = kept.json("fsck")
    assert found["caches"]["files"] == 2
    assert found["caches"]["bytes"] == sum(only(kept, folder).stat().st_size for folder in FOLDERS)
    assert found["caches"]["useless"] == []
    assert "comparisons" not in kept("fsck").stdout
    assert "2 files" in said_by_doctor(kept)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_damaged_one_is_said_and_no_error(kept: Snap, folder: str, damage: Callable[[Path], None]) -> None:
    right = kept.json("diff", "baseline")
    damage(only(kept, folder))
    found = kept.json("fsck")
    assert found["ok"]
    assert len(found["caches"]["useless"]) == 1
    assert found["caches"]["useless"][0].startswith(folder)
    out = kept("fsck").stdout
    assert "no harm" in out
    assert "the store is sound" in out
    assert kept.json("fsck", "--quick")["caches"]["files"] == 0, "quick does not read them"
    assert "cannot be used" in said_by_doctor(kept)
    assert kept.json("diff", "baseline")["databases"] == right["databases"]
    kept("verify", "baseline", code=1)


@pytest.mark.parametrize("damage", [flip, put_in_place_of_the_folder])
def test_healing_removes_it(kept: Snap, damage: Callable[[Path], None]) -> None:
    for folder in FOLDERS:
        damage(only(kept, folder))
    out = kept("fsck", "--heal").stdout
    assert out.count("comparisons make anew") == 2
    assert kept.json("fsck")["caches"]["files"] == 0
    kept("diff", "baseline")
    assert only(kept, skeletons.FOLDER).exists()


def test_one_under_the_name_of_another_manifest_is_named(kept: Snap) -> None:
    path = only(kept, skeletons.FOLDER)
    path.rename(path.with_name("0" * 32 + skeletons.SUFFIX))
    assert kept.json("fsck")["caches"]["useless"] == [f"skeletons/{'0' * 32}.skeleton"]


def test_what_a_killed_process_left_among_them_is_named_by_doctor(kept: Snap) -> None:
    left = kept.store / skeletons.FOLDER / ".x.skeleton.999999999-00000000.snap-tmp"
    left.touch()
    found = [one for one in kept.json("doctor")["findings"] if one["level"] == "warning"]
    assert [left.name in one["detail"] for one in found] == [True]
