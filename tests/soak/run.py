"""Run the soak: start the workers, wait for them, and look at what they leave."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from snapstore import Snapstore
from snapstore.leftovers import is_temporary
from tests.soak.scene import FACTS, JOURNALS, START, make, wrong
from tests.support import ENVIRONMENT

ALL = (
    *["write-one-two", "write-two-one"] * 2,
    *["write-one", "write-two", "write-alone", "write-alone"],
    "read",
    *["command-both"] * 3,
    *["command-alone"] * 2,
    *["session-both", "session-alone"],
)
FEW = ("write-one-two", "write-two-one", "write-alone", "read", "command-both", "command-alone", "session-both")


class Soaked(NamedTuple):
    """What all workers did, by kind, and everything that should not have been seen."""

    counts: dict[str, Counter[str]]
    odd: list[str]
    snapshots: int


def soak(folder: Path, seconds: float, kinds: Sequence[str] = ALL, seed: int = 1) -> Soaked:
    """Let the workers run for so many seconds in an empty folder."""
    make(folder)
    for project in ("both", "alone"):
        with opened(folder, project) as snap:
            snap.tag(f"{project}0")
    end = time.time() + seconds
    names = {f"{kind}-{number}": kind for number, kind in enumerate(kinds)}
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.soak.worker", kind, os.fspath(folder), name, f"{seed}{number}", str(end)],
            cwd=Path(__file__).parents[2],
            env=ENVIRONMENT,
        )
        for number, (name, kind) in enumerate(names.items())
    }
    for process in processes.values():
        process.wait()
    counts: dict[str, Counter[str]] = {}
    odd = []
    for name, kind in names.items():
        result = folder / f"{name}.json"
        if not result.exists():
            odd.append(f"{name}: ended with {processes[name].returncode}")
            continue
        seen = json.loads(result.read_text())
        counts.setdefault(kind, Counter()).update(seen["counts"])
        odd += seen["odd"]
    return Soaked(counts, odd + list(after(folder)), snapshot_count(folder))


def tokens(folder: Path) -> set[str]:
    """Return the tokens that were committed, perhaps."""
    return {START, *(token for path in folder.glob("*.tokens") for token in path.read_text().split())}


def opened(folder: Path, project: str) -> Snapstore:
    if project == "both":
        return Snapstore(config=folder / "snapstore.yaml", cwd=folder, env=ENVIRONMENT)
    return Snapstore(db=folder / "alone.sqlite3", store=folder / "store", cwd=folder, env=ENVIRONMENT)


def snapshot_count(folder: Path) -> int:
    with opened(folder, "alone") as snap:
        return snap.fsck(quick=True).snapshots


def after(folder: Path) -> Iterator[str]:
    """Yield what is wrong once all is quiet."""
    known = tokens(folder)
    with opened(folder, "alone") as snap:
        for damage in snap.fsck().damaged:
            yield f"damage: {damage}"
    for name in JOURNALS:
        with closing(sqlite3.connect(folder / f"{name}.sqlite3")) as database:
            if (found := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
                yield f"{name}: {found}"
            facts = database.execute(FACTS).fetchone()
            if wrong(facts) or facts[3] not in known:
                yield f"{name} holds {facts}"
    for project, names in (("both", ("one", "two")), ("alone", (None,))):
        yield from wrong_snapshots(folder, project, names, known)
    with opened(folder, "both") as snap:  # settles what was cut off, and removes what the killed left
        snap.status()
        snap.fsck()
    yield from left_over(folder)


def wrong_snapshots(folder: Path, project: str, names: Sequence[str | None], known: set[str]) -> Iterator[str]:
    """Yield the snapshots of a project that are not of a committed state."""
    wanted = {name or "default" for name in names}
    with opened(folder, project) as snap:
        for one in snap.log(everything=True):
            if one.forgotten or set(snap.show(one.snapshot).databases) != wanted:
                continue
            for name in names:
                facts = tuple(snap.query(one.snapshot, FACTS, only_db=name).rows[0])
                if wrong(facts) or facts[3] not in known:
                    yield f"snapshot {one.snapshot} of {project} has {facts}"


def left_over(folder: Path) -> Iterator[str]:
    """Yield files that nobody needs any more."""
    for path in folder.rglob("*"):
        if is_temporary(path.name) or path.name.endswith(("-journal", ".snap-tmp")):
            yield f"left over: {path.relative_to(folder)}"
