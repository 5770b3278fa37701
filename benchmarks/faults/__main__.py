"""Play every scenario, check every state, write docs/reliability.md: the command `python -m benchmarks.faults`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks import peers
from benchmarks.faults import page
from benchmarks.faults.rounds import Bench, Outcome
from benchmarks.faults.scenarios import SCENARIOS, Scenario
from snapstore.results.reports import Phase
from snapstore.suite.ledger import Ledger
from snapstore.suite.report import measure

JOURNAL_MODES = ("delete", "wal")
DEFAULT_ROUNDS = 1008


def main() -> None:
    """Play, print and write. Exit with 1 if any final state differs from the baseline."""
    options = _options()
    start = time.monotonic()
    outcomes: list[Outcome] = []
    phases: dict[str, Sequence[Phase]] = {}
    each = -(-options.rounds // (len(options.scenarios) * len(JOURNAL_MODES)))
    for mode in JOURNAL_MODES:
        with tempfile.TemporaryDirectory(prefix="snapstore-faults-", dir=options.work) as folder:
            played, phases[mode] = _play(folder, mode, options.scenarios, each)
            outcomes += played
    text = page.write(outcomes, phases, options.scenarios, time.monotonic() - start)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    print(page.table_of(outcomes, options.scenarios))
    wrong = [one for one in outcomes if not one.is_right]
    for one, number in Counter(wrong).items():
        print(f"NOT the baseline ({number}): {one}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


def _play(folder: str, mode: str, scenarios: list[Scenario], each: int) -> tuple[list[Outcome], Sequence[Phase]]:
    tools = peers.find()
    outcomes = []
    with Bench(folder, mode, tools.found["dbhash"]) as bench:
        for scenario in scenarios:
            began = time.monotonic()
            played = [bench.play(scenario, number) for number in range(each)]
            wrong = sum(not one.is_right for one in played)
            said = f"{mode}: {scenario.name}: {each} rounds, {wrong} wrong ({time.monotonic() - began:.0f} s)"
            print(said, file=sys.stderr, flush=True)
            outcomes += played
        report = measure(Ledger(bench.store, bench.project.origin))
    return outcomes, report.phases


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help=f"in all, at least [{DEFAULT_ROUNDS}]")
    parser.add_argument("--only", action="append", metavar="SCENARIO", help="repeatable; writes no page")
    parser.add_argument("--work", default=None, metavar="DIR", help="where to put the databases [temporary folder]")
    parser.add_argument("--output", default=os.path.join("docs", "reliability.md"), metavar="FILE")
    options = parser.parse_args()
    options.scenarios = [one for one in SCENARIOS if not options.only or one.name in options.only]
    if not options.scenarios or options.rounds < 1:
        parser.error(f"the scenarios are: {', '.join(one.name for one in SCENARIOS)}")
    if options.only:
        options.output = None
    return options


if __name__ == "__main__":
    main()
