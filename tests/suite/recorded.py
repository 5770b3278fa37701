"""Weeks of suites on record: entered through the ledger, then dated as if they had been run a day apart."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from snapstore.results.rows import Counts
from snapstore.results.suites import Attempt
from snapstore.store import Store
from snapstore.suite.ledger import VERIFIED, Ledger

FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)
TESTS = (
    ("checkout.spec.ts > pays by card", "complex relations"),
    ("login.spec.ts > remembers the user", "simple CRUD"),
    ("search.spec.ts > finds a product", "simple CRUD"),
    ("import.spec.ts > reads a large file", "time-outs"),
    ("admin.spec.ts > deletes a customer", "constraints"),
    ("webhooks.spec.ts > tries again", "network failures"),
)
HOSTILE = "<script>alert('&\"')</script> \x1b[31m\u202e"
STORE_BYTES = 1_400_000


def moment(day: int, second: float = 0) -> str:
    """Return a time of the record, as the ledger writes times."""
    return (FIRST + timedelta(days=day, seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def enter(ledger: Ledger, suite: int, label: str, scenario: str, verdict: str, **values: Any) -> int:
    """Enter one test: what is not clean was restored, unless `values` say otherwise."""
    is_right = verdict in ("clean", "drifted")
    columns: dict[str, Any] = {
        "outcome": "passed",
        "verdict": verdict,
        "decision": "pass" if is_right else "restore",
        "final": verdict if is_right else "clean",
        "forensic": None if is_right else "ab" * 16,
        "test_s": 2.0,
        "cleanup_s": 0.2,
        "quiet_s": 0.1,
        "verify_s": 0.004,
        "restore_s": None if is_right else 0.02,
    }
    stages = {} if is_right else {0: {("default", "item"): Counts(3)}, VERIFIED: {("default", "item"): Counts(1)}}
    attempts = values.pop("attempts", [Attempt("delete rows", 1, "done", "", 0.2)])
    stages = values.pop("stages", stages)
    columns.update(values)
    test = ledger.begin_test(suite, label, scenario)
    ledger.end_test(test, columns, attempts, stages)
    return test


def record(store: Store, origin: str, days: int = 40, seed: int = 1) -> Ledger:
    """Fill a ledger."""
    chance, ledger = random.Random(seed), Ledger(store, origin)
    for day in range(days):
        suite = ledger.begin_suite("npx playwright test", "npx playwright test", "hybrid", 100 + day, "cd" * 16)
        for label, scenario in TESTS:
            _test(ledger, suite, label, scenario, chance, day)
        if day == days - 1:
            enter(ledger, suite, HOSTILE, HOSTILE, "schema-changed", stages={})
        outcome = "died" if day % 17 == 11 else "failed" if day % 13 == 5 else "passed"
        ledger.end_suite(suite, outcome, 0, store_bytes=int(STORE_BYTES * (1 + day**1.3 / 60)))
        date(store, suite, day)
    return ledger


def _test(ledger: Ledger, suite: int, label: str, scenario: str, chance: random.Random, day: int) -> None:
    leaks = {"complex relations": 0.08, "constraints": 0.4, "network failures": 0.25, "time-outs": 0.15}
    is_new = scenario == "constraints" and day < 20
    verdict = "clean" if chance.random() < 0.6 else "drifted"
    if chance.random() < leaks.get(scenario, 0.01) and not is_new:
        verdict = chance.choice(("leaked", "leaked", "leaked", "damaged", "schema-changed"))
    is_right = verdict in ("clean", "drifted")
    attempts = [Attempt("npm run cleanup", 1, "done" if chance.random() < 0.9 else "failed", "exit 1", 0.3)]
    if attempts[0].status == "failed":
        attempts.append(Attempt("npm run cleanup", 2, "done", "", 0.3))
    stages = {0: {("default", "shop_order"): Counts(4)}}
    if not is_right:
        stages[VERIFIED] = {("default", "shop_order"): Counts(1), ("default", "auth_user"): Counts(1, 0, 2)}
    times = {
        "test_s": chance.lognormvariate(0.8, 0.6),
        "cleanup_s": chance.lognormvariate(-1.5, 0.5),
        "quiet_s": 0.1 + chance.random() * 0.05,
        "verify_s": chance.lognormvariate(-5, 0.3),
        "restore_s": None if is_right else chance.lognormvariate(-3.4, 0.3),
    }
    enter(ledger, suite, label, scenario, verdict, attempts=attempts, stages=stages, **times)


def date(store: Store, suite: int, day: int) -> None:
    """Date a suite and its tests."""
    store.catalog.rows("UPDATE suite SET started = ?, ended = ? WHERE suite = ?", (moment(day), moment(day, 90), suite))
    tests = store.catalog.rows("SELECT test FROM test WHERE suite = ? ORDER BY test", (suite,))
    for at, (test,) in enumerate(tests):
        times = (moment(day, at * 10), moment(day, at * 10 + 4.5), test)
        store.catalog.rows("UPDATE test SET started = ?, ended = ? WHERE test = ?", times)
