"""Scenarios: kinds of failure, each with what the flow's users claim of cleanup in it and how it is played."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.faults import backend, client
from benchmarks.faults.client import IMPATIENT, PATIENT, Client


@dataclass(frozen=True)
class Scenario:
    """One kind of failure.

    `claim` is the success of cleanup as it is commonly put, None where nobody says; `mix` what happens to requests, by
    probability; `timeout` what the test and its cleanup wait for an answer, in seconds; `quiet` what the flow waits for
    late requests. `play` names how a round goes (rounds.py), `test` is what the test does in it.
    """

    name: str
    claim: str | None
    about: str
    test: Callable[[Client, random.Random], None] = client.relations
    mix: Mapping[str, float] = field(default_factory=dict)
    timeout: float = PATIENT
    quiet: float = 0.01
    play: str = "through"


def _tree(given: Client, chance: random.Random) -> None:
    client.relations(given, chance, counted=0.0)


SCENARIOS = (
    Scenario(
        "simple CRUD",
        "95%",
        "a user and up to three bots are made, one is changed, one deleted; nothing fails",
        client.crud,
    ),
    Scenario(
        "API calls",
        "90%",
        "rows that were there are changed, and added to; nothing fails",
        client.api,
    ),
    Scenario(
        "complex relations",
        "80%",
        "a tree of rows; the backend adds some of its own, for one integration in twenty one that nothing refers to",
    ),
    Scenario(
        "API time-outs",
        "85%",
        "one request in eight takes longer than client and cleanup wait, and is done all the same",
        _tree,
        {backend.LATE: 0.125},
        IMPATIENT,
        0.2,
    ),
    Scenario(
        "network failures",
        "75%",
        "one connection in eight is cut, half of these before the backend does anything, half before it answers",
        _tree,
        {backend.DROPPED_BEFORE: 0.0625, backend.DROPPED_AFTER: 0.0625},
    ),
    Scenario(
        "test killed",
        "0%",
        "the test's process gets SIGKILL in the middle of its requests; the flow lives and cleans up after it",
        quiet=0.05,
        play="test killed",
    ),
    Scenario(
        "run killed",
        "0%",
        "`snap run` gets SIGKILL in the middle of a test; nobody cleans up, the next suite finds it",
        quiet=0.05,
        play="run killed",
    ),
    Scenario(
        "constraint failures",
        "60%",
        "in half of the tests a row that was there comes to refer to one of the test, which then cannot be deleted",
        client.entangle,
    ),
    Scenario(
        "API failures",
        "50%",
        "one request in four is answered with 500, half of these after part of the work was done",
        _tree,
        {backend.FAILED_BEFORE: 0.125, backend.FAILED_HALFWAY: 0.125},
    ),
    Scenario(
        "database corruption",
        None,
        "the file's header or a page is overwritten, pages are zeroed, the file is cut short, emptied or removed",
        client.crud,
        play="corruption",
    ),
    Scenario(
        "disk full during backup",
        None,
        "no file can grow when the backup is taken: the suite does not begin",
        play="disk full, backup",
    ),
    Scenario(
        "disk full during restore",
        None,
        "no file can grow when the state is put back: the run ends with an error, the next suite puts it back",
        play="disk full, restore",
    ),
)
