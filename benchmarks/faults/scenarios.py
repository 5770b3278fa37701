"""Kinds of failure, each with the success rate that is often claimed for cleanup, and how to play it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.faults import backend, client
from benchmarks.faults.client import IMPATIENT, PATIENT, Client


@dataclass(frozen=True)
class Scenario:
    """One kind of failure.

    `claim` is the success rate that is often claimed for cleanup, None if there is none. `mix` maps the faults of
    requests to their probabilities. `timeout` is how long the test and its cleanup wait for an answer, and `quiet` how
    long the suite waits for late requests, both in seconds. `play` names the course of a round (rounds.py), and `test`
    is what the test does in it.
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
        "a user and up to three bots are created, one is changed, one deleted; nothing fails",
        client.crud,
    ),
    Scenario(
        "API calls",
        "90%",
        "existing rows are changed, and rows are added; nothing fails",
        client.api,
    ),
    Scenario(
        "complex relations",
        "80%",
        "a tree of rows; the backend adds rows of its own, and for one integration in twenty a row without a reference",
    ),
    Scenario(
        "API time-outs",
        "85%",
        "one request in eight takes longer than client and cleanup wait, and is carried out nevertheless",
        _tree,
        {backend.LATE: 0.125},
        IMPATIENT,
        0.2,
    ),
    Scenario(
        "network failures",
        "75%",
        "one connection in eight is cut, half of them before the backend does anything, half before it answers",
        _tree,
        {backend.DROPPED_BEFORE: 0.0625, backend.DROPPED_AFTER: 0.0625},
    ),
    Scenario(
        "test killed",
        "0%",
        "the test's process gets SIGKILL in the middle of its requests; the suite survives and cleans up",
        quiet=0.05,
        play="test killed",
    ),
    Scenario(
        "run killed",
        "0%",
        "`snap run` gets SIGKILL in the middle of a test; nobody cleans up, and the next suite repairs",
        quiet=0.05,
        play="run killed",
    ),
    Scenario(
        "constraint failures",
        "60%",
        "in half of the tests, an existing row comes to refer to a row of the test, which then cannot be deleted",
        client.entangle,
    ),
    Scenario(
        "API failures",
        "50%",
        "one request in four is answered with 500, half of them after part of the work",
        _tree,
        {backend.FAILED_BEFORE: 0.125, backend.FAILED_HALFWAY: 0.125},
    ),
    Scenario(
        "database corruption",
        None,
        "the header or a page is overwritten, pages are zeroed, or the file is truncated, emptied or removed",
        client.crud,
        play="corruption",
    ),
    Scenario(
        "disk full during backup",
        None,
        "no file can grow while the backup is taken: the suite does not begin",
        play="disk full, backup",
    ),
    Scenario(
        "disk full during restore",
        None,
        "no file can grow while the state is restored: the run ends with an error, and the next suite restores it",
        play="disk full, restore",
    ),
)
