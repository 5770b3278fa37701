"""A remote is healed from a store: a matrix of damage, stores that lack some tags, chains that cross, and kills."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from snapstore import Snapstore, files
from snapstore.actions.heal_remote import HealRemoteOptions, heal_remote
from snapstore.errors import RemoteDamaged, StoreDamaged
from snapstore.remotes.contents import Contents
from snapstore.remotes.keys import index_key, log_key, pack_key
from snapstore.results.remotes import RemoteChecked
from tests.remotes.scene import STATES, Machine, found, objects_of
from tests.remotes.test_fsck_remote import damage, machine, names, place

__all__ = ["machine", "place"]  # fixtures


def heal(machine: Machine, *, full: bool = True) -> RemoteChecked:
    with machine.log() as log:
        return heal_remote(machine.store, log, HealRemoteOptions({}, full, timeout=30))


def targets(machine: Machine) -> dict[str, str]:
    return {ref.name: ref.snapshot for ref in machine.store.refs.all()}


def another(machine: Machine, name: str) -> Machine:
    """Return a machine with an empty store and the same remote."""
    return Machine(machine.folder.parent / name, machine.remote, rows=1)


def check_pulls(machine: Machine) -> None:
    """Check that a fresh machine gets every tag, with its contents."""
    with closing(another(machine, "fresh")) as fresh:
        fresh.pull(*STATES)
        assert targets(fresh) == targets(machine)
        with Snapstore(db=fresh.database, store=fresh.folder / "store") as snap:
            assert snap.fsck().ok


@pytest.mark.parametrize("how", ["delete", "truncate", "flip"])
@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2), slice(2, 3), slice(0, 3)], ids=["1", "2", "3", "all"])
def test_damaged_packs_are_uploaded_again(machine: Machine, how: str, which: slice) -> None:
    packs = names(machine)[which]
    for pack in packs:
        damage(machine.remote / pack_key(pack), how)
    checked = heal(machine)
    assert (checked.ok, checked.tags) == (True, 3)
    assert checked.healed
    assert checked.healed.given_up == tuple(sorted(packs))
    assert checked.healed.entry == 4
    assert not set(packs) & set(names(machine))
    check_pulls(machine)
    assert heal(machine).healed is None


@pytest.mark.parametrize("how", ["delete", "truncate", "flip"])
def test_a_damaged_index_is_made_anew(machine: Machine, how: str) -> None:
    with machine.log() as log:
        index = log.read().packs[names(machine)[0]].idx
    damage(machine.remote / index_key(index), how)
    assert heal(machine).ok
    check_pulls(machine)


def test_only_objects_of_the_store_are_counted(tmp_path: Path) -> None:
    with closing(Machine(tmp_path / "one", found(tmp_path / "remote"))) as one:
        one.tag("baseline")
        pushed = one.push("baseline").objects
        (pack,) = names(one)
        damage(one.remote / pack_key(pack), "delete")
        checked = heal(one)
        assert checked.ok
        assert checked.healed
        assert checked.healed.objects == pushed


def test_a_quick_heal_reads_no_pack(machine: Machine) -> None:
    damage(machine.remote / pack_key(names(machine)[1]), "delete")
    checked = heal(machine, full=False)
    assert (checked.ok, checked.full) == (True, False)
    check_pulls(machine)


def test_what_a_store_lacks_is_left_to_others(machine: Machine) -> None:
    first, second, third = names(machine)
    with closing(another(machine, "other")) as other:
        other.pull("one")
        damage(machine.remote / pack_key(second), "flip")  # 'two' is stored upon it
        damage(machine.remote / pack_key(third), "delete")
        checked = heal(other)
        assert not checked.ok
        assert checked.healed
        assert checked.healed.given_up == (third,)  # the other may have what nobody else has
        assert {name for one in checked.affected for name in one.names} == {"one", "two"}
        assert (machine.remote / pack_key(second)).exists()
        assert names(machine)[:2] == [first, second]
    checked = heal(machine)
    assert checked.ok
    assert checked.healed
    assert checked.healed.given_up == (second,)
    check_pulls(machine)


def test_what_is_in_no_index_any_more_is_uploaded_by_who_has_it(machine: Machine) -> None:
    with closing(another(machine, "other")) as other:
        for pack in names(machine):
            damage(machine.remote / pack_key(pack), "delete")
        assert not heal(other).ok
        assert names(machine) == []
        with pytest.raises(RemoteDamaged):
            other.pull("one")
    assert heal(machine).ok
    check_pulls(machine)


def test_chains_that_cross_make_no_circle(tmp_path: Path) -> None:
    """On the remote, objects of `one` are the bases of those of `two`; in the store that heals it is the other way."""
    with (
        closing(Machine(tmp_path / "one", found(tmp_path / "remote"))) as one,
        closing(another(one, "two")) as two,
    ):
        states = {}
        for name in STATES:
            one.change(f"{name:8}", 90)
            one.tag(name)
            one.push(name)
            with closing(sqlite3.connect(one.database)) as source:
                states[name] = sqlite3.connect(":memory:")
                source.backup(states[name])
        for name in reversed(STATES):
            with closing(sqlite3.connect(two.database)) as target:
                states[name].backup(target)
            states[name].close()
            two.tag(f"own-{name}")
        two.pull(*STATES)
        crossed = set(links(two)) & {(base, id_) for id_, base in links_on_remote(one)}
        assert crossed
        damage(one.remote / pack_key(names(one)[1]), "delete")
        assert heal(two).ok
        check_pulls(one)


def links(machine: Machine) -> list[tuple[bytes, bytes]]:
    """Return the objects of a store that have a base, with it."""
    return [(id_, base) for id_, base in machine.store.catalog.rows("SELECT id, base FROM object WHERE base NOT NULL")]


def links_on_remote(machine: Machine) -> list[tuple[bytes, bytes]]:
    """Return the objects of the remote that have a base, with it."""
    with machine.log() as log, Contents(machine.store.catalog) as contents:
        log.read()
        contents.load(log)
        return [(one.id, one.base) for pack in contents.pack_sizes() for one in contents.of_pack(pack) if one.base]


def test_a_damaged_log_is_left_alone(machine: Machine) -> None:
    damage(machine.remote / log_key(2), "flip")
    before = objects_of(machine.remote)
    checked = heal(machine)
    assert (checked.ok, checked.healed) == (False, None)
    assert objects_of(machine.remote) == before


def test_a_store_that_is_damaged_too_gives_nothing_up(machine: Machine) -> None:
    damage(machine.remote / pack_key(names(machine)[0]), "flip")
    for path in (machine.folder / "store" / "packs").iterdir():
        damage(path, "truncate")
    before = names(machine)
    with pytest.raises(StoreDamaged):
        heal(machine)
    assert names(machine) == before


@pytest.mark.parametrize("step", ["heal-uploaded", "heal-committed"])
def test_a_heal_that_is_cut_short_goes_on(machine: Machine, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def on_step(reached: str) -> None:
        if reached == step:
            raise Killed

    damage(machine.remote / pack_key(names(machine)[1]), "delete")
    before = names(machine)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(files, "on_step", on_step)
        heal(machine)
    assert (names(machine) == before) is (step == "heal-uploaded")
    packs = objects_of(machine.remote, "packs")
    assert heal(machine).ok
    assert objects_of(machine.remote, "packs") == packs  # nothing is sent twice
    check_pulls(machine)


def test_a_push_that_is_quicker(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(machine.remote / pack_key(names(machine)[1]), "delete")
    quicker = SimpleNamespace(done=False)

    def on_step(reached: str) -> None:
        if reached == "heal-uploaded" and not quicker.done:
            quicker.done = True
            with closing(another(machine, "other")) as other:
                other.change("quicker ", 1)
                other.tag("quicker")
                other.push("quicker")

    with monkeypatch.context() as patch:
        patch.setattr(files, "on_step", on_step)
        checked = heal(machine)
    assert (checked.ok, checked.tags) == (True, 4)
    assert checked.healed
    assert checked.healed.entry == 5
    check_pulls(machine)
