"""A check of a remote: a matrix of damage, and what it names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.errors import NotARemote
from snapstore.remotes.keys import index_key, log_key, pack_key, state_key
from tests.remotes.scene import Machine, push_states
from tests.support import raised


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a machine that pushed a baseline and two states upon it, and the remote."""
    place = tmp_path_factory.mktemp("place")
    push_states(place)
    return place


@pytest.fixture
def machine(place: Path, tmp_path: Path) -> Iterator[Machine]:
    """Return a copy of that machine, with a copy of the remote."""
    copy = tmp_path / "place"
    shutil.copytree(place, copy)
    with closing(Machine(copy / "machine", copy / "remote")) as machine:
        yield machine


def names(machine: Machine) -> list[str]:
    """Return the packs of the remote, in the order of its log."""
    with machine.log() as log:
        return list(log.read().packs)


def test_a_sound_remote(machine: Machine) -> None:
    checked = machine.check()
    assert (checked.ok, checked.damaged, checked.affected) == (True, (), ())
    assert (checked.entries, checked.tags, checked.packs, checked.orphans, checked.condemned) == (3, 3, 3, 0, 0)
    assert (checked.full, machine.check(full=False).full) == (True, False)


def test_nothing_there(tmp_path: Path, machine: Machine) -> None:
    machine.remote = tmp_path
    raised(NotARemote, 10, machine.check)


def test_orphans_and_condemned_packs_do_no_harm(machine: Machine) -> None:
    (machine.remote / pack_key("ab" * 32)).write_bytes(b"of a push that is under way")
    machine.push("one:other", delete=["two"])
    with closing(Machine(machine.folder.parent / "other", machine.remote)) as other:
        other.prune()
    checked = machine.check()
    assert (checked.ok, checked.orphans, checked.orphan_bytes) == (True, 1, 27)
    assert checked.condemned == 2  # a pack and its index


def damage(path: Path, how: str) -> None:
    """Damage a file."""
    data = path.read_bytes()
    if how == "delete":
        path.unlink()
    elif how == "truncate":
        path.write_bytes(data[: len(data) // 2])
    else:
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("how", ["delete", "truncate", "flip"])
@pytest.mark.parametrize("full", [True, False])
def test_a_damaged_pack(machine: Machine, how: str, full: bool) -> None:
    first, *_, last = names(machine)
    damage(machine.remote / pack_key(last), how)
    checked = machine.check(full=full)
    if how == "flip" and not full and checked.ok:
        return  # no byte of its blocks is read
    assert not checked.ok
    assert last in {one.pack for one in checked.damaged}
    assert [one.names for one in checked.affected] == [("two",)]
    assert any(one.snapshots == (checked.affected[0].snapshot,) for one in checked.damaged)
    damage(machine.remote / pack_key(first), how)
    checked = machine.check(full=full)
    assert {name for one in checked.affected for name in one.names} >= {"baseline"} or not full


@pytest.mark.parametrize("how", ["delete", "truncate", "flip"])
def test_a_damaged_index(machine: Machine, how: str) -> None:
    with machine.log() as log:
        index = log.read().packs[names(machine)[-1]].idx
    damage(machine.remote / index_key(index), how)
    checked = machine.check()
    assert {one.what for one in checked.damaged} >= {"index"}
    assert any(index in one.detail for one in checked.damaged)
    assert [one.names for one in checked.affected] == [("two",)]


@pytest.mark.parametrize("how", ["delete", "truncate", "flip"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_entry(machine: Machine, how: str, number: int) -> None:
    damage(machine.remote / log_key(number), how)
    checked = machine.check()
    assert "log" in {one.what for one in checked.damaged}


def test_a_checkpoint_that_says_something_else(machine: Machine) -> None:
    with machine.log() as log:
        log.read().refs.pop("one")
        log.write_checkpoint()
    assert (machine.remote / state_key(3)).exists()
    checked = machine.check()
    assert [one.what for one in checked.damaged] == ["checkpoint"]


def test_a_damaged_format_is_no_remote(machine: Machine) -> None:
    (machine.remote / "format").write_bytes(b"something else")
    raised(NotARemote, 10, machine.check)
