"""Time whole processes, from fork to exit, in turn.

The time of a process is wall-clock time. Its memory is the most resident memory of the process or of a child that it
waited for. Linux counts the parent's resident memory at the fork, too, so this process stays small: see `floor`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
READ_BYTES = 1 << 18


class ProcessFailed(Exception):
    """A measured process ended with an error."""


@dataclass(frozen=True)
class Sample:
    """One process of one round; `peak` in bytes."""

    round: int
    seconds: float
    peak: int


@dataclass(frozen=True)
class Place:
    """The folder and the environment in which processes run."""

    folder: str
    environment: Mapping[str, str]
    warm: Sequence[str] = ()  # files to read into memory before each process


@dataclass(frozen=True)
class Contender:
    """One process of a comparison.

    `command`, `before` and `after` get the number of the round. The last two are not timed.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    before: Callable[[int], None] = lambda _: None
    after: Callable[[int], None] = lambda _: None
    rounds: int | None = None
    folder: str | None = None
    exit_code: int = 0
    output: str | None = None  # a file for its output


def copy_and_flush(source: str, target: str) -> list[str]:
    """Return the command of a copy that is on the disk when the process ends."""
    return ["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", source, target]


def always(*command: str) -> Callable[[int], Sequence[str]]:
    """Return a command that is the same in every round."""
    return lambda _: command


@dataclass
class Comparison:
    """The samples of processes that took turns, by name, and the ratios to print."""

    title: str
    ratios: Sequence[tuple[str, str]] = ()
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def seconds(self, name: str) -> float:
        """Return the median."""
        return median(sample.seconds for sample in self.samples[name])

    def peak(self, name: str) -> int:
        """Return the highest memory of all rounds in bytes."""
        return max(sample.peak for sample in self.samples[name])

    def has(self, *names: str) -> bool:
        """Tell whether all these processes were measured."""
        return all(self.samples.get(name) for name in names)

    def ratio(self, name: str, to: str) -> float:
        """Return the ratio of the medians."""
        return self.seconds(name) / self.seconds(to)

    def ratio_by_round(self, name: str, to: str) -> float:
        """Return the median of the ratios of all rounds in which both took part."""
        others = {sample.round: sample.seconds for sample in self.samples[to]}
        return median(one.seconds / others[one.round] for one in self.samples[name] if one.round in others)


def compare(comparison: Comparison, contenders: Sequence[Contender], rounds: int, place: Place) -> Comparison:
    """Run each contender once a round, a different one first each time. Round 0 warms up and does not count."""
    for round_ in range(rounds + 1):
        turn = round_ % len(contenders)
        for contender in (*contenders[turn:], *contenders[:turn]):
            if contender.rounds is not None and round_ > contender.rounds:
                continue
            sample = _take_turn(contender, round_, place)
            if round_:
                comparison.samples.setdefault(contender.name, []).append(sample)
    comparison.samples = {one.name: comparison.samples.get(one.name, []) for one in contenders}
    return comparison


def run(
    command: Sequence[str], place: Place, round_: int = 0, *, exit_code: int = 0, output: str | None = None
) -> Sample:
    """Run one process to its end; `output` is a file for its output. Raises ProcessFailed with that output."""
    with open(output, "w+b") if output else tempfile.TemporaryFile(dir=place.environment["TMPDIR"]) as printed:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=place.folder,
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != exit_code:
            printed.seek(0)
            text = printed.read().decode(errors="replace")
            raise ProcessFailed(f"{' '.join(command)} ended with {process.returncode}: {text}")
    return Sample(round_, seconds, usage.ru_maxrss * MAXRSS_UNIT)


def floor(place: Place) -> int:
    """Return the smallest memory in bytes that this method can show."""
    return run(["true"], place).peak


def _take_turn(contender: Contender, round_: int, place: Place) -> Sample:
    contender.before(round_)
    command = contender.command(round_)
    os.sync()  # so that this process does not wait for the writes of another
    warm_up(place.warm)
    there = replace(place, folder=contender.folder or place.folder)
    sample = run(command, there, round_, exit_code=contender.exit_code, output=contender.output)
    contender.after(round_)
    return sample


def warm_up(paths: Iterable[str]) -> None:
    """Read files into memory."""
    buffer = bytearray(READ_BYTES)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
