"""Read the counts and hashes that programs print when they compare databases, one line at a time."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from multiprocessing import get_context

from benchmarks.ground import Ground, WrongResult
from benchmarks.timing import run

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_COUNT = re.compile(rf"\b([\d,]+) ({ADDED}|{REMOVED}|{CHANGED})\b")  # no text in the rows looks like this
_NO_ROWS = ("sqlite_sequence", "temp.snapstore_patch")
_STATEMENTS = {"INSERT": ADDED, "DELETE": REMOVED, "UPDATE": CHANGED}


def counts_said(path: str) -> Counter[str]:
    """Return how many rows of all tables differ, as `snap diff` counts them in its text."""
    found: Counter[str] = Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            for number, kind in _COUNT.findall(line):
                found[kind] += int(number.replace(",", ""))
    return found


def documents(path: str) -> Counter[str]:
    """Return how many rows the JSON of `snap diff` has, one on each line."""
    found: Counter[str] = Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.lstrip().startswith('{"table": '):
                found[line.partition('"change": "')[2].partition('"')[0]] += 1
    return found


def statements(path: str) -> Counter[str]:
    """Return how many rows a patch adds, removes and changes, one statement on each line.

    What keeps the sequences, and what the patch of snap notes of itself, is no row of the change.
    """
    found: Counter[str] = Counter()
    with open(path, encoding="utf-8") as file:
        for line in file:
            kind = _STATEMENTS.get(line.partition(" ")[0])
            if kind and not any(table in line[:40] for table in _NO_ROWS):
                found[kind] += 1
    return found


def check_counts(what: str, found: Counter[str], expected: Counter[str]) -> None:
    """Compare. Raises WrongResult."""
    if found != expected:
        raise WrongResult(f"{what} found {dict(found)}, expected {dict(expected)}")


def check_patch(ground: Ground, patch: str) -> None:
    """Apply a patch to a copy of the pristine database and compare it with the live one. Raises WrongResult."""
    ground.copy_pristine()
    process = get_context("spawn").Process(target=_apply, args=(ground.copy, patch))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise WrongResult("the patch of snap diff could not be applied")
    if "dbhash" in ground.tools.found and content_hash(ground, ground.copy) != content_hash(ground, ground.live):
        raise WrongResult("the patch of snap diff does not lead to the live database")
    ground.remove(ground.copy)


def content_hash(ground: Ground, path: str) -> str:
    """Return the dbhash of all rows and the schema of a database."""
    printed = ground.printed("dbhash")
    run([ground.tools.found["dbhash"], path], ground.place, output=printed)
    return hash_said(printed)


def hash_said(path: str) -> str:
    """Return the hash that dbhash printed, without the name of the file."""
    with open(path, encoding="utf-8") as file:
        return file.read().split()[0]


def _apply(path: str, patch: str) -> None:
    """Run a script with the SQLite of snapstore. Some older ones misread the last bit of a number."""
    import sqlean

    with closing(sqlean.connect(path, isolation_level=None)) as connection, open(patch, encoding="utf-8") as script:
        for statement in script:
            connection.execute(statement)
