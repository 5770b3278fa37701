"""Feeds a target; notes what it should not have raised, with the seed that shows it again."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterable
from random import Random
from typing import NamedTuple, NoReturn

from tests.fuzz.targets import Target, described

MOST_SECONDS = 20  # for one input; they take milliseconds at most
MOST_FAILURES = 20


class Report(NamedTuple):
    """How many inputs there were, failures as text, and by how many bytes the process has grown."""

    inputs: int
    failures: list[str]
    grown_bytes: int


class TookForEver(Exception):
    """An input hangs its decoder."""


def run(target: Target, seeds: Iterable[int]) -> Report:
    """Feed a target an input a seed."""

    def ring(*_: object) -> NoReturn:
        raise TookForEver

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = signal.signal(signal.SIGALRM, ring)
    failures: dict[str, str] = {}
    inputs = 0
    try:
        for seed in seeds:
            inputs += 1
            signal.alarm(MOST_SECONDS)
            try:
                target(Random(seed))
            except Exception as error:  # noqa: BLE001 - all of them are to be seen
                what, text = described(error)
                failures.setdefault(what, f"seed {seed}: {what} {text}")
                if len(failures) >= MOST_FAILURES:
                    break
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    return Report(inputs, list(failures.values()), grown)
