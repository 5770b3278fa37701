"""Suites and their tests, as a session's client returns them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from snapstore.session.results.rows import Counts
from snapstore.session.results.states import VerifiedDatabase


@dataclass(frozen=True)
class Repaired:
    """What was put right before a suite began."""

    what: str
    verdict: str
    forensic: str | None


@dataclass(frozen=True)
class SuiteBegun:
    """A suite that runs; `left_alone` is what was not put right before it."""

    name: str
    mode: str
    repaired: list[Repaired]
    left_alone: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Attempt:
    """One attempt at a cleanup step."""

    step: str
    number: int
    status: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class TestEnded:
    """What a test left and what became of it; `ok` where neither policy nor state makes it fail.

    `tables` counts what was left, by database and table; `databases` names the rows, in the answer to the end of a
    test alone.
    """

    __test__ = False

    label: str
    outcome: str
    verdict: str | None
    decision: str
    final: str | None
    restored: bool
    forensic: str | None
    tables: dict[str, dict[str, Counts]]
    attempts: list[Attempt]
    removed: dict[str, Any]
    seconds: dict[str, float]
    scenario: str = ""
    ok: bool | None = None
    databases: dict[str, VerifiedDatabase] = field(default_factory=dict)


@dataclass(frozen=True)
class TestBegun:
    """A test that runs; `unfinished` are tests that were ended for it."""

    __test__ = False

    label: str
    unfinished: list[TestEnded]


@dataclass(frozen=True)
class SuiteEnded:
    """What a suite came to; `ok` where every test passes, `cleanup_failed` where a state had to be put back."""

    suite: int
    name: str
    mode: str
    outcome: str
    cleanup_failed: bool
    ok: bool
    repaired: list[Repaired]
    left_alone: list[str]
    tests: list[TestEnded]
