"""Measure remotes in object storage: `python -m benchmarks.remote` writes docs/remote-benchmarks.md.

SeaweedFS runs on this machine, behind a relay that counts requests and bytes of bodies, once without latency and once
with 30 ms added to each request. A database of 800 MB is sent there for the first time; then again after the changes of
one test, about 60 pages; then a machine that has nothing gets the first state, and what it has written is compared with
the file. restic sends to the same bucket, and rclone and s5cmd send the whole file. The times are of whole processes:
`snap tag` and `snap push` together, `snap pull` and `snap restore` together. snap alone pushes ten states at once,
which another machine gets that has those before.

`--megabytes 80` makes everything smaller. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import building, machine, peers
from benchmarks.changes import Changer
from benchmarks.ground import WrongResult
from benchmarks.pages import differing_pages, folder_bytes
from benchmarks.timing import MAXRSS_UNIT, Place, ProcessFailed, floor
from tests.remotes.servers import BUCKET, WRITER, seaweedfs

OUTPUT = os.path.join("docs", "remote-benchmarks.md")
LATENCIES = (0.0, 0.03)
STATES = 10
SNAP, RESTIC, RCLONE, S5CMD = "snap", "restic", "rclone", "s5cmd"
FIRST, NEXT, FRESH, PUSH, PULL = "first", "next", "fresh machine", "first: push alone", "fresh machine: pull alone"
AGAIN, TEN, TEN_FETCHED, NOTHING = "first, again", "ten states", "ten states, received", "nothing new"


class Cost(NamedTuple):
    """What one or more processes took: seconds, processor seconds, the highest memory in bytes, and the traffic."""

    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    requests: int = 0
    sent: int = 0
    received: int = 0

    def and_then(self, other: Cost) -> Cost:
        """Return the cost of one after the other."""
        return Cost(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            max(self.peak, other.peak),
            self.requests + other.requests,
            self.sent + other.sent,
            self.received + other.received,
        )


class Run(NamedTuple):
    """What was measured with a latency: costs by step and program, and the bytes of ten states in the local store."""

    latency: float
    costs: Mapping[tuple[str, str], Cost]
    local_bytes: int


def main() -> None:
    """Measure and write the page."""
    from benchmarks.remote_page import page

    options = _options()
    with tempfile.TemporaryDirectory(prefix="snapstore-remote-", dir=options.work) as folder:
        facts = [*machine.facts(peers.find(), folder), *_versions()]
        least = floor(Place(folder, peers.environment(folder)))
        pristine = os.path.join(folder, "pristine.db")
        building.build(pristine, options.megabytes)
        runs = []
        for latency in LATENCIES:
            print(f"{latency * 1000:.0f} ms", file=sys.stderr, flush=True)
            place = Path(tempfile.mkdtemp(dir=folder))
            (place / "server").mkdir()
            with seaweedfs(place / "server") as server, _relay(server.endpoint, latency) as relay:
                runs.append(_Bench(str(place), pristine, relay).measure(latency))
            shutil.rmtree(place)
        size = os.path.getsize(pristine)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(page(runs, facts, size, least))


class _Relay:
    """The relay, as a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._ask, self._answers = process.stdin, process.stdout
        self.endpoint = self._answers.readline().strip()

    def taken(self) -> tuple[int, int, int]:
        """Return requests, bytes sent and bytes received since the last call."""
        self._ask.write("\n")
        self._ask.flush()
        requests, sent, received = json.loads(self._answers.readline())
        return requests, sent, received


@contextmanager
def _relay(upstream: str, latency: float) -> Iterator[_Relay]:
    command = [sys.executable, "-m", "benchmarks.relay", upstream.removeprefix("http://"), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _Relay(process)
        finally:
            process.kill()


class _Bench:
    """One server, the machine that sends, and those that receive."""

    def __init__(self, folder: str, pristine: str, relay: _Relay) -> None:
        self._folder = folder
        self._pristine = pristine
        self._relay = relay
        self._live = os.path.join(folder, "live.db")
        self._changer = Changer()
        self._costs: dict[tuple[str, str], Cost] = {}
        self._environment = {
            **peers.environment(folder),
            "AWS_ACCESS_KEY_ID": WRITER.access_key,
            "AWS_SECRET_ACCESS_KEY": WRITER.secret_key,
            "AWS_REGION": "us-east-1",
            "RESTIC_REPOSITORY": f"s3:{relay.endpoint}/{BUCKET}/restic",
            "RCLONE_S3_PROVIDER": "Other",
            "RCLONE_S3_ENDPOINT": relay.endpoint,
            "RCLONE_S3_ENV_AUTH": "true",
        }

    def measure(self, latency: float) -> Run:
        """Send, change, send, receive."""
        shutil.copyfile(self._pristine, self._live)
        for name in ("sender", "receiver"):
            self._make_desk(name)
        if shutil.which(RESTIC):
            self._run([RESTIC, "init"])
        self._send(FIRST, "baseline")
        self._changer.change(self._live)
        self._send(NEXT, "next")
        self._receive()
        local_bytes = self._exchange_ten()
        return Run(latency, self._costs, local_bytes)

    def _make_desk(self, name: str) -> None:
        """Make the project on one machine; the first one creates the remote."""
        desk = os.path.join(self._folder, name)
        os.mkdir(desk)
        with open(os.path.join(desk, "snapstore.yaml"), "w", encoding="utf-8") as file:
            file.write(f"database: {self._live}\nstore: store\n")
        url = f"s3://{BUCKET}/snapstore"
        self._snap(name, "remote", "add", "origin", url, "--endpoint", self._relay.endpoint, "--project", "benchmark")

    def _send(self, step: str, name: str) -> None:
        """Send the database as it is now, with each program."""
        tagged = self._snap("sender", "tag", name)
        pushed = self._snap("sender", "push", "origin", name)
        self._costs[step, SNAP] = tagged.and_then(pushed)
        for program, command, _ in self._whole_file():
            self._costs[step, program] = self._run(command)
        if step == FIRST:
            self._costs[PUSH, SNAP] = pushed
            shutil.rmtree(os.path.join(self._folder, "sender", "store", "remotes"))
            self._costs[AGAIN, SNAP] = self._snap("sender", "push", "origin", f"{name}:again")

    def _receive(self) -> None:
        """Get the first state on a machine that has nothing; the other programs get the newest, as whole as the first.

        Raises WrongResult.
        """
        copy = os.path.join(self._folder, "copy.db")
        pulled = self._snap("receiver", "pull", "origin", "baseline")
        self._costs[PULL, SNAP] = pulled
        self._costs[FRESH, SNAP] = pulled.and_then(self._snap("receiver", "restore", "baseline", "--to", copy))
        self._check(SNAP, copy, self._pristine)
        for program, _, command in self._whole_file():
            self._costs[FRESH, program] = self._run(command)
            self._check(program, copy if program != RESTIC else f"{self._folder}/restored{self._live}", self._live)

    def _exchange_ten(self) -> int:
        """Push ten states at once, and get them on the other machine; return what they take in the local store."""
        packs = os.path.join(self._folder, "sender", "store", "packs")
        before = folder_bytes(packs)
        names = [f"state-{number}" for number in range(STATES)]
        for name in names:
            self._changer.change(self._live)
            self._snap("sender", "tag", name)
        local_bytes = folder_bytes(packs) - before
        self._snap("receiver", "pull", "origin", "next")
        self._costs[TEN, SNAP] = self._snap("sender", "push", "origin", *names)
        self._costs[TEN_FETCHED, SNAP] = self._snap("receiver", "pull", "origin", *names)
        self._costs[NOTHING, SNAP] = self._snap("receiver", "fetch", "origin")
        return local_bytes

    def _whole_file(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield the other programs that are installed, with the commands that send and receive the file."""
        copy = os.path.join(self._folder, "copy.db")
        if shutil.which(RESTIC):
            restore = ["sh", "-c", 'rm -rf "$2" "$1" && restic restore latest -q -t "$1"', "sh"]
            cache = self._environment["RESTIC_CACHE_DIR"]
            yield RESTIC, [RESTIC, "backup", "-q", self._live], [*restore, f"{self._folder}/restored", cache]
        if rclone := _installed(RCLONE):
            there = f":s3:{BUCKET}/rclone/live.db"
            copyto = [rclone, "--config=", "copyto", "--s3-no-check-bucket", "--ignore-times"]
            yield RCLONE, [*copyto, self._live, there], [*copyto, there, copy]
        if s5cmd := _installed(S5CMD):
            there = f"s3://{BUCKET}/s5cmd/live.db"
            cp = [s5cmd, "--endpoint-url", self._relay.endpoint, "cp"]
            yield S5CMD, [*cp, self._live, there], [*cp, there, copy]

    def _check(self, program: str, found: str, wanted: str) -> None:
        if wrong := differing_pages(found, wanted):
            raise WrongResult(f"{program} has received wrong pages: {wrong}")
        os.unlink(found)

    def _snap(self, desk: str, *arguments: str) -> Cost:
        return self._run([peers.find().snap, *arguments], os.path.join(self._folder, desk))

    def _run(self, command: Sequence[str], folder: str | None = None) -> Cost:
        """Run a process to its end. Raises ProcessFailed."""
        os.sync()
        self._relay.taken()
        with tempfile.TemporaryFile() as printed:
            start = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=folder or self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                printed.seek(0)
                raise ProcessFailed(f"{' '.join(command)}: {printed.read().decode(errors='replace')}")
        print(f"  {seconds:6.1f} s  {' '.join(command)[:100]}", file=sys.stderr, flush=True)
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(seconds, cpu, usage.ru_maxrss * MAXRSS_UNIT, *self._relay.taken())


def _installed(name: str) -> str | None:
    """Return the path of a program, that of this environment first."""
    return shutil.which(name, path=os.path.dirname(sys.executable)) or shutil.which(name)


def _versions() -> Iterator[tuple[str, str]]:
    """Yield the versions of the programs that machine.facts does not know."""
    for name, argument in (("weed", "version"), (RCLONE, "version"), (S5CMD, "version")):
        path = _installed(name)
        text = subprocess.run([path, argument], capture_output=True, text=True, check=False).stdout if path else ""
        yield name, machine.short(text) if path else "not installed, skipped"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=800, help="how large the database is")
    parser.add_argument("--output", default=OUTPUT, help="the page")
    parser.add_argument("--work", help="a folder for everything that is built")
    return parser.parse_args()


if __name__ == "__main__":
    main()
