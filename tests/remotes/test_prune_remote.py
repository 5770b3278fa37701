"""A prune of a remote: which tags go, what is packed anew, what is deleted and when, and what a kill leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.pull import bring_snapshot
from snapstore.errors import RemoteBusy, RemoteDamaged, UnknownOnRemote, UnknownRevision, WouldRemoveEverything
from snapstore.history.retention import Retention
from snapstore.remotes.author import next_entry
from snapstore.remotes.collection import MANY_SMALL
from snapstore.remotes.contents import Contents
from snapstore.remotes.keys import log_key, pack_key
from snapstore.remotes.state import RemoteState
from tests.remotes.scene import DAY, Machine, found, let_pass, objects_of
from tests.support import add_rows, connect, raised

GRACE = 15 * DAY


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Return a remote that is empty."""
    return found(tmp_path / "remote")


@pytest.fixture
def anna(tmp_path: Path, remote: Path) -> Iterator[Machine]:
    """Return a machine with a baseline on the remote."""
    with closing(Machine(tmp_path / "anna", remote)) as machine:
        machine.tag("baseline")
        machine.push("baseline")
        yield machine


@pytest.fixture
def bob(tmp_path: Path, remote: Path) -> Iterator[Machine]:
    """Return a machine that has nothing of the remote."""
    with closing(Machine(tmp_path / "bob", remote)) as machine:
        yield machine


def state(machine: Machine) -> RemoteState:
    """Return the newest state of the remote."""
    with machine.log() as log:
        return log.read()


def push_runs(machine: Machine, count: int) -> dict[str, str]:
    """Push so many changed states, one by one; return their snapshots by tag."""
    runs = {}
    for number in range(count):
        machine.change(f"run{number:05}", 90 + number)
        runs[f"run-{number}"] = machine.tag(f"run-{number}")
        machine.push(f"run-{number}")
    return runs


def is_sound(machine: Machine) -> bool:
    """Return whether a check finds nothing; whatever it finds is printed."""
    checked = machine.check()
    assert checked.ok, checked.damaged
    return checked.ok


def test_without_rules_no_tag_goes_and_small_packs_become_one(anna: Machine, bob: Machine, remote: Path) -> None:
    runs = push_runs(anna, MANY_SMALL)
    pruned = bob.prune()
    assert (pruned.removed, pruned.kept, pruned.packs, pruned.condemned) == ((), (), 1, MANY_SMALL + 1)
    assert is_sound(bob)
    pulled = bob.pull("baseline", *runs)
    assert {one.name: one.to for one in pulled.refs}.items() >= runs.items()
    assert bob.store.snapshots.load(runs["run-3"]).content == anna.store.snapshots.load(runs["run-3"]).content
    assert len(objects_of(remote, "packs")) == MANY_SMALL + 2  # the old ones have their grace


def test_rules_remove_tags_but_pinned_and_needed_ones(anna: Machine, bob: Machine) -> None:
    push_runs(anna, 4)
    anna.store.refs.pin("run-0", pinned=True)
    anna.push("run-0")
    planned = bob.prune(Retention(keep_last=2), needed=frozenset({"baseline"}), dry_run=True)
    assert {one.name for one in planned.removed} == {"run-1"}  # run-0 was pushed last
    assert "run-1" in state(bob).refs
    pruned = bob.prune(Retention(keep_last=1), needed=frozenset({"baseline"}))
    assert [one.name for one in pruned.removed] == ["run-1", "run-2"]
    assert {one.name: one.reasons for one in pruned.kept} == {
        "baseline": ("tag baseline",),
        "run-0": ("pinned",),
        "run-3": ("last #1",),
    }
    assert set(state(bob).refs) == {"baseline", "run-0", "run-3"}
    assert is_sound(bob)
    raised(UnknownOnRemote, 12, bob.pull, "run-1")


def test_globs_keep_tags(anna: Machine, bob: Machine) -> None:
    push_runs(anna, 3)
    pruned = bob.prune(Retention(keep_last=1, keep_tags=("base*", "*-1")))
    assert [one.name for one in pruned.removed] == ["run-0"]


def test_rules_that_keep_nothing_are_refused(anna: Machine, bob: Machine) -> None:
    raised(WouldRemoveEverything, 14, bob.prune, Retention(keep_last=0, keep_within=None, keep_tags=("none",)))
    assert set(state(anna).refs) == {"baseline"}


def test_what_no_tag_needs_goes_after_two_graces(anna: Machine, bob: Machine, remote: Path) -> None:
    push_runs(anna, 2)
    before = objects_of(remote, "packs")
    pruned = bob.prune(Retention(keep_tags=("baseline",)))
    assert (pruned.condemned, pruned.packs, pruned.deleted) == (2, 0, 0)
    assert objects_of(remote, "packs") == before
    raised(UnknownRevision, 12, _bring, bob, str(state(bob).gone["run-1"][1].snapshot))
    let_pass(remote, GRACE)
    pruned = bob.prune()
    assert pruned.deleted == 4  # two packs and their indexes
    assert (len(objects_of(remote, "packs")), len(objects_of(remote, "index"))) == (1, 1)
    assert (len(state(bob).condemned), len(state(bob).dropped)) == (0, 4)
    let_pass(remote, GRACE)
    bob.prune()
    assert state(bob).doomed() == set()
    assert is_sound(bob)


def _bring(machine: Machine, snapshot: str) -> None:
    with machine.log() as log:
        log.read()
        bring_snapshot(machine.store, log, snapshot, machine.project.origin)


def test_at_once_deletes_at_once(anna: Machine, bob: Machine, remote: Path) -> None:
    push_runs(anna, 2)
    (remote / "packs" / ("ab" * 32 + ".pack")).write_bytes(b"of a push that was killed")
    pruned = bob.prune(Retention(keep_tags=("baseline",)), at_once=True)
    assert (pruned.deleted, pruned.orphans) == (5, 1)
    assert len(objects_of(remote, "packs")) == 1
    assert is_sound(bob)
    anna.push("run-1")
    assert is_sound(bob)
    bob.pull("run-1")


def test_most_of_a_pack_is_packed_anew(anna: Machine, bob: Machine, remote: Path) -> None:
    """Tags of two databases, so that no state is the base of the other."""
    kept = anna.tag("kept")
    with closing(connect(anna.database)) as connection:
        connection.execute("DELETE FROM item")
        connection.execute("VACUUM")
        add_rows(connection, 3000, seed=7)
    anna.tag("other")
    anna.push("kept", "other", delete=["baseline"])
    before = sum(path.stat().st_size for path in (remote / "packs").iterdir())
    pruned = bob.prune(Retention(keep_tags=("kept",)), at_once=True)
    assert (pruned.condemned, len(objects_of(remote, "packs"))) == (1, 1)
    assert sum(path.stat().st_size for path in (remote / "packs").iterdir()) < before / 2
    assert is_sound(bob)
    bob.pull("kept")
    assert bob.store.refs.demand("kept").snapshot == kept


def test_a_line_of_old_bases_becomes_one_object(anna: Machine, bob: Machine, remote: Path) -> None:
    """Each state is compressed upon the one before; only the last is wanted."""
    last = ""
    for number in range(MANY_SMALL):
        anna.change(f"{number:08}", 1)
        last = anna.tag("moving")
        anna.push("moving")
    with bob.log() as log, Contents(bob.store.catalog) as contents:
        log.read()
        contents.load(log)
        assert max(contents.depth(id_) or 0 for id_ in _ids(contents)) > 2
    bob.prune(Retention(keep_tags=("moving",)), at_once=True)
    assert is_sound(bob)
    with bob.log() as log, Contents(bob.store.catalog) as contents:
        log.read()
        contents.load(log)
        assert {contents.depth(id_) for id_ in _ids(contents)} == {0}
    bob.pull("moving")
    assert bob.store.refs.demand("moving").snapshot == last


def _ids(contents: Contents) -> list[bytes]:
    return [one.id for pack in contents.pack_sizes() for one in contents.of_pack(pack)]


def test_a_new_state_upon_condemned_bases_is_pushed_whole(anna: Machine, bob: Machine, remote: Path) -> None:
    """What a pusher counted upon is gone; it notices, since it cannot commit before it has read that."""
    push_runs(anna, 1)
    with anna.log() as log:
        log.read()  # anna knows run-0
    bob.prune(Retention(keep_tags=("baseline",)))
    anna.change("later   ", 90)
    later = anna.tag("later")
    anna.push("later", "run-0")
    assert is_sound(bob)
    let_pass(remote, GRACE)
    bob.prune()
    assert is_sound(bob)
    bob.pull("later", "run-0")
    assert bob.store.refs.demand("later").snapshot == later


def test_a_condemned_name_is_never_used_again(anna: Machine, bob: Machine, remote: Path) -> None:
    push_runs(anna, 1)
    known = state(anna)
    pack = list(known.packs)[-1]
    bob.prune(Retention(keep_tags=("baseline",)))
    anna.push("run-0")
    assert pack in state(anna).condemned
    assert pack not in state(anna).packs
    let_pass(remote, GRACE)
    bob.prune()
    assert pack_key(pack) not in objects_of(remote)
    assert is_sound(bob)


def test_old_entries_go_and_everybody_still_reads(anna: Machine, bob: Machine, tmp_path: Path, remote: Path) -> None:
    push_runs(anna, 3)
    state(bob)
    anna.prune()
    anna.push("run-1:other")
    anna.prune(Retention(keep_last=2))
    let_pass(remote, GRACE)
    pruned = anna.prune()
    assert pruned.entries > 3
    assert log_key(1) not in objects_of(remote)
    fresh = Machine(tmp_path / "fresh", remote)
    with closing(fresh):
        assert state(bob).encode() == state(fresh).encode() == state(anna).encode()
    assert is_sound(bob)
    bob.pull("run-2")


def test_a_late_push_creates_no_old_entry_again(anna: Machine, bob: Machine, remote: Path) -> None:
    with anna.log() as log:
        log.read()
        late = log.state
        push_runs(bob, 2)
        bob.prune()
        let_pass(remote, GRACE)
        bob.prune()
        bob.prune()
        assert log_key(late.n + 1) not in objects_of(remote)
        log.stale_after = 0
        assert not log.append(next_entry(late, {}))
        assert log_key(late.n + 1) not in objects_of(remote)


def test_what_is_missing_stops_a_prune(anna: Machine, bob: Machine, remote: Path) -> None:
    push_runs(anna, 1)
    pack = next(iter(state(bob).packs))
    (remote / pack_key(pack)).unlink()
    before = objects_of(remote)
    raised(RemoteDamaged, 20, bob.prune, Retention(keep_tags=("baseline",)))
    assert objects_of(remote) == before


def test_others_that_are_quicker_until_the_deadline(
    anna: Machine, bob: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_runs(anna, 1)
    with bob.log() as log:
        monkeypatch.setattr(type(log), "append", lambda *_: False)
        raised(RemoteBusy, 11, bob.prune, Retention(keep_tags=("baseline",)), timeout=0.1)
