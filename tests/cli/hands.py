"""What the tests of the command line share: how a failure has to look."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from tests.contents import add_random, execute, files_beside, files_of, items
from tests.damages import DAMAGES, each_once
from tests.limits import limited, without_powers
from tests.support import Snap, run

__all__ = [
    "DAMAGES",
    "add_random",
    "call",
    "each_once",
    "error_of",
    "execute",
    "fails",
    "files_beside_the_store",
    "files_of_the_store",
    "hint_of",
    "items",
    "json_keys",
    "limited",
    "without_powers",
]

Done = subprocess.CompletedProcess[str]


def error_of(done: Done) -> str:
    """Return the message of a failed command; demand one line of error, at most one hint, and nothing else."""
    lines = done.stderr.split("\n")
    assert lines.pop() == "", done.stderr
    assert lines[0].startswith("Error: "), done.stderr
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("Hint: ")), done.stderr
    assert done.stdout == "", done.stdout
    return lines[0].removeprefix("Error: ")


def hint_of(done: Done) -> str:
    """Return the hint of a failed command."""
    error_of(done)
    return done.stderr.split("\n")[1].removeprefix("Hint: ")


def fails(snap: Snap, *arguments: str, code: int, program: tuple[str, ...] = (), **environment: str) -> Done:
    """Run a command that has to fail, say so in one line, and leave every file beside the store as it is."""
    before = files_beside_the_store(snap)
    done = call(snap, *arguments, code=code, program=program, **environment)
    error_of(done)
    assert files_beside_the_store(snap) == before
    return done


def call(snap: Snap, *arguments: str, code: int = 0, program: tuple[str, ...] = (), **environment: str) -> Done:
    """Run a command of `snap` under another program."""
    places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
    return run([*arguments, *places], snap.folder, code, program, **environment)


def files_beside_the_store(snap: Snap) -> dict[str, bytes]:
    """Return every regular file of the folder outside the store, with its bytes."""
    return files_beside(snap.folder, snap.store)


def files_of_the_store(snap: Snap) -> set[str]:
    """Return the names of the store's files, without those that SQLite keeps beside the catalog."""
    return files_of(snap.store)


def json_keys(document: Any, *keys: str) -> None:
    """Demand keys of a document."""
    assert set(keys) <= set(document), (sorted(document), keys)
