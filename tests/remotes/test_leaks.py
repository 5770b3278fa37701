"""Nothing leaves a store but what the pushed revisions need: every object of every pack of the remote is decoded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.history.reachable import Needs
from snapstore.store import Store
from tests.contents import execute
from tests.remotes.machines import Machine, add_noise, decoded, entries_of, make_remote

SECRET = "the-launch-code-is-0000"


def keep_secret(path: Path) -> None:
    execute(path, "CREATE TABLE secret (text TEXT)", f"INSERT INTO secret VALUES ('{SECRET}')")


def forget_secret(path: Path) -> None:
    """Remove the secret, and what SQLite leaves of it in free pages."""
    execute(path, "PRAGMA secure_delete = ON", "DROP TABLE secret", "VACUUM")


def in_a_safety_snapshot(machine: Machine) -> None:
    """A restore takes the live state first."""
    machine.tag("baseline")
    keep_secret(machine.databases["main"])
    machine.snap.restore("baseline", force=True)


def in_a_forgotten_state(machine: Machine) -> None:
    keep_secret(machine.databases["main"])
    snapshot = machine.snap.tag("hidden").snapshot
    forget_secret(machine.databases["main"])
    machine.tag("baseline")
    machine.snap.rm("hidden")
    machine.snap.rm(snapshot, force=True)


def in_a_state_between_two_that_are_pushed(machine: Machine) -> None:
    """What comes after is stored upon it."""
    machine.tag("first")
    keep_secret(machine.databases["main"])
    machine.tag("between")
    execute(machine.databases["main"], "PRAGMA secure_delete = ON", "DROP TABLE secret")
    machine.tag("baseline")
    with machine.store() as store:
        between = set(Needs(store.snapshots).of(machine.tags()["between"]))
        bases = store.catalog.rows("SELECT base FROM object WHERE base IS NOT NULL AND kind = 1")
        assert between & {base for (base,) in bases}, "nothing is stored upon the secret"


def in_another_project_of_the_store(machine: Machine) -> None:
    other = machine.folder / "other.sqlite3"
    shutil.copy(machine.databases["main"], other)
    keep_secret(other)
    with Snapstore(db=other, store=machine.store_folder, cwd=machine.folder, env=machine.environment) as snap:
        snap.tag("theirs")
    machine.tag("baseline")


def in_what_the_tag_was_before(machine: Machine) -> None:
    keep_secret(machine.databases["main"])
    machine.tag("baseline")
    forget_secret(machine.databases["main"])
    machine.tag("baseline")


def in_a_backup(machine: Machine) -> None:
    machine.tag("baseline")
    keep_secret(machine.databases["main"])
    machine.snap.backup()


CASES = [
    in_a_safety_snapshot,
    in_a_forgotten_state,
    in_a_state_between_two_that_are_pushed,
    in_another_project_of_the_store,
    in_what_the_tag_was_before,
    in_a_backup,
]


def needed(machine: Machine, names: Sequence[str]) -> set[bytes]:
    """Return the ids of what tags need."""
    with Store.open(machine.store_folder) as store:
        needs = Needs(store.snapshots)
        return {id_ for name in names for id_ in needs.of(machine.tags()[name])}


def holds_secret(remote: Path, objects: dict[bytes, bytes]) -> bool:
    raw = [path.read_bytes() for path in remote.rglob("*") if path.is_file()]
    return any(SECRET.encode() in data for data in (*raw, *objects.values()))


@pytest.mark.parametrize("pruned", [False, True], ids=["as it is", "repacked"])
@pytest.mark.parametrize("prepare", CASES, ids=lambda case: case.__name__)
def test_a_secret_stays_here(tmp_path: Path, prepare: Callable[[Machine], None], *, pruned: bool) -> None:
    remote = make_remote(tmp_path / "remote")
    with Machine(tmp_path / "one", remote) as machine:
        add_noise(machine.databases["main"], 100)
        prepare(machine)
        if pruned:
            machine.snap.prune(keep_last=50, grace="14d")
        with machine.store() as store:
            every = [id_ for (id_,) in store.catalog.rows("SELECT id FROM object")]
            assert any(SECRET.encode() in data for data in store.objects.read_many(every)), "the store has no secret"
        names = [name for name in ("first", "baseline") if name in machine.tags()]
        machine.snap.push(names)
        objects = decoded(remote)
        assert set(objects) == needed(machine, names)
        assert not holds_secret(remote, objects)


def test_the_secret_is_found_where_it_is_pushed(tmp_path: Path) -> None:
    """Or the test above would show nothing."""
    remote = make_remote(tmp_path / "remote")
    with Machine(tmp_path / "one", remote) as machine:
        add_noise(machine.databases["main"], 100)
        in_a_state_between_two_that_are_pushed(machine)
        machine.snap.push(["between"])
        assert holds_secret(remote, decoded(remote))


def test_an_entry_says_no_more_than_what_was_pushed(tmp_path: Path) -> None:
    """Neither names nor messages of other tags are in the log."""
    remote = make_remote(tmp_path / "remote")
    with Machine(tmp_path / "one", remote) as machine:
        machine.fill()
        machine.snap.tag("secret-plan", message="secret message")
        machine.snap.tag("baseline", message="to be seen")
        machine.snap.push(["baseline:shared"])
        (entry,) = entries_of(remote)
        assert list(entry["refs"]) == ["shared"]
        assert entry["refs"]["shared"]["message"] == "to be seen"
        assert b"secret" not in b"".join(path.read_bytes() for path in (remote / "log").iterdir())
