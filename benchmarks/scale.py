"""Measure a store with thousands of snapshots, and a prune of nearly all of them.

`python -m benchmarks.scale` works in parts, so that a part can be repeated. Each part writes its findings into the work
folder.

- `grow` takes the snapshots, in this process, for stores of several sizes.
- `times` times whole processes on these stores.
- `fsck` checks the stores.
- `peers` lets restic and borg take the first snapshots.
- `prune` keeps the newest 100 snapshots of the largest store.
- `page` writes docs/scale.md.

Without the name of a part, all of them run in order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from statistics import median
from typing import Any

import sqlean

from benchmarks import machine, peers, scale_page
from benchmarks.building import build, in_journal_mode
from benchmarks.pages import differing_pages, extent, folder_bytes
from benchmarks.timing import Place, run, warm_up
from snapstore.actions.take import TakeOptions, take
from snapstore.history.snapshots import Snapshots
from snapstore.project import Project
from snapstore.store import Store

PAGES = 60  # changed between two snapshots
PARTS = ("grow", "times", "fsck", "peers", "prune", "page")
ROUNDS = 11
TAG_EVERY = 10  # snapshots; the others share the name MOVING
FIRST = 200  # snapshots that the peers take, too
KEEP = 100
MARKS = (10, 1000, 10_000)
CHANGING = 2  # timed commands that run after a change
# Changes with these numbers are in no snapshot. (Negative numbers would repeat the changes of positive ones.)
TIMED_FROM = 1_000_000
MOVING = "state"


class Work:
    """The folder of one run, with its findings so far."""

    def __init__(self, folder: str, megabytes: int) -> None:
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.megabytes = megabytes
        self.tools = peers.find()
        self.place = Place(folder, peers.environment(folder))

    def path(self, name: str) -> str:
        """Return a path in the folder."""
        return os.path.join(self.folder, name)

    def database(self, name: str) -> str:
        """Return a fresh copy of the built database, in WAL mode."""
        built, path = self.path("built.db"), self.path(name)
        if not os.path.exists(built):
            build(built, self.megabytes)
        in_journal_mode(built, path, "wal")
        return path

    def found(self, part: str) -> Any:
        """Return the findings of a part. Raises FileNotFoundError."""
        with open(self.path(f"{part}.json"), encoding="utf-8") as file:
            return json.load(file)

    def keep(self, part: str, found: Any) -> None:
        """Save the findings of a part."""
        with open(self.path(f"{part}.json"), "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


class Rewriter:
    """Rewrites rows in place, so that the database keeps its size; equal numbers make equal changes."""

    def __init__(self, path: str) -> None:
        with closing(sqlean.connect(path)) as connection:
            (self._last,) = connection.execute("SELECT max(id) FROM log").fetchone()

    def change(self, path: str, number: int) -> None:
        """Make change `number`: rows on about `PAGES` pages get other text of the same length."""
        chance = random.Random(number)
        rows = [(f"{chance.getrandbits(64):016x}", id_) for id_ in chance.sample(range(1, self._last + 1), PAGES)]
        with closing(sqlean.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE log SET message = ? || substr(message, 17) WHERE id = ?", rows)
            connection.execute("COMMIT")


def grow(work: Work, snapshots: int) -> None:
    """Take the snapshots of one database for each mark, so that all of them can be timed in turn later."""
    found: dict[str, Any] = {}
    for count in _marks(snapshots):
        shutil.rmtree(work.path(f"at-{count}"), ignore_errors=True)
        os.mkdir(work.path(f"at-{count}"))
        live, store_path = work.database(f"at-{count}/live.db"), work.path(f"at-{count}/store")
        rewriter = Rewriter(live)
        project = Project.of({"default": live})
        found = {"snapshots": count, "sizes": {}, "pages": extent(live).pages}
        start = time.perf_counter()
        for number in range(1, count + 1):
            rewriter.change(live, number)
            with Store.create(store_path) as store:
                take(store, project, TakeOptions(f"run-{number}" if number % TAG_EVERY == 0 else MOVING))
            if number in (1, count):
                found["sizes"][number] = folder_bytes(store_path)
        _say(f"{count} snapshots after {time.perf_counter() - start:.0f} s")
    work.keep("grow", found)


def times(work: Work, snapshots: int) -> None:
    """Time whole processes on the stores in turn, so that other load on the machine affects all of them."""
    seconds: dict[int, dict[str, list[float]]] = {}
    for round_ in range(ROUNDS):
        for count in _marks(snapshots):
            _time_one(work, count, round_, seconds.setdefault(count, {}))
    work.keep("times", {count: {name: median(some) for name, some in by.items()} for count, by in seconds.items()})


def _time_one(work: Work, count: int, round_: int, seconds: dict[str, list[float]]) -> None:
    """Run each command once, after a change if it needs one."""
    live = work.path(f"at-{count}/live.db")
    store = peers.SnapStore(work.tools.snap, live, work.path(f"at-{count}/store"))
    rewriter = Rewriter(live)
    commands = {
        "tag": ("tag", "timed"),
        "restore": ("restore", "timed"),
        "log -n 20": ("log", "-n", "20"),
        "tags": ("tags",),
    }
    for at, (name, arguments) in enumerate(commands.items()):
        if at < CHANGING:
            rewriter.change(live, TIMED_FROM + CHANGING * round_ + at)
        os.sync()
        warm_up([live, *_files(store.folder)])
        seconds.setdefault(name, []).append(run(store.command(*arguments), work.place).seconds)


def _files(folder: str) -> Iterator[str]:
    for path, _, names in os.walk(folder):
        yield from (os.path.join(path, name) for name in names)


def check(work: Work, snapshots: int) -> None:
    """Time a quick and a full check of each store, as whole processes, once each."""
    found: dict[int, dict[str, float]] = {}
    for count in _marks(snapshots):
        store = peers.SnapStore(work.tools.snap, work.path(f"at-{count}/live.db"), work.path(f"at-{count}/store"))
        found[count] = {
            name: run(store.command(*name.split()), work.place).seconds for name in ("fsck --quick", "fsck")
        }
        found[count]["bytes"] = folder_bytes(store.folder)
    work.keep("fsck", found)


def _marks(snapshots: int) -> list[int]:
    return [*(mark for mark in MARKS if mark < snapshots), snapshots]


def compare(work: Work, first: int) -> None:
    """Let the peers take the first snapshots of the same database, with the same changes."""
    live = work.database("peers.db")
    before = work.path("before.db")
    rewriter = Rewriter(live)
    repositories = _repositories(work, live)
    sizes: dict[str, dict[int, int]] = {repository.label: {} for repository in repositories}
    pages = []
    for number in range(1, first + 1):
        if number <= ROUNDS:
            shutil.copyfile(live, before)
        rewriter.change(live, number)
        if number <= ROUNDS:
            pages.append(differing_pages(before, live))
        for repository in repositories:
            run(repository.take(f"run-{number}"), work.place)
            if number in (1, first):
                sizes[repository.label][number] = folder_bytes(repository.folder)
    work.keep("peers", {"first": first, "sizes": sizes, "pages": median(pages)})


def _repositories(work: Work, live: str) -> list[peers.Repository]:
    """Create a store and the repositories of the peers that are installed."""
    found: list[peers.Repository] = [peers.SnapStore(work.tools.snap, live, work.path("ours"))]
    if restic := work.tools.found.get("restic"):
        found.append(peers.ResticRepository(restic, live, work.path("restic"), work.place))
    if borg := work.tools.found.get("borg"):
        found.append(peers.BorgRepository(borg, live, work.path("borg"), work.place))
    for repository in found:
        repository.create()
    return found


def prune(work: Work, snapshots: int) -> None:
    """Keep the newest 100 snapshots of the largest store, and read all of them."""
    folder = work.path(f"at-{snapshots}/store")
    store = peers.SnapStore(work.tools.snap, work.path(f"at-{snapshots}/live.db"), folder)
    printed = work.path("prune.txt")
    before = folder_bytes(folder)
    arguments = ("prune", "--keep-last", str(KEEP), "--tags", "--now", "-y", "--json")
    seconds = run(store.command(*arguments), work.place, output=printed).seconds
    with open(printed, encoding="utf-8") as file:
        document = json.load(file)
    found = {
        "removed": len(document["removed"]),
        "kept": len(document["kept"]),
        "freed_bytes": document["freed_bytes"],
        "before": before,
        "after": folder_bytes(folder),
        "seconds": seconds,
        "again": run(store.command(*arguments), work.place).seconds,
        "read": _read_all(folder),
    }
    work.keep("prune", found)


def _read_all(path: str) -> int:
    """Read every block of every snapshot, checked against its id; return the number of snapshots."""
    with Store.open(path) as store:
        rows = store.snapshots.all()
        for row in rows:
            for record in store.snapshots.load(row.id).databases.values():
                _read_blocks(store.snapshots, store, record.manifest)
    return len(rows)


def _read_blocks(snapshots: Snapshots, store: Store, manifest: bytes) -> None:
    ids = snapshots.manifest(manifest).block_ids
    for _ in store.objects.read_many([ids[at : at + 16] for at in range(0, len(ids), 16)]):
        pass


def main() -> None:
    """Run one part, or all."""
    options = _options()
    work = Work(os.path.abspath(options.work), options.megabytes)
    parts: dict[str, Callable[[], None]] = {
        "grow": lambda: grow(work, options.snapshots),
        "times": lambda: times(work, options.snapshots),
        "fsck": lambda: check(work, options.snapshots),
        "peers": lambda: compare(work, min(FIRST, options.snapshots)),
        "prune": lambda: prune(work, options.snapshots),
        "page": lambda: _write(work, options.output),
    }
    for part in [options.part] if options.part else PARTS:
        _say(part)
        parts[part]()


def _write(work: Work, output: str) -> None:
    facts = machine.facts(work.tools, work.folder)
    parts = [work.found(part) for part in ("grow", "times", "fsck", "peers", "prune")]
    text = scale_page.write(work.megabytes, facts, *parts)
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("--snapshots", type=int, default=MARKS[-1], help="[10,000]")
    parser.add_argument("--megabytes", type=int, default=80, help="size of the database [80]")
    parser.add_argument("--work", required=True, metavar="DIR", help="where to build and keep everything")
    parser.add_argument("--output", default=os.path.join("docs", "scale.md"), metavar="FILE", help="[docs/scale.md]")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
