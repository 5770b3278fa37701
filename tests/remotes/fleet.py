"""Pushers, pullers and prunes of one remote at the same time, each a process; prunes have a grace of seconds.

`python -m tests.remotes.fleet SECONDS` runs them for so long and checks the remote then. Each process writes down what
it did, one JSON document a line.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from snapstore.errors import NotFastForward, RemoteDamaged, UnknownOnRemote, UnknownRevision, WouldRemoveEverything
from snapstore.history.retention import Retention
from snapstore.remotes import collection
from tests.remotes.scene import Machine, found
from tests.support import ENVIRONMENT

GRACE = 6.0
ROLES = {"pusher": 3, "puller": 2, "pruner": 2}
_KEPT = 12


def work(role: str, place: Path, number: int, seconds: float) -> None:
    """Do one role until the time is over."""
    collection.MANY_SMALL = 4  # so that much is packed anew
    end = time.monotonic() + seconds
    name = f"{role}-{number}"
    remote = place / "remote"
    rows = 400 if role == "pusher" else 10
    with (
        closing(Machine(place / name, remote, rows=rows, stale_after=GRACE / 2)) as machine,
        (place / f"{name}.jsonl").open("w") as events,
    ):
        turn = 0
        while time.monotonic() < end:
            turn += 1
            event = {"pusher": _push, "puller": _pull, "pruner": _prune}[role](machine, f"{name}-{turn}", turn)
            events.write(json.dumps(event) + "\n")
            events.flush()


def _push(machine: Machine, name: str, turn: int) -> dict[str, object]:
    """Push a new state; now and then delete one, or push again what was deleted."""
    machine.change(f"{turn:08}", random.choice([3, 17, 90]))
    snapshot = machine.tag(name)
    machine.push(name, timeout=120)
    time.sleep(random.uniform(0, 1))  # a prune that never comes to an end shows nothing
    if turn % 5 == 0:
        again = f"again-{name}"
        old = random.randrange(1, turn)
        source = f"{name.rpartition('-')[0]}-{old}"
        snapshot_of_old = machine.store.refs.demand(source).snapshot
        machine.push(f"{source}:{again}", timeout=120)
        return {"pushed": {name: snapshot, again: snapshot_of_old}}
    return {"pushed": {name: snapshot}}


def _pull(machine: Machine, _name: str, _turn: int) -> dict[str, object]:
    """Pull some tag that there is."""
    with machine.log() as log:
        tags = sorted(log.read().refs)
    some = random.sample(tags, min(2, len(tags)))
    try:
        machine.pull(*some, force=True)
    except (UnknownOnRemote, UnknownRevision, NotFastForward):  # removed meanwhile
        return {"missed": some}
    except RemoteDamaged as error:
        if "go away faster" not in error.detail:
            raise
        return {"late": some}
    return {"pulled": some}


def _prune(machine: Machine, _name: str, turn: int) -> dict[str, object]:
    """Prune, with a short grace or none."""
    rules = Retention(keep_last=_KEPT, keep_tags=("base*",))
    try:
        done = machine.prune(rules, grace=GRACE, at_once=turn % 3 == 0, timeout=120)
    except WouldRemoveEverything:
        return {}
    time.sleep(random.uniform(0, 0.3))
    return {
        "removed": {one.name: one.from_ for one in done.removed},
        "condemned": done.condemned,
        "packs": done.packs,
        "deleted": done.deleted,
        "entries": done.entries,
    }


def run(place: Path, seconds: float) -> dict[str, int]:
    """Run the fleet; check that the remote is sound and has all it should have. Return how much was done."""
    remote = found(place / "remote")
    with closing(Machine(place / "first", remote)) as first:
        first.tag("baseline")
        first.push("baseline")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.remotes.fleet", role, str(place), str(number), str(seconds)],
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for role, count in ROLES.items()
        for number in range(count)
    ]
    said = [process.communicate()[1] for process in processes]
    failed = [text for process, text in zip(processes, said, strict=True) if process.returncode]
    assert not failed, "\n".join(failed)
    return check(place, remote)


def check(place: Path, remote: Path) -> dict[str, int]:
    """Check what a fleet left; return how much was done."""
    events = [json.loads(line) for path in place.glob("*.jsonl") for line in path.read_text().splitlines()]
    pushed = {name: snapshot for one in events for name, snapshot in one.get("pushed", {}).items()}
    removed = {name for one in events for name in one.get("removed", {})}
    with closing(Machine(place / "last", remote, rows=10)) as last:
        checked = last.check()
        assert checked.ok, checked.damaged
        with last.log() as log:
            refs = {name: ref.snapshot for name, ref in log.read().refs.items()}
        assert {name: refs.get(name) for name in pushed.keys() - removed} == {
            name: pushed[name] for name in pushed.keys() - removed
        }
        last.pull(*refs)
        assert all(last.store.snapshots.exists(snapshot) for snapshot in refs.values())
    counts = {"pushed": len(pushed), "removed": len(removed), "tags": len(refs)}
    for key in ("condemned", "packs", "deleted", "entries"):
        counts[key] = sum(one.get(key, 0) for one in events)
    for key in ("pulled", "missed", "late"):
        counts[key] = sum(key in one for one in events)
    return counts


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(f"{run(Path(folder), float(sys.argv[1]))}\n")
    else:
        role, place, number, seconds = sys.argv[1:]
        work(role, Path(place), int(number), float(seconds))
