"""Damage on this side: what is kept of a remote is made anew, and no damaged object leaves a store."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapstore.errors import FileError, StoreDamaged
from tests.remotes.machines import Machine, Truth, decoded, make_remote, remote_state, run, started
from tests.support import raised


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def removed(path: Path) -> None:
    path.unlink()


def linked(path: Path) -> None:
    """A link to a file that is not to be written to."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = [truncated, emptied, flipped, removed, linked, a_pipe]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Machine, Machine, Truth]]:
    """Return a machine that has pushed twice, another that has pulled the first, and what the second is."""
    remote = make_remote(tmp_path / "remote")
    with Machine(tmp_path / "one", remote) as one, Machine(tmp_path / "other", remote) as other:
        one.fill(300)
        one.tag("baseline")
        one.snap.push(["baseline"])
        other.fill(5)
        other.snap.pull(["baseline"])
        one.change()
        _, truth = one.tag("baseline")
        one.snap.push(["baseline"])
        yield one, other, truth


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        *(("state", damage) for damage in (truncated, emptied, flipped, removed)),
        *(("*.idx", damage) for damage in DAMAGES),
        *(("*", damage) for damage in (flipped, removed)),
    ],
)
def test_what_is_kept_of_a_remote_is_made_anew(
    both: tuple[Machine, Machine, Truth], tmp_path: Path, pattern: str, damage: Callable[[Path], None]
) -> None:
    one, other, truth = both
    kept = [path for path in (other.store_folder / "remotes/origin").glob(pattern) if path.is_file()]
    assert kept
    for path in kept:
        damage(path)
    other.snap.pull(["baseline"])
    assert other.exported("baseline", tmp_path / "out") == truth
    other.change("here")
    other.tag("baseline")
    other.snap.push(["baseline"])
    assert remote_state(one.remote).refs["baseline"].snapshot == other.tags()["baseline"]
    other.demand_sound()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
def test_a_pack_that_was_downloaded_and_damaged_comes_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """What a pull that was killed left is used only where it is whole."""
    with (
        Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one,
        Machine(tmp_path / "two", one.remote) as two,
    ):
        one.fill(1300)
        _, truth = one.tag("baseline")
        run(one, "push", {"revs": ["baseline"]})
        process = started(two, "pull", {"tags": ["baseline"]}, "pull-downloaded", "1")
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        left = list((two.store_folder / "remotes/origin/incoming").glob("*.pack"))
        assert left
        for path in left:
            damage(path)
        run(two, "pull", {"tags": ["baseline"]})
        assert two.exported("baseline", tmp_path / "out") == truth
        two.demand_sound()


@pytest.mark.parametrize("damage", [truncated, flipped, removed], ids=lambda one: one.__name__)
def test_no_damaged_object_leaves(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    with Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one:
        one.fill(1300)
        one.tag("baseline")
        one.snap.close()
        for path in one.store_folder.glob("packs/*.pack"):
            damage(path)
        with one.opened() as snap:
            raised(StoreDamaged, 20, snap.push, ["baseline"])
        assert remote_state(one.remote).n == 0
        if one.remote.joinpath("packs").exists():
            decoded(one.remote)


COLUMNS = ["offset", "stored_bytes", "bytes"]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_catalog_that_leads_to_another_object_sends_nothing(tmp_path: Path, column: str) -> None:
    """Though every pack is whole."""
    with Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one:
        one.fill(1300)
        one.tag("baseline")
        with one.store() as store:
            (first, here), (_, there) = store.catalog.rows(
                f"SELECT id, {column} FROM object WHERE kind = 1 ORDER BY stored_bytes DESC LIMIT 2"
            )
            wrong = there if there != here else here - 1
            with store.catalog.transaction():
                store.catalog.rows(f"UPDATE object SET {column} = ? WHERE id = ?", (wrong, first))
        raised(StoreDamaged, 20, one.snap.push, ["baseline"])
        assert remote_state(one.remote).n == 0


@pytest.mark.parametrize("damage", [linked, a_pipe], ids=lambda one: one.__name__)
def test_what_is_no_file_is_neither_read_nor_replaced(
    both: tuple[Machine, Machine, Truth], damage: Callable[[Path], None]
) -> None:
    _, other, _ = both
    state = other.store_folder / "remotes/origin/state"
    damage(state)
    before = other.tags()
    raised(FileError, 16, other.snap.pull, ["baseline"])
    assert (other.tags(), state.is_file() and not state.is_symlink()) == (before, False)
    assert other.snap.fsck().ok


def test_a_store_without_what_it_kept_of_remotes(both: tuple[Machine, Machine, Truth]) -> None:
    one, other, _ = both
    shutil.rmtree(other.store_folder / "remotes")
    assert other.snap.fsck().ok
    other.snap.pull(["baseline"])
    assert other.tags() == one.tags()
