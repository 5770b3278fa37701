"""Byte truth: whatever several machines tag, prune, push and pull, what arrives is what was tagged.

The histories are made up from a seed, which a failure names. Each state is known by the `dbhash` of its databases and
the bytes of its files when it was tagged, and by its snapshot id; the remote is held against a model of its names.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from snapstore.errors import (
    NamePinned,
    NotFastForward,
    RemotePinned,
    UnknownOnRemote,
    UnknownRevision,
    WrongDatabase,
)
from snapstore.objects.pack_index import MAX_DEPTH, NEW_DEPTH
from tests.contents import execute
from tests.remotes.machines import (
    Machine,
    Truth,
    add_noise,
    decoded,
    make_remote,
    remote_objects,
    remote_state,
)
from tests.support import change_page_size

SEEDS = range(int(os.environ.get("HISTORIES", "8")))
STEPS = 45
NAMES = ("baseline", "two", "three", "failed/four")
STATES = 12
EXPECTED = (NotFastForward, RemotePinned, UnknownOnRemote, NamePinned, UnknownRevision)


def states(folder: Path, count: int = STATES) -> list[Path]:
    """Make versions of a database, each a little unlike the one before."""
    folder.mkdir()
    path = folder / "0.sqlite3"
    add_noise(path, 150, seed=7)
    found = [path]
    for number in range(1, count):
        found.append(folder / f"{number}.sqlite3")
        shutil.copy(found[-2], found[-1])
        change = f"UPDATE noise SET body = randomblob(1000) WHERE id = {number * 11 % 150 + 1}"
        execute(found[-1], change, "INSERT INTO noise(body) VALUES (randomblob(300))")
    return found


class History:
    """Machines, their remote, a model of its names, and what is known of each snapshot."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.remote = make_remote(folder / "remote")
        self.pool = states(folder / "states")
        shape: tuple[str, ...] = self.chance.choice([("main",), ("main", "other")])
        self.shape = {"databases": shape, "tree": self.chance.random() < 0.6}
        self.machines = [self.machine(f"m{number}") for number in range(self.chance.choice([2, 3]))]
        self.truths: dict[str, Truth] = {}
        self.contents: dict[str, tuple[str, str]] = {}
        self.there: dict[str, str] = {}
        self.pinned: set[str] = set()
        self.done: list[str] = []

    def machine(self, name: str) -> Machine:
        machine = Machine(self.folder / name, self.remote, **self.shape)  # type: ignore[arg-type]
        machine.fill(40, seed=len(name))
        return machine

    def close(self) -> None:
        for machine in self.machines:
            machine.snap.close()

    def begin(self) -> None:
        """Push a baseline."""
        snapshot, truth = self.machines[0].tag(NAMES[0])
        self.truths[snapshot] = truth
        self.machines[0].snap.push(NAMES[:1])
        self.there[NAMES[0]] = snapshot

    def step(self) -> None:
        """Do one thing somewhere."""
        actions: list[Callable[[Machine], object]] = [
            *(self.change, self.replace, self.files, self.tag, self.tag, self.tag, self.restore, self.other_file),
            *(self.remove, self.pin, self.prune, self.push, self.push, self.push, self.delete, self.pull, self.pull),
        ]
        action = self.chance.choice(actions)
        machine = self.chance.choice(self.machines)
        self.done.append(f"{action.__name__} on {machine.folder.name}")
        action(machine)

    def names(self) -> list[str]:
        return self.chance.sample(NAMES, self.chance.randrange(1, 4))

    def change(self, machine: Machine) -> None:
        path = self.chance.choice(list(machine.databases.values()))
        number = self.chance.randrange(1000)
        statement = self.chance.choice(
            [
                f"UPDATE noise SET body = randomblob(700) WHERE id % 41 = {number % 41}",
                f"DELETE FROM noise WHERE id % 17 = {number % 17}",
                f"CREATE TABLE IF NOT EXISTS t{number % 5} AS SELECT * FROM noise LIMIT 20",
                f"DROP TABLE IF EXISTS t{number % 5}",
                "VACUUM",
            ]
        )
        execute(path, statement)

    def replace(self, machine: Machine) -> None:
        """Make a known state the live one, so that several machines have the same blocks upon other bases."""
        path = machine.databases["main"]
        for sidecar in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + sidecar).unlink(missing_ok=True)
        shutil.copy(self.chance.choice(self.pool), path)

    def other_file(self, machine: Machine) -> None:
        """Change what a database is like as a file."""
        path = self.chance.choice(list(machine.databases.values()))
        if self.chance.random() < 0.5:
            change_page_size(path, self.chance.choice([512, 1024, 4096, 8192, 65536]))
        else:
            execute(path, f"PRAGMA journal_mode = {self.chance.choice(['wal', 'delete'])}")

    def files(self, machine: Machine) -> None:
        if machine.tree:
            target = machine.tree / self.chance.choice(["a", "b", "sub/c", "sub/d"])
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(self.chance.randbytes(self.chance.choice([0, 10, 5000, 150_000])))

    def tag(self, machine: Machine) -> None:
        with suppress(*EXPECTED):
            snapshot, truth = machine.tag(self.chance.choice(NAMES))
            assert self.truths.setdefault(snapshot, truth) == truth

    def restore(self, machine: Machine) -> None:
        tags = machine.tags()
        if tags:
            name = self.chance.choice(sorted(tags))
            with suppress(WrongDatabase):
                machine.snap.restore(name, force=True)
                assert machine.truth() == self.truths[tags[name]]

    def remove(self, machine: Machine) -> None:
        with suppress(NamePinned, UnknownRevision):
            machine.snap.rm(self.chance.choice(NAMES))

    def pin(self, machine: Machine) -> None:
        name = self.chance.choice(NAMES)
        if name in machine.tags():
            (machine.snap.pin if self.chance.random() < 0.3 else machine.snap.unpin)(name)

    def prune(self, machine: Machine) -> None:
        machine.snap.prune(keep_last=self.chance.choice([1, 3]), grace="0")

    def push(self, machine: Machine) -> None:
        """What is refused changes nothing; what is not moves every name."""
        here, pins = machine.tags(), {one.names[0] for one in machine.snap.tags() if one.pinned}
        names = [name for name in self.names() if name in here]
        if not names:
            return
        force = self.chance.random() < 0.3
        before = remote_state(self.remote).n
        try:
            pushed = machine.snap.push(names, force=force)
        except (NotFastForward, RemotePinned):
            assert not force
            assert remote_state(self.remote).n == before
            return
        self.there |= {name: here[name] for name in names}
        self.pinned |= {name for name in names if name in pins}
        assert remote_state(self.remote).n == before + (not pushed.up_to_date)

    def delete(self, machine: Machine) -> None:
        name = self.chance.choice(NAMES)
        force = self.chance.random() < 0.5
        try:
            machine.snap.push(delete=[name], force=force)
        except UnknownOnRemote:
            assert name not in self.there
        except RemotePinned:
            assert not force
            assert name in self.pinned
        else:
            del self.there[name]
            self.pinned.discard(name)

    def pull(self, machine: Machine) -> None:
        names = [name for name in self.names() if name in self.there]
        if not names:
            return
        before = machine.tags()
        force = self.chance.random() < 0.4
        try:
            pulled = machine.snap.pull(names, force=force)
        except (NotFastForward, NamePinned):
            assert not force
            assert machine.tags() == before
            return
        moved = {one.name: one.to for one in pulled.refs}
        assert machine.tags() == before | moved
        assert all(self.there[name] == to for name, to in moved.items())

    def check_remote(self) -> None:
        found = remote_state(self.remote).refs
        assert {name: ref.snapshot for name, ref in found.items()} == self.there
        assert {name for name, ref in found.items() if ref.pinned} == self.pinned
        assert max((one.depth for one in remote_objects(self.remote).values()), default=0) <= MAX_DEPTH
        decoded(self.remote)

    def check_arrives(self, machine: Machine, number: int) -> None:
        """All that the remote has is on a machine what it was when it was tagged."""
        machine.snap.pull(everything=True, force=True)
        here = machine.tags()
        assert self.there.items() <= here.items()
        for at, (name, snapshot) in enumerate(sorted(self.there.items())):
            assert machine.exported(name, self.folder / f"exported-{number}-{at}") == self.truths[snapshot]
        with machine.store() as store:
            assert (store.catalog.value("SELECT max(depth) FROM object") or 0) <= MAX_DEPTH
        found = contents(machine)
        assert all(self.contents.setdefault(snapshot, content) == content for snapshot, content in found.items())
        machine.demand_sound()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_arrives_is_what_was_tagged(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    try:
        history.begin()
        for _ in range(STEPS):
            history.step()
        history.check_remote()
        history.machines.append(history.machine("fresh"))
        for number, machine in enumerate(history.machines):
            history.check_arrives(machine, number)
    except Exception as error:
        error.add_note("\n".join(history.done))
        raise
    finally:
        history.close()


def put(machine: Machine, state: Path) -> None:
    shutil.copy(state, machine.databases["main"])


def contents(machine: Machine) -> dict[str, tuple[str, str]]:
    """Return the content id and the time of each tagged snapshot."""
    return {one.snapshot: (one.content, one.created) for one in machine.snap.tags()}


def depths(machine: Machine) -> dict[bytes, int]:
    with machine.store() as store:
        return dict(store.catalog.rows("SELECT id, depth FROM object"))


def test_blocks_upon_each_other_the_other_way_round(tmp_path: Path) -> None:
    """One machine has X upon Y, the other Y upon X; both pushed and pulled everything."""
    remote, pool = make_remote(tmp_path / "remote"), states(tmp_path / "states", 2)
    truths = {}
    machines = [Machine(tmp_path / name, remote) for name in ("one", "other")]
    for machine, order in zip(machines, (pool, pool[::-1]), strict=True):
        for number, state in enumerate(order):
            put(machine, state)
            name = f"{machine.folder.name}-{number}"
            truths[name] = machine.tag(name)
    bases = []
    for machine in machines:
        with machine.store() as store:
            bases.append(dict(store.catalog.rows("SELECT id, base FROM object WHERE base IS NOT NULL AND kind = 1")))
    assert any(bases[1].get(base) == id_ for id_, base in bases[0].items()), "none is crossed"
    for machine in machines:
        machine.snap.push(everything=True)
    fresh = Machine(tmp_path / "fresh", remote)
    for machine in (*machines, fresh):
        machine.snap.pull(everything=True)
        assert machine.tags() == {name: snapshot for name, (snapshot, _) in truths.items()}
        for name, (_, truth) in truths.items():
            assert machine.exported(name, tmp_path / f"{machine.folder.name}-{name}-out") == truth
        machine.demand_sound()
        machine.snap.close()


def chained(machine: Machine, pool: list[Path], numbers: range) -> dict[str, tuple[str, Truth]]:
    """Tag states one after the other, so that each is stored upon the one before."""
    truths = {}
    for number in numbers:
        put(machine, pool[number])
        name = f"{machine.folder.name}-{number}"
        truths[name] = machine.tag(name)
    assert max(depths(machine).values()) == min(NEW_DEPTH, len(numbers) - 1)
    return truths


def test_a_chain_that_is_deeper_there_than_here(tmp_path: Path) -> None:
    """A remote has the base of a chain at the end of another chain: what would lie too deep is stored alone there."""
    remote, pool = make_remote(tmp_path / "remote"), states(tmp_path / "states", 2 * NEW_DEPTH + 1)
    one, other, fresh = (Machine(tmp_path / name, remote) for name in ("one", "other", "fresh"))
    truths = chained(one, pool, range(NEW_DEPTH + 1)) | chained(other, pool, range(NEW_DEPTH, 2 * NEW_DEPTH + 1))
    for machine in (one, other):
        machine.snap.push(everything=True)
    assert max(found.depth for found in remote_objects(remote).values()) == MAX_DEPTH
    fresh.snap.pull(everything=True)
    for name, (_, truth) in truths.items():
        assert fresh.exported(name, tmp_path / f"{name}-out") == truth
    for machine in (one, other, fresh):
        assert max(depths(machine).values()) <= MAX_DEPTH
        machine.demand_sound()
        machine.snap.close()


def test_a_chain_that_is_deeper_here_than_there(tmp_path: Path) -> None:
    """A store has the base of what it pulls at the end of a chain: what would lie too deep is stored alone here."""
    remote, pool = make_remote(tmp_path / "remote"), states(tmp_path / "states", 2 * NEW_DEPTH + 1)
    one, other = (Machine(tmp_path / name, remote) for name in ("one", "other"))
    chained(one, pool, range(NEW_DEPTH + 1))
    truths = chained(other, pool, range(NEW_DEPTH, 2 * NEW_DEPTH + 1))
    other.snap.push(everything=True)
    before = depths(one)
    pulled = one.snap.pull(everything=True)
    assert pulled.objects == len(depths(one)) - len(before)
    assert max(depths(one).values()) <= MAX_DEPTH
    for name, (_, truth) in truths.items():
        assert one.exported(name, tmp_path / f"{name}-out") == truth
    one.demand_sound()
    for machine in (one, other):
        machine.snap.close()


@pytest.mark.parametrize("grace", ["0", "14d"])
def test_a_repacked_and_pruned_store_pushes_what_is_left(tmp_path: Path, grace: str) -> None:
    """Many small packs become one, states between are freed, and what is left arrives; the rest does not."""
    remote, pool = make_remote(tmp_path / "remote"), states(tmp_path / "states", 40)
    one, fresh = (Machine(tmp_path / name, remote) for name in ("one", "fresh"))
    kept = {}
    for number, state in enumerate(pool):
        put(one, state)
        name = f"keep-{number}" if number % 9 == 0 else "moving"
        kept[name] = one.tag(name)
    one.snap.prune(keep_last=1, grace=grace)
    one.snap.push(everything=True)
    fresh.snap.pull(everything=True)
    assert fresh.tags() == {name: snapshot for name, (snapshot, _) in kept.items()} == one.tags()
    for name, (_, truth) in kept.items():
        assert fresh.exported(name, tmp_path / f"{name}-out") == truth
    assert contents(fresh) == contents(one)
    for machine in (one, fresh):
        machine.demand_sound()
        machine.snap.close()
