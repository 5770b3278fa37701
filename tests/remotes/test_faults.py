"""Pushes and pulls through a proxy that injects faults: no state is ever wrong, and what was cut short goes on.

FAULTS=10000 makes it as many faults, in several tests, since most of the time is waiting; there are a few hundred by
default.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from snapstore.errors import SnapError
from snapstore.remotes.clients import Limits
from snapstore.remotes.transport import Transport
from tests.remotes.conftest import Bucket, variables
from tests.remotes.desks import Desk, create_remote
from tests.remotes.proxy import Fault, Proxy, Request, no_faults, proxy, seeded
from tests.remotes.servers import BUCKET, Server
from tests.support import ENVIRONMENT, make_database, run

FAULTS = int(os.environ.get("FAULTS", "200"))
PARTS = max(1, FAULTS // 1000)
LIMITS = Limits(connect=1, idle=1, retries=2)
REFUSALS = {
    "remote-unreachable": 17,
    "remote-refused": 17,
    "remote-damaged": 20,
    "remote-rewound": 20,
    "not-a-remote": 10,
}
"""What a push or a pull may end with, and the exit code."""


@pytest.fixture
def between(seaweed: Server) -> Iterator[Proxy]:
    """Return a proxy before SeaweedFS; what stalls does so for longer than the idle limit."""
    with proxy(seaweed.endpoint, stall=1.5) as running:
        yield running


@pytest.mark.timeout(300 + 2 * FAULTS)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_fault_makes_a_wrong_state(part: int, between: Proxy, bucket: Bucket, tmp_path: Path) -> None:
    pusher, puller = Desk(tmp_path / "pusher"), Desk(tmp_path / "puller", rows=1)
    direct = bucket(f"http://127.0.0.1:{between.upstream[1]}")
    create_remote(direct)
    seen: Counter[Fault] = Counter()
    ended: Counter[str] = Counter()
    chance, number = random.Random(part), part * FAULTS
    while seen.total() < FAULTS / PARTS:
        number += 1
        pusher.change(number)
        wanted = pusher.tag("state")
        transport = bucket(between.endpoint, limits=LIMITS)
        between.plan = seeded(number, chance.choice((0.15, 0.4)), list(Fault))
        ended[_until_done(between, partial(pusher.push, transport, "state"))] += 1
        between.plan = seeded(-number, chance.choice((0.15, 0.4)), list(Fault))
        before = puller.tags()
        first = _try(partial(puller.pull, transport, "state"))
        ended[first] += 1
        if first:
            assert puller.tags() == before
            ended[_until_done(between, partial(puller.pull, transport, "state"))] += 1
        assert puller.tags() == {"state": wanted}
        seen.update(one.fault for one in between.requests() if one.fault)
        between.clear()
        transport.close()
    assert puller.is_sound()
    assert pusher.is_sound()
    fresh = Desk(tmp_path / "fresh", rows=1)
    fresh.pull(direct, "state")
    assert fresh.tags() == pusher.tags()
    assert fresh.is_sound()
    assert set(seen) == set(Fault)
    assert ended[""] > sum(ended.values()) / 4  # most faults are got over
    assert ended.keys() <= {"", *REFUSALS}


def _try(action: Callable[[], object]) -> str:
    """Do something; return the code of the error that it ends with, which must have its exit code and words."""
    try:
        action()
    except SnapError as error:
        assert error.exit_code == REFUSALS[error.code], error
        assert error.message.isprintable()
        assert len(error.message) < 300
        return error.code
    return ""


def _until_done(between: Proxy, action: Callable[[], object]) -> str:
    """Do something with faults, and once more without if that did not do; return how the first try ended."""
    found = _try(action)
    if found:
        plan, between.plan = between.plan, no_faults
        assert _try(action) == ""
        between.plan = plan
    return found


def _packs(between: Proxy) -> list[Request]:
    return [one.request for one in between.requests("PUT") if one.request.key.endswith(".pack") and one.status == 200]


def test_a_push_that_was_cut_short_sends_no_pack_twice(between: Proxy, bucket: Bucket, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    desk.fill(1, 70)
    desk.tag("baseline")
    transport = bucket(between.endpoint, limits=LIMITS)
    create_remote(transport)

    def after_two_packs(request: Request) -> Fault | None:
        is_late = len(_packs(between)) >= 2
        return Fault.FORBIDDEN if request.method == "PUT" and is_late else None

    between.plan = after_two_packs
    assert _try(lambda: desk.push(transport, "baseline")) == "remote-refused"
    first = _packs(between)
    assert len(first) >= 2
    between.plan = no_faults
    before = transport.traffic
    desk.push(transport, "baseline")
    packs = _packs(between)
    assert len(packs) == len({one.key for one in packs}) > len(first)
    assert transport.traffic.since(before).sent < 70_000_000 - 2 * (16 << 20) + 2_000_000
    puller = Desk(tmp_path / "puller", rows=1)
    puller.pull(transport, "baseline")
    assert puller.tags() == desk.tags()


def test_a_pull_that_was_cut_short_receives_no_pack_twice(between: Proxy, bucket: Bucket, tmp_path: Path) -> None:
    desk, puller = Desk(tmp_path / "desk"), Desk(tmp_path / "puller", rows=1)
    desk.fill(2, 70)
    desk.tag("baseline")
    transport = bucket(between.endpoint, limits=LIMITS)
    create_remote(transport)
    desk.push(transport, "baseline")
    between.clear()

    def received() -> list[str]:
        return [one.request.key for one in between.requests("GET") if ".pack" in one.request.key and one.status == 200]

    between.plan = lambda request: Fault.FORBIDDEN if ".pack" in request.key and len(received()) >= 2 else None
    assert _try(lambda: puller.pull(transport, "baseline")) == "remote-refused"
    assert puller.tags() == {}
    assert len(received()) >= 2
    between.plan = no_faults
    puller.pull(transport, "baseline")
    assert puller.tags() == desk.tags()
    assert len(received()) == len(set(received()))
    assert puller.is_sound()


@pytest.mark.parametrize("name", ["small", "large"], ids=["in ranges", "as a whole"])
def test_what_is_damaged_on_its_way_is_asked_for_again(
    between: Proxy, bucket: Bucket, tmp_path: Path, name: str
) -> None:
    desk, puller = Desk(tmp_path / "desk"), Desk(tmp_path / "puller", rows=1)
    desk.tag("small")
    desk.fill(3, 3)
    desk.tag("large")
    transport = bucket(between.endpoint, limits=LIMITS)
    create_remote(transport)
    desk.push(transport, "small", "large")
    between.clear()
    between.plan = lambda request: Fault.FLIPPED if ".pack" in request.key else None
    assert _try(lambda: puller.pull(transport, name)) == "remote-damaged"
    asked = Counter(one.request.key for one in between.requests("GET") if ".pack" in one.request.key)
    assert max(asked.values()) == 2
    between.clear()
    flips = iter([Fault.FLIPPED])
    between.plan = lambda request: next(flips, None) if ".pack" in request.key else None
    puller.pull(transport, name)
    assert puller.tags() == {name: desk.tags()[name]}
    assert puller.is_sound()


@pytest.mark.parametrize("stalling", ["log/", ".pack"])
def test_an_interrupted_push_ends_though_nothing_answers(between: Proxy, tmp_path: Path, stalling: str) -> None:
    make_database(tmp_path / "db.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    url = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    command = ["remote", "add", "origin", url, "--endpoint", between.endpoint, "--region", "us-east-1"]
    run(command, tmp_path, 0, (), **variables())
    run(["tag", "baseline"], tmp_path)
    between.stall = 60
    between.plan = lambda request: Fault.STALL if stalling in request.key + request.query else None
    between.clear()
    process = subprocess.Popen(
        [sys.executable, "-m", "snapstore", "push", "origin", "baseline"],
        cwd=tmp_path,
        env={**ENVIRONMENT, **variables(), "XDG_CONFIG_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(one.fault for one in between.requests()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=20)[1]  # less than the limit of a request
    assert process.returncode == 130
    between.plan = no_faults
    run(["push", "origin", "baseline"], tmp_path, 0, (), **variables())


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.ANSWER_500], ids=lambda fault: fault.name)
def test_an_entry_whose_answer_was_lost_is_ours(between: Proxy, bucket: Bucket, fault: Fault, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    transport: Transport = bucket(between.endpoint, limits=LIMITS)
    create_remote(transport)
    between.plan = lambda request: fault if "log/" in request.key and request.number == 1 else None
    for number in (1, 2):
        desk.change(number)
        desk.tag("state")
        assert desk.push(transport, "state").entry == number
    assert [one.key for one in transport.list_after("log/")] == [f"log/{number:016x}" for number in (1, 2)]
