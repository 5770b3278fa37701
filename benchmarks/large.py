"""Measure what is large in one direction: a value, a row, a deletion, the number of tags, a sparse file.

`python -m benchmarks.large` writes docs/large.md. Each case builds its own database in a process of its own, runs
commands as whole processes, and notes time and the most memory. Where another program does like work, its time is the
measure. Of a sparse file, `cp` skips the holes, while snap reads and hashes them like any other page.

`--scale 0.1` makes everything a tenth as large, and `--only NAME` runs one case. At full size it needs about 5 GB of
disk and some minutes.

Memory should follow what is shown, not what is there: the goal is at most 200 MB for each command.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks import machine, peers
from benchmarks.timing import Place, Sample, floor, run
from snapstore.history.refs import Refs
from snapstore.store import Store

GOAL_BYTES = 200_000_000
PAGE_SIZE = 65536
OUTPUT = os.path.join("docs", "large.md")


class Command(NamedTuple):
    """A command of snap, the exit code it has to have, and another program that does the same work."""

    words: tuple[str, ...]
    exit_code: int = 0
    peer: tuple[str, ...] = ()


class Case(NamedTuple):
    """Something large. `build` makes `db.sqlite3`; `change` comes between the tag `base` and the commands."""

    name: str
    title: str
    size: int
    build: Callable[[int], None]
    change: Callable[[int], None]
    commands: tuple[Command, ...]


class Measured(NamedTuple):
    """One command, measured, and its peer."""

    words: tuple[str, ...]
    sample: Sample
    peer: str
    ratio: float | None


def main() -> None:
    """Measure the cases and write the page."""
    options = _options()
    found = []
    with tempfile.TemporaryDirectory(prefix="snapstore-large-", dir=options.work) as folder:
        facts = machine.facts(peers.find(), folder)
        least = floor(Place(folder, peers.environment(folder)))
        for case in CASES:
            if options.only in (None, case.name):
                sized = case._replace(size=max(2, int(case.size * options.scale)))
                print(case.title.format(size=sized.size), file=sys.stderr, flush=True)
                found.append((sized, _measure(sized, folder)))
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(page(found, facts, least, options.scale))


def _measure(case: Case, parent: str) -> list[Measured]:
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        place = Place(folder, peers.environment(folder))
        _in_a_process(case.build, folder, case.size)
        run(_snap("tag", "base"), place)
        _in_a_process(case.change, folder, case.size)
        return [_measured(command, place) for command in case.commands]


def _measured(command: Command, place: Place) -> Measured:
    sample = run(_snap(*command.words), place, exit_code=command.exit_code)
    ratio = sample.seconds / run(command.peer, place).seconds if command.peer else None
    return Measured(command.words, sample, " ".join(command.peer[:1]), ratio)


def _snap(*words: str) -> list[str]:
    return [sys.executable, "-m", "snapstore", "--db", "db.sqlite3", "--store", "store", *words]


def _in_a_process(work: Callable[[int], None], folder: str, size: int) -> None:
    """Work in another process: the memory of this one would count as that of the measured ones."""
    process = get_context("spawn").Process(target=_work_in, args=(work, folder, size))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"building failed with {process.exitcode}")


def _work_in(work: Callable[[int], None], folder: str, size: int) -> None:
    os.chdir(folder)
    work(size)


def _execute(*statements: str) -> None:
    with closing(sqlite3.connect("db.sqlite3", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def _numbers(size: int) -> str:
    return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {size})"


def build_table(_size: int) -> None:
    """Make a table of documents with a row."""
    _execute("CREATE TABLE item(id INTEGER PRIMARY KEY, n)", "INSERT INTO item VALUES (1, 1)")


def add_value(size: int) -> None:
    """Add a row with a value of `size` bytes."""
    _execute(f"INSERT INTO item VALUES (2, randomblob({size}))")


def build_columns(size: int) -> None:
    """Make a table of `size` columns."""
    _execute(f"CREATE TABLE wide(id INTEGER PRIMARY KEY, {', '.join(f'column_{at} TEXT' for at in range(size))})")


def add_wide_rows(_size: int) -> None:
    """Add fifty rows."""
    _execute(f"{_numbers(50)} INSERT INTO wide(id, column_0, column_9) SELECT i, 'x', 'y' FROM n")


def build_rows(size: int) -> None:
    """Make a table of `size` rows."""
    _execute(
        "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, n INTEGER, note TEXT)",
        f"{_numbers(size)} INSERT INTO item SELECT i, 'name ' || i, i, 'a note of some length' FROM n",
    )


def delete_rows(_size: int) -> None:
    """Delete all rows."""
    _execute("DELETE FROM item")


def add_tags(size: int) -> None:
    """Give the snapshot `size` more names, in one transaction."""
    with Store.open("store") as store:
        refs: Refs = store.refs
        ref = refs.get("base")
        assert ref
        with store.catalog.transaction():
            for number in range(size):
                refs.set(f"tag-{number:06}", ref.snapshot, "tag")


def build_sparse(size: int) -> None:
    """Make a database whose file is `size` bytes long and nearly all hole."""
    _execute(
        f"PRAGMA page_size = {PAGE_SIZE}",
        "CREATE TABLE item(id INTEGER PRIMARY KEY, n)",
        f"{_numbers(1000)} INSERT INTO item SELECT i, i FROM n",
    )
    pages = max(size // PAGE_SIZE, 16)
    os.truncate("db.sqlite3", pages * PAGE_SIZE)
    with open("db.sqlite3", "r+b") as file:
        header = bytearray(file.read(100))
        header[28:32] = pages.to_bytes(4, "big")  # SQLite file format, 1.3.7: the size in pages,
        header[92:96] = header[24:28]  # which counts if this equals the change counter
        file.seek(0)
        file.write(header)


def change_row(_size: int) -> None:
    """Change one row."""
    _execute("UPDATE item SET n = -1 WHERE id = 5")


_COPY = ("cp", "--sparse=always", "db.sqlite3", "copy.sqlite3")
_OVERWRITE = "UPDATE item SET n = zeroblob(length(n)) WHERE id = 2"
_DIFFS = (Command(("diff", "base")), Command(("verify", "base"), 1), Command(("status",)))
CASES = (
    Case(
        "value",
        "A value of {size:,} bytes was added",
        900_000_000,
        build_table,
        add_value,
        (*_DIFFS, Command(("run", "--", "sqlite3", "db.sqlite3", _OVERWRITE), 3)),
    ),
    Case(
        "columns",
        "50 rows were added to a table of {size:,} columns",
        500,
        build_columns,
        add_wide_rows,
        (*_DIFFS, Command(("diff", "base", "--limit", "0")), Command(("query", "live", "SELECT * FROM wide"))),
    ),
    Case(
        "deleted", "{size:,} rows were deleted", 200_000, build_rows, delete_rows, (*_DIFFS, Command(("clean", "base")))
    ),
    Case(
        "tags",
        "{size:,} tags of one snapshot",
        100_000,
        build_table,
        add_tags,
        (
            *(Command(words) for words in (("tags",), ("log",), ("status",), ("tag", "new"), ("show", "base"))),
            *(Command(words) for words in (("restore", "tag-000001"), ("fsck", "--quick"))),
        ),
    ),
    Case(
        "sparse",
        "One row was changed in a sparse database of {size:,} bytes",
        20_000_000_000,
        build_sparse,
        change_row,
        (
            Command(("verify", "base"), 1, _COPY),
            Command(("tag", "next"), 0, _COPY),
            Command(("restore", "base"), 0, _COPY),
        ),
    ),
)


def page(
    found: Sequence[tuple[Case, list[Measured]]], facts: Sequence[tuple[str, str]], least: int, scale: float
) -> str:
    """Return the page: a table for each case."""
    part = f" This run was made at {scale:g} of the full size." if scale != 1 else ""
    lines = [
        "# Large things",
        "",
        "Written by `python -m benchmarks.large`, which explains how it gets each number." + part,
        "",
        f"The goal is at most {GOAL_BYTES // 1_000_000} MB of memory for each command. Amounts below"
        f" {least // 1_000_000} MB cannot be told apart.",
    ]
    for case, measured in found:
        lines += ["", f"## {case.title.format(size=case.size)}", ""]
        lines += ["| command | memory | goal | time | against |", "|---|---:|---|---:|---|", *map(_row, measured)]
    lines += [
        "",
        "## The machine",
        "",
        "|  |  |",
        "| --- | ---: |",
        *(f"| {name} | {value} |" for name, value in facts),
    ]
    return "\n".join(lines) + "\n"


def _row(one: Measured) -> str:
    against = f"{one.ratio:.2f} of `{one.peer}`" if one.ratio is not None else ""
    met = "met" if one.sample.peak <= GOAL_BYTES else "missed"
    used = f"{one.sample.peak / 1e6:.0f} MB | {met} | {one.sample.seconds:.2f} s"
    return f"| `snap {' '.join(one.words)}` | {used} | {against} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description="Measure large things.")
    parser.add_argument("--scale", type=float, default=1.0, help="make everything this much as large")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="run one case")
    parser.add_argument("--work", help="a folder with space for databases")
    parser.add_argument("--output", default=OUTPUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
