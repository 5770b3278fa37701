"""Measure start-up: what every command costs before it does anything, and which imports cause it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from statistics import median

from benchmarks.building import build
from benchmarks.changes import Changer
from benchmarks.peers import SnapStore, Tools
from benchmarks.timing import Comparison, Contender, Place, always, compare, run

ROUNDS = 20
LEAST_SHOWN = 0.5  # milliseconds of import time
BARE, CLICK, VERSION, HELP = "python -c pass", 'python -c "import click"', "snap --version", "snap --help"
TAGS, TAGS_FILE = "snap tags", "snap tags, with snapstore.yaml"
STATUS, TAG, RESTORE = "snap status, 1 MB", "snap tag, 1 MB, changed", "snap restore, 1 MB, changed"
SWITCH = "git switch, followed, same content"
_BRANCHES = ("main", "feature")
_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")


def measure(tools: Tools, place: Place) -> tuple[Comparison, dict[str, float]]:
    """Compare short processes on a small database; also return the import times of `snap status` by package."""
    store = _prepare(tools, place)
    configured = os.path.join(place.folder, "configured")
    followed = _repository(tools, place)
    changer = Changer()

    def change(_: int) -> None:
        changer.change(store.live)

    contenders = [
        Contender(BARE, always(sys.executable, "-c", "pass")),
        Contender(CLICK, always(sys.executable, "-c", "import click")),
        Contender(VERSION, always(tools.snap, "--version")),
        Contender(HELP, always(tools.snap, "--help")),
        Contender(TAGS, always(*store.command("tags"))),
        Contender(TAGS_FILE, always(tools.snap, "tags"), folder=configured),
        Contender(STATUS, always(*store.command("status"))),
        Contender(TAG, lambda round_: store.command("tag", f"run-{round_}"), before=change),
        Contender(SWITCH, _switch, folder=followed),
        Contender(RESTORE, always(*store.command("restore", "baseline")), before=change),
    ]
    ratios = [(VERSION, CLICK), (TAGS_FILE, TAGS), (STATUS, CLICK), (RESTORE, CLICK), (SWITCH, VERSION)]
    comparison = compare(Comparison("Start-up", ratios), contenders, ROUNDS, place)
    return comparison, _imports(store.command("status")[1:], place)


def _prepare(tools: Tools, place: Place) -> SnapStore:
    """Create a database of 1 MB with a snapshot, and a folder with a configuration for both."""
    store = SnapStore(tools.snap, os.path.join(place.folder, "small.db"), os.path.join(place.folder, "small-store"))
    build(store.live, 1)
    run(store.take("baseline"), place)
    configured = os.path.join(place.folder, "configured")
    os.mkdir(configured)
    with open(os.path.join(configured, "snapstore.yaml"), "w", encoding="utf-8") as file:
        file.write("databases:\n  default: ../small.db\nstore: ../small-store\n")
    return store


def _repository(tools: Tools, place: Place) -> str:
    """Create a repository with two branches whose databases follow, and a state of 1 MB for each; return its folder."""
    folder = os.path.join(place.folder, "followed")
    run(["git", "init", "-q", "-b", _BRANCHES[0], folder], place)
    with open(os.path.join(folder, "snapstore.yaml"), "w", encoding="utf-8") as file:
        file.write("database: small.db\nstore: .snap\n")
    build(os.path.join(folder, "small.db"), 1)
    identity = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
    run(["git", "-C", folder, *identity, "commit", "-q", "--allow-empty", "-m", "first"], place)
    run([tools.snap, "git", "install", "--config", os.path.join(folder, "snapstore.yaml")], place)
    run(["git", "-C", folder, "branch", _BRANCHES[1]], place)
    for round_ in (0, 1):
        run(_switch(round_, "-C", folder), place)
    return folder


def _switch(round_: int, *options: str) -> list[str]:
    return ["git", *options, "switch", "-q", _BRANCHES[(round_ + 1) % 2]]


def _imports(arguments: list[str], place: Place) -> dict[str, float]:
    """Return the own import time of each top-level package in milliseconds, the median of five runs."""
    command = [sys.executable, "-X", "importtime"]
    at_start = {name for name, _ in _import_times([*command, "-c", "pass"], place)}
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(5):
        sums: dict[str, float] = defaultdict(float)
        for name, milliseconds in _import_times([*command, "-m", "snapstore", *arguments], place):
            sums[_group(name, at_start)] += milliseconds
        for group, value in sums.items():
            found[group].append(value)
    medians = {group: median(values) for group, values in found.items()}
    shown = [(group, value) for group, value in medians.items() if value >= LEAST_SHOWN]
    return dict(sorted(shown, key=lambda one: -one[1]))


def _import_times(command: list[str], place: Place) -> list[tuple[str, float]]:
    done = subprocess.run(
        command, cwd=place.folder, env=dict(place.environment), capture_output=True, text=True, check=True
    )
    return [(name, int(micros) / 1000) for micros, name in _IMPORT.findall(done.stderr)]


def _group(name: str, at_start: set[str]) -> str:
    if name in at_start:
        return "Python itself, before any program"
    top = name.partition(".")[0]
    return "the standard library" if top in sys.stdlib_module_names else top
