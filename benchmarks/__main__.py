"""Build, measure, check, judge and write: the command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

from benchmarks import differences, first_take, goals, machine, peers, report, restore, startup, status, take, timing
from benchmarks.building import JOURNAL_MODES, build, in_journal_mode
from benchmarks.ground import Ground, WrongResult
from benchmarks.pages import extent, integrity

LEAST_ROUNDS = 5
SMALL_MEGABYTES = 200
# Small databases get more rounds: their processes are so short that the noise of a shared machine exceeds their time.
SMALL_TIMES = 3
DIFF = "diff"


def main() -> None:
    """Run everything and print the goals."""
    options = _options()
    tools = peers.find()
    with tempfile.TemporaryDirectory(prefix="snapstore-benchmarks-", dir=options.work) as folder:
        facts = machine.facts(tools, folder)
        place = timing.Place(folder, peers.environment(folder))
        start, imports = (None, {}) if options.only else _start(tools, place)
        measured = []
        for megabytes in options.megabytes:
            measured += _measure_size(tools, folder, megabytes, options)
        judged = goals.judge(start, measured)
        text = report.write(judged, facts, start, imports, measured, options.rounds, timing.floor(place))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    print(report.goal_table(judged))


def _start(tools: peers.Tools, place: timing.Place) -> tuple[timing.Comparison, dict[str, float]]:
    _say("start-up")
    return startup.measure(tools, place)


def _measure_size(tools: peers.Tools, folder: str, megabytes: int, options: argparse.Namespace) -> list[goals.Measured]:
    """Build one database and measure it in both journal modes, each in its own folder."""
    _say(f"building {megabytes} MB")
    built = os.path.join(folder, "built.db")
    build(built, megabytes)
    rounds = options.rounds * (SMALL_TIMES if megabytes < SMALL_MEGABYTES else 1)
    found = []
    for mode in JOURNAL_MODES:
        with tempfile.TemporaryDirectory(dir=folder) as inner:
            ground = Ground(tools, timing.Place(inner, peers.environment(inner)), mode, rounds)
            in_journal_mode(built, ground.pristine, mode)
            ground.start_over()
            found.append(_measure(ground, megabytes, options.only))
    os.remove(built)
    return found


def _measure(ground: Ground, megabytes: int, only: str | None) -> goals.Measured:
    """Measure one database in one journal mode.

    The order matters: each part leaves the state that the next one needs.
    """
    title = f"{megabytes} MB {ground.journal_mode}"
    size = extent(ground.pristine)
    snapshots = None
    if only:
        ground.snap("tag", "baseline")
    else:
        snapshots = _snapshots(ground, title)
    _say(f"{title}: verify and diff")
    found = differences.measure(ground)
    if (said := integrity(ground.live)) != "ok":
        raise WrongResult(f"after all measurements: {said}")
    return goals.Measured(megabytes, ground.journal_mode, size, snapshots, found)


def _snapshots(ground: Ground, title: str) -> goals.Snapshots:
    _say(f"{title}: first snapshot")
    first = first_take.measure(ground)
    _say(f"{title}: status")
    status_ = status.measure(ground)
    _say(f"{title}: restore")
    restore_, touched = restore.measure(ground)
    _say(f"{title}: later snapshot")
    take_, growths = take.measure(ground)
    return goals.Snapshots(first, status_, restore_, take_, growths, touched)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--megabytes", type=int, action="append", help="database size; repeatable [80 and 800]")
    counted = f"rounds to count, at least 5 [5]; {SMALL_TIMES} times as many below {SMALL_MEGABYTES} MB"
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=counted)
    parser.add_argument("--work", default=None, metavar="DIR", help="where to build the databases [temporary folder]")
    parser.add_argument("--only", choices=(DIFF,), help="measure only verify and diff; needs --output")
    parser.add_argument("--output", default=None, metavar="FILE", help="[docs/benchmarks.md]")
    options = parser.parse_args()
    options.megabytes = options.megabytes or [goals.SMALL, goals.LARGE]
    options.work = os.path.abspath(options.work) if options.work else None
    if options.only and not options.output:
        parser.error("--only needs --output: docs/benchmarks.md holds the complete report")
    options.output = options.output or os.path.join("docs", "benchmarks.md")
    if options.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}")
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
