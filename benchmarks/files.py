"""Measure folders with files beside a database: `python -m benchmarks.files` writes docs/files-benchmarks.md.

A folder has 1 GB in 10,000 files, or in 20. In each round ten of them change, and the programs take and restore in
turn, as whole processes. Before its turn each program takes the folder once, untimed: others have written the files
since its last turn, and all of them know files by inode and time. What each restore leaves is compared with the
pristine folder: names, times and the bytes of what had changed. `rsync` restores from a copy, alone and with a sync
after it, `cp -a` copies everything. In a session, one file is added to the 10,000, and then ten change as above: it
does what a command does, without the start of a process.

`--megabytes 50` makes everything smaller.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import median
from typing import NamedTuple

from benchmarks import machine, peers
from benchmarks.ground import WrongResult
from benchmarks.timing import Place, Sample, floor, run
from snapstore import Session

OUTPUT = os.path.join("docs", "files-benchmarks.md")
COUNTS = (10_000, 20)
CHANGED = 10
RSYNC, RESTIC = "rsync", "restic"
RSYNC_SYNCED = "rsync, then sync"
SESSION_ROUNDS = 15
GOALS = {"memory": 150_000_000, "session restore": 0.030, "verify": 0.020}
PEERS = ((RSYNC, 0.5), (RSYNC_SYNCED, 0.5), (RESTIC, 0.2))  # and the part of the time of their restores
MEDIA, COPY = "media", "copy"
SNAP = "snap"


class Case(NamedTuple):
    """What was measured in a folder with so many files: samples by what was done and by program."""

    files: int
    samples: dict[tuple[str, str], list[Sample]]
    session: dict[str, list[float]]
    session_changed: dict[str, list[float]]

    def seconds(self, what: str, program: str) -> float:
        """Return the median."""
        return median(one.seconds for one in self.samples[what, program])

    def peak(self) -> int:
        """Return the most memory that a command of snap took, in bytes."""
        return max(one.peak for (_, name), some in self.samples.items() if name == SNAP for one in some)


def main() -> None:
    """Measure and write the page."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="snapstore-files-", dir=options.work) as folder:
        facts = machine.facts(peers.find(), folder)
        least = floor(Place(folder, peers.environment(folder)))
        cases = []
        for files in COUNTS:
            print(f"{files} files", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=folder) as place:
                cases.append(_Bench(place, files, options.megabytes).measure(options.rounds))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(page(cases, facts, least, options.megabytes, options.rounds))


class _Bench:
    """One folder, its copies and its repositories."""

    def __init__(self, folder: str, files: int, megabytes: int) -> None:
        self._folder = folder
        self._place = Place(folder, peers.environment(folder))
        self._random = random.Random(files)
        self._paths: list[str] = []
        self._commands = dict(_commands())
        self._samples: dict[tuple[str, str], list[Sample]] = {}
        size = megabytes * 1_000_000 // files
        for number in range(files):
            path = os.path.join(MEDIA, str(number % 100) if files > CHANGED * 10 else "", f"{number}.bin")
            self._write(path, size)
            self._paths.append(path)
        with closing(sqlite3.connect(self._at("db.sqlite3"))) as connection:
            connection.execute("CREATE TABLE upload(name TEXT)")
        with open(self._at("snapstore.yaml"), "w", encoding="utf-8") as file:
            file.write(f"database: db.sqlite3\nstore: store\nfiles: {{media: {{path: {MEDIA}, most: 10GB}}}}\n")

    def measure(self, rounds: int) -> Case:
        """Take, change, take again and restore."""
        shutil.copytree(self._at(MEDIA), self._at(COPY), symlinks=True)
        for name, (prepare, first, _, _) in self._commands.items():
            for command in prepare:
                run(command, self._place)
            if first:
                self._note("first", name, first)
        for round_ in range(1, rounds + 1):
            for name, (_, _, take, restore) in _turned(self._commands, round_):
                self._take_turn(name, take, restore)
        for _ in range(rounds):
            self._note("verify", SNAP, [_snap(), "verify", "baseline"])
        return Case(len(self._paths), self._samples, *self._session(rounds))

    def _take_turn(self, name: str, take: Sequence[str], restore: Sequence[str]) -> None:
        if take:
            run(take, self._place)
        self._change()
        if take:
            self._note("next", name, take)
        self._note("restore", name, restore)
        self._check(name)

    def _note(self, what: str, name: str, command: Sequence[str]) -> None:
        os.sync()
        self._samples.setdefault((what, name), []).append(run(command, self._place))

    def _change(self) -> None:
        """Rewrite a few files, as an application does that appends and edits."""
        self._touched = self._random.sample(self._paths, CHANGED)
        for path in self._touched:
            with open(self._at(path), "r+b") as file:
                file.write(self._random.randbytes(1000))
                file.seek(0, os.SEEK_END)
                file.write(b"more")
        with open(self._at(os.path.join(MEDIA, "added.bin")), "wb") as file:
            file.write(b"added")

    def _check(self, name: str) -> None:
        """Compare the folder with its copy. Raises WrongResult."""
        if name in (RESTIC, "borg"):  # they leave what was added
            os.unlink(self._at(os.path.join(MEDIA, "added.bin")))
        live, pristine = (dict(_stamps(self._at(top))) for top in (MEDIA, COPY))
        if live != pristine:
            raise WrongResult(f"{name} restored {len(live.items() ^ pristine.items())} files wrong")
        for path in self._touched:
            twin = os.path.join(COPY, os.path.relpath(path, MEDIA))
            with open(self._at(path), "rb") as one, open(self._at(twin), "rb") as other:
                if one.read() != other.read():
                    raise WrongResult(f"{name} restored '{path}' wrong")

    def _session(self, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """Measure a session, as its client sees it: with one file added, and with what `_change` does."""
        found: dict[str, list[float]] = {"verify unchanged": [], "verify with one added": [], "restore": []}
        changed: dict[str, list[float]] = {"next": [], "restore": []}
        config = self._at("snapstore.yaml")
        os.sync()
        with Session(config=config, cwd=self._folder, env=dict(self._place.environment)) as session:
            session.restore("baseline")
            session.verify("baseline")
            for number in range(SESSION_ROUNDS):
                found["verify unchanged"].append(_seconds(lambda: session.verify("baseline").verdict, "clean"))
                path = self._at(os.path.join(os.path.dirname(self._paths[number]), "uploaded.bin"))
                with open(path, "wb") as file:
                    file.write(b"uploaded")
                found["verify with one added"].append(_seconds(lambda: session.verify("baseline").verdict, "leaked"))
                found["restore"].append(_seconds(lambda: session.restore("baseline").changed, True))
            for _ in range(rounds):
                self._change()
                os.sync()
                changed["next"].append(_seconds(lambda: session.tag("next").name, "next"))
                os.sync()
                changed["restore"].append(_seconds(lambda: session.restore("baseline").changed, True))
                self._check(SNAP)
        return found, changed

    def _write(self, path: str, size: int) -> None:
        os.makedirs(os.path.dirname(self._at(path)), exist_ok=True)
        with open(self._at(path), "wb") as file:
            file.writelines(self._random.randbytes(min(1 << 20, size - start)) for start in range(0, size, 1 << 20))

    def _at(self, path: str) -> str:
        return os.path.join(self._folder, path)


Commands = tuple[list[list[str]], list[str], list[str], list[str]]
"""Of one program: what prepares it, its first take, its next one, and its restore; empty where it has none."""


def _commands() -> Iterator[tuple[str, Commands]]:
    yield SNAP, ([], [_snap(), "tag", "baseline"], [_snap(), "tag", "next"], [_snap(), "restore", "baseline"])
    sync = 'rm -rf "$2" && cp -a "$1" "$2" && sync -f "$2"'
    yield "cp -a", ([], ["cp", "-a", MEDIA, "first"], [], ["sh", "-c", sync, "sh", COPY, MEDIA])
    if shutil.which("rsync"):
        rsync = ["rsync", "-a", "--delete", f"{COPY}/", f"{MEDIA}/"]
        yield RSYNC, ([], [], [], rsync)
        yield RSYNC_SYNCED, ([], [], [], ["sh", "-c", '"$@" && sync -f .', "sh", *rsync])
    if shutil.which("restic"):
        restic = ["restic", "-r", "restic-repository", "--quiet"]
        first, next_ = [*restic, "backup", "--tag", "first", MEDIA], [*restic, "backup", "--tag", "next", MEDIA]
        yield RESTIC, ([[*restic, "init"]], first, next_, [*restic, "restore", "latest", "--tag", "first", "-t", "."])
    if shutil.which("borg"):
        take = ["borg", "create", "borg-repository::{now:%H%M%S%f}", MEDIA]
        first = ["borg", "create", "borg-repository::first", MEDIA]
        init = ["borg", "init", "-e", "none", "borg-repository"]
        yield "borg", ([init], first, take, ["borg", "extract", "borg-repository::first"])


def _snap() -> str:
    return peers.find().snap


def _turned(commands: dict[str, Commands], round_: int) -> list[tuple[str, Commands]]:
    """Return the programs, another one first in each round."""
    found = list(commands.items())
    turn = round_ % len(found)
    return found[turn:] + found[:turn]


def _stamps(top: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for folder, _, files in os.walk(top):
        for name in files:
            path = os.path.join(folder, name)
            found = os.stat(path)
            yield os.path.relpath(path, top), (found.st_size, found.st_mtime_ns)


def _seconds(work: object, wanted: object) -> float:
    assert callable(work)
    start = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - start
    if found != wanted:
        raise WrongResult(f"the session found {found}, not {wanted}")
    return seconds


def page(cases: Sequence[Case], facts: Sequence[tuple[str, str]], least: int, megabytes: int, rounds: int) -> str:
    """Return the page."""
    lines = [
        "# Files: benchmarks",
        "",
        "Made by `python -m benchmarks.files`, whose docstring says what is measured. Times are medians of whole",
        f"processes in {rounds} rounds, with {megabytes:,} MB in each folder, {CHANGED} of its files changed and one",
        "added. Each restore was compared with the pristine folder. When a restore of snap ends, it is on the disk,",
        "and the state before is kept; `cp` is synced, too, and the others leave that to the system, and keep nothing,",
        f"but for `{RSYNC_SYNCED}`.",
        "[Files](files.md) says what snapstore does.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
        "",
    ]
    for case in cases:
        lines += [f"## {case.files:,} files", "", *_table(case), "", *_goals(case, least), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(case: Case) -> Iterator[str]:
    programs = list(dict.fromkeys(name for _, name in case.samples))
    yield f"| | {' | '.join(programs)} |"
    yield f"|---|{'---|' * len(programs)}"
    for what in dict.fromkeys(what for what, _ in case.samples):
        cells = [f"{case.seconds(what, name):.2f} s" if (what, name) in case.samples else "" for name in programs]
        yield f"| {what} | {' | '.join(cells)} |"


def _goals(case: Case, least: int) -> Iterator[str]:
    yield "| goal | wanted | measured |"
    yield "|---|---|---|"
    for what in ("next", "restore"):
        yield from _beside_peers(case, what, case.seconds(what, SNAP))
    for what, seconds in case.session_changed.items():
        yield from _beside_peers(case, f"session: {what}", median(seconds))
    peak = f"{case.peak() / 1e6:.0f} MB{_missed(case.peak(), GOALS['memory'])}"
    yield f"| memory (a process has at least {least / 1e6:.0f} MB) | at most 150 MB | {peak} |"
    for what, seconds in case.session.items():
        wanted = GOALS["session restore"] if what == "restore" else GOALS["verify"]
        found = median(seconds)
        yield f"| session: {what} | at most {wanted * 1000:.0f} ms | {found * 1000:.1f} ms{_missed(found, wanted)} |"


def _beside_peers(case: Case, what: str, seconds: float) -> Iterator[str]:
    for peer, wanted in PEERS:
        if ("restore", peer) in case.samples:
            ratio = seconds / case.seconds("restore", peer)
            yield f"| {what}, of the restore of {peer} | at most {wanted} | {ratio:.2f}{_missed(ratio, wanted)} |"


def _missed(found: float, wanted: float) -> str:
    return " (missed)" if found > wanted else ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000, help="how much is in each folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", default=OUTPUT, help="the page")
    parser.add_argument("--work", help="a folder for everything that is built")
    return parser.parse_args()


if __name__ == "__main__":
    main()
