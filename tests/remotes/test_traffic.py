"""What pushes and pulls cost in requests and bytes, as the folder transport counts them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.remotes import export
from tests.contents import execute
from tests.remotes.machines import Machine, entries_of, make_remote, run

STATES = 10
SMALL_BYTES = 1024  # of a list and an entry


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine whose baseline of 3 MB is on the remote."""
    with Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as machine:
        machine.fill(3000)
        machine.tag("baseline")
        machine.snap.push(["baseline"])
        yield machine


@pytest.fixture
def worker(one: Machine, tmp_path: Path) -> Iterator[Machine]:
    """Return a machine that has the baseline."""
    with Machine(tmp_path / "worker", one.remote) as machine:
        machine.snap.pull(["baseline"])
        yield machine


def packs(machine: Machine) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in machine.store_folder.glob("packs/*.pack")}


def ten_states(machine: Machine) -> int:
    """Tag states of which each has sixty rows, in as many pages, unlike the one before; return their bytes here."""
    before = packs(machine)
    for number in range(STATES):
        execute(
            machine.databases["main"],
            f"UPDATE noise SET body = randomblob(350) || substr(body, 351) WHERE id % 50 = {number}",
        )
        machine.tag(f"state-{number}")
    return sum(size for name, size in packs(machine).items() if name not in before)


def test_ten_states_in_one_push(one: Machine, worker: Machine) -> None:
    here = ten_states(one)
    pushed = one.snap.push([f"state-{number}" for number in range(STATES)])
    assert pushed.requests <= 4
    assert pushed.packs == 1
    assert pushed.bytes == bytes_of_newest_entry(one.remote)
    assert pushed.bytes <= 1.1 * here
    pulled = worker.snap.pull([f"state-{number}" for number in range(STATES)])
    assert pulled.requests <= 4
    assert pulled.bytes <= 1.1 * here
    assert worker.tags() == one.tags()


def bytes_of_newest_entry(remote: Path) -> int:
    """Return the length of the newest entry, and of the packs and indexes that it names."""
    entry = entries_of(remote)[-1]
    paths = {remote / f"packs/{one['name']}.pack" for one in entry["packs"]}
    paths |= {remote / f"index/{one['idx']}.idx" for one in entry["packs"]}
    return sum(path.stat().st_size for path in (*paths, max((remote / "log").iterdir())))


def test_nothing_new_is_one_request(one: Machine, worker: Machine) -> None:
    for machine in (one, worker):
        for done in (machine.snap.fetch(), machine.snap.push(["baseline"]), machine.snap.pull(["baseline"])):
            assert (done.requests, done.up_to_date) == (1, True)
            assert done.bytes <= SMALL_BYTES


def test_a_first_push_and_a_fresh_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the packs: format, two lists, packs that are there, index, entry."""
    monkeypatch.setattr(export, "PACK_BYTES", 500_000)
    with (
        Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one,
        Machine(tmp_path / "two", one.remote) as two,
    ):
        one.fill(3000)
        one.tag("baseline")
        pushed = one.snap.push(["baseline"])
        assert pushed.packs >= 6
        assert pushed.requests == pushed.packs + 6
        pulled = two.snap.pull(["baseline"])
        assert pulled.requests == pulled.packs + 5
        assert pulled.packs == pushed.packs


def test_a_push_of_what_the_remote_has_sends_its_entry_alone(one: Machine, worker: Machine) -> None:
    pushed = worker.snap.push(["baseline:copy"])
    assert (pushed.packs, pushed.objects) == (0, 0)
    assert pushed.requests == 2
    assert pushed.bytes <= SMALL_BYTES


def test_a_dry_run_sends_nothing(one: Machine) -> None:
    ten_states(one)
    before = sorted(one.remote.rglob("*"))
    pushed = one.snap.push([f"state-{number}" for number in range(STATES)], dry_run=True)
    assert pushed.dry_run
    assert pushed.objects > STATES
    assert sorted(one.remote.rglob("*")) == before
    assert one.snap.push([f"state-{number}" for number in range(STATES)]).objects == pushed.objects


def test_of_a_large_pack_a_small_part_comes_as_ranges(one: Machine, tmp_path: Path) -> None:
    """Less than a quarter of a pack is wanted: what lies far apart in it comes in several requests."""
    execute(one.databases["main"], "UPDATE noise SET body = randomblob(1000) WHERE id < 2000")
    one.tag("other")
    one.snap.push(["other"])
    with Machine(tmp_path / "late", one.remote) as late:
        late.fill(3000)
        late.tag("own")
        execute(late.databases["main"], "UPDATE noise SET body = randomblob(1000) WHERE id > 2900")
        late.tag("own")
        pulled = late.snap.pull(["baseline"])
        assert pulled.bytes < 600_000
        assert late.exported("baseline", tmp_path / "out") == one.exported("baseline", tmp_path / "out-here")
        late.demand_sound()


def test_memory_does_not_grow_with_the_database(tmp_path: Path) -> None:
    """Packs are made, sent and received a few at a time: of sixty times the bytes little more is in memory."""
    remote = make_remote(tmp_path / "remote")
    peaks = {}
    for name, rows in (("small", 1000), ("large", 60_000)):
        with Machine(tmp_path / name, remote) as one, Machine(tmp_path / f"other-{name}", remote) as other:
            one.fill(rows, seed=rows)
            one.tag(name)
            one.snap.close()
            pushed, pulled = run(one, "push", {"revs": [name]}), run(other, "pull", {"tags": [name]})
            assert pulled["packs"] == pushed["packs"] > rows // 1000
            if pushed["memory"] is None:
                pytest.skip("no /proc tells the peak of memory")
            peaks[name] = (pushed["memory"], pulled["memory"])
    for small, large in zip(peaks["small"], peaks["large"], strict=True):
        assert large - small < 25 << 20
