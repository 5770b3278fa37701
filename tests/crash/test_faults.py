"""The scenarios of docs/reliability.md, a few rounds of each: whatever happens, the state is the baseline's in the end.

FAULT_ROUNDS plays more of them; `python -m benchmarks.faults` plays all and writes the page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import apsw.sqlite_extra
import pytest

from benchmarks.faults.rounds import Bench
from benchmarks.faults.scenarios import SCENARIOS, Scenario

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = os.fspath(tmp_path_factory.mktemp("faults"))
    with Bench(folder, "wal", str(apsw.sqlite_extra.path("sqlite3_dbhash"))) as bench:
        yield bench


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_state_is_right_in_the_end(bench: Bench, scenario: Scenario) -> None:
    for number in range(ROUNDS):
        outcome = bench.play(scenario, number)
        assert outcome.is_right, outcome
