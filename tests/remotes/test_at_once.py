"""Many processes push to one remote and pull from it at the same time: all of it counts, each once."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.remotes.machines import (
    Machine,
    Truth,
    decoded,
    entries_of,
    make_remote,
    remote_bytes,
    remote_state,
    result_of,
    run,
    started,
    wait_for,
)

PUSHERS = int(os.environ.get("PUSHERS", "32"))
PULLERS = 8
PATIENCE = 100.0  # seconds that other pushes may be quicker, on a machine that is busy


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return make_remote(tmp_path / "remote")


def machines(folder: Path, remote: Path, count: int) -> list[Machine]:
    """Return machines whose live database is the same in half of them."""
    found: list[Machine] = []
    for number in range(count):
        machine = Machine(folder / f"m{number}", remote)
        if number in (0, 1):
            machine.fill(300, seed=number)
        elif number % 2 == 0:
            shutil.copy(found[0].databases["main"], machine.databases["main"])
        else:
            shutil.copy(found[1].databases["main"], machine.databases["main"])
            machine.change(f"of {number}")
        found.append(machine)
    return found


def test_many_push_at_once(tmp_path: Path, remote: Path, record_testsuite_property: Any) -> None:
    """Half of them push the same new content, under names of their own; all have read the log before any appends."""
    pushers = machines(tmp_path, remote, PUSHERS)
    truths: dict[str, tuple[str, Truth]] = {}
    for machine in pushers:
        truths[machine.folder.name] = machine.tag(machine.folder.name)
        machine.snap.close()
    go = tmp_path / "go"
    options = {"everything": True, "timeout": PATIENCE}
    for machine in pushers:
        (tmp_path / f"{machine.folder.name}.wait").symlink_to(go)
    processes = [
        started(machine, "push", options, "remote-object-written", os.fspath(tmp_path / f"{machine.folder.name}.wait"))
        for machine in pushers
    ]
    for machine, process in zip(pushers, processes, strict=True):
        wait_for(tmp_path / f"{machine.folder.name}.wait.reached", process)
    go.touch()
    done = [result_of(process) for process in processes]
    assert [one for one in done if "error" in one] == []
    tries = sorted(one["requests"] for one in done)
    record_testsuite_property("requests", f"median {statistics.median(tries)}, most {tries[-1]}")
    entries = entries_of(remote)
    assert [one["n"] for one in entries] == list(range(1, PUSHERS + 1))
    assert sorted(name for one in entries for name in one["refs"]) == sorted(truths)
    assert sorted(one["entry"] for one in done) == list(range(1, PUSHERS + 1))
    state = remote_state(remote)
    assert {name: ref.snapshot for name, ref in state.refs.items()} == {name: one for name, (one, _) in truths.items()}
    check_no_object_twice(entries, state.packs.keys())
    decoded(remote)
    with Machine(tmp_path / "late", remote) as late:
        late.snap.pull(everything=True)
        for name in ("m0", "m1", f"m{PUSHERS - 2}", f"m{PUSHERS - 1}"):
            assert late.exported(name, tmp_path / f"out-{name}") == truths[name][1]
        late.demand_sound()


def check_no_object_twice(entries: list[dict[str, Any]], live: Any) -> None:
    """A pack is named by the entry that brought it alone."""
    named = [pack["name"] for entry in entries for pack in entry["packs"]]
    assert sorted(named) == sorted(set(named)) == sorted(live)


def test_the_same_baseline_from_all_is_kept_once(tmp_path: Path, remote: Path) -> None:
    """Who is late finds the blocks there, and names its snapshot alone."""
    pushers = machines(tmp_path, remote, 8)[::2]
    for machine in pushers:
        machine.tag(machine.folder.name)
        machine.snap.close()
    done = [result_of(one) for one in [started(one, "push", {"everything": True, "timeout": 60}) for one in pushers]]
    assert [one for one in done if "error" in one] == []
    size = max(one["bytes"] for one in done)
    named = sum(pack["bytes"] for entry in entries_of(remote) for pack in entry["packs"])
    assert named < 1.2 * size
    assert remote_bytes(remote) <= 4 * size


@pytest.fixture
def pushed(tmp_path: Path, remote: Path) -> Iterator[tuple[Machine, Truth]]:
    with Machine(tmp_path / "one", remote) as one:
        one.fill(1500)
        _, truth = one.tag("baseline")
        run(one, "push", {"revs": ["baseline"]})
        yield one, truth


@pytest.mark.parametrize("stores", [1, PULLERS])
def test_many_pull_at_once(tmp_path: Path, pushed: tuple[Machine, Truth], stores: int) -> None:
    """Into one store, or each into its own; of one store the packs come once."""
    one, truth = pushed
    pullers = [Machine(tmp_path / f"p{number}", one.remote) for number in range(stores)]
    for machine in pullers:
        machine.fill(5)
        machine.tag("own")
        machine.snap.close()
    processes = [started(pullers[number % stores], "pull", {"tags": ["baseline"]}) for number in range(PULLERS)]
    done = [result_of(process) for process in processes]
    assert [found for found in done if "error" in found] == []
    received = sum(found["bytes"] for found in done)
    assert received < stores * remote_bytes(one.remote) + PULLERS * 20_000
    for number, machine in enumerate(pullers):
        assert machine.exported("baseline", tmp_path / f"out{number}") == truth
        machine.demand_sound()
        machine.snap.close()


def test_two_machines_move_the_same_name(tmp_path: Path, pushed: tuple[Machine, Truth]) -> None:
    """One is refused, and nothing of it counts; by force it replaces what the other pushed."""
    one, _ = pushed
    with Machine(tmp_path / "other", one.remote) as other:
        other.snap.pull(["baseline"])
        other.fill(20, seed=8)
        for machine in (one, other):
            machine.change(machine.folder.name)
            machine.tag("baseline")
        names = {machine.tags()["baseline"]: machine for machine in (one, other)}
        before = remote_state(one.remote).n
        done = [
            result_of(process) for process in [started(each, "push", {"revs": ["baseline"]}) for each in names.values()]
        ]
        refused = [found for found in done if "error" in found]
        assert [(found["error"], found["exit_code"]) for found in refused] == [("NotFastForward", 14)]
        state = remote_state(one.remote)
        assert state.n == before + 1
        winner = names[state.refs["baseline"].snapshot]
        loser = next(machine for machine in names.values() if machine is not winner)
        forced = run(loser, "push", {"revs": ["baseline"], "force": True})
        assert forced["refs"][0]["to"] == loser.tags()["baseline"] == remote_state(one.remote).refs["baseline"].snapshot
        run(winner, "pull", {"tags": ["baseline"]})  # it follows: what it has was there
        assert winner.tags()["baseline"] == loser.tags()["baseline"]
        for machine in (one, other):
            machine.demand_sound()
