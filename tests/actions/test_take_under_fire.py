"""Snapshots taken while processes write are each one moment of the database."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.export import ExportOptions, export
from snapstore.actions.take import TakeOptions, take
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect

ACCOUNTS, EACH, TAKES, MOMENTS, MOST = 2000, 1000, 200, 40, 50

WRITER = """
import random, sqlite3, sys, time
paths = sys.argv[2:]
connection = sqlite3.connect(paths[0], isolation_level=None, timeout=120)
for path in paths[1:]:
    connection.execute("ATTACH ? AS other", (path,))
other = "other." if len(paths) > 1 else ""
rng = random.Random(int(sys.argv[1]))
print("ready", flush=True)
while True:
    a, b, amount = rng.randrange(ACCOUNTS), rng.randrange(ACCOUNTS), rng.randrange(MOST)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, a))
    connection.execute(f"UPDATE {other}account SET balance = balance + ? WHERE id = ?", (amount, b))
    connection.execute("INSERT INTO transfer(a, b, amount) VALUES (?, ?, ?)", (a, b, amount))
    if rng.random() < 0.02:
        connection.execute("DELETE FROM transfer WHERE id % 3 = 0")
    connection.execute("COMMIT")
    time.sleep(0.001)  # SQLite's busy handler is not fair: without a gap, another writer may never find one
""".replace("ACCOUNTS", str(ACCOUNTS)).replace("MOST", str(MOST))


def make_bank(path: Path, journal_mode: str) -> Path:
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER, text TEXT)")
        connection.execute("CREATE TABLE transfer (id INTEGER PRIMARY KEY, a, b, amount)")
        connection.executemany(
            "INSERT INTO account VALUES (?, ?, ?)", [(n, EACH, f"account {n} " * 20) for n in range(ACCOUNTS)]
        )
        connection.execute("COMMIT")
    return path


def total(path: Path) -> int:
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT sum(balance) FROM account").fetchone()[0])


class Others:
    """Processes that have the database open, as an application's are; each goes on until it is killed."""

    def __init__(self, *commands: tuple[str, ...]) -> None:
        self._processes = [
            subprocess.Popen([sys.executable, "-c", *command], stdout=subprocess.PIPE, text=True)
            for command in commands
        ]

    def __enter__(self) -> Others:
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        alive = [process.poll() is None for process in self._processes]
        for process in self._processes:
            process.kill()
            process.communicate()
        assert all(alive), "a process was disturbed"


def writers(number: int, *paths: Path) -> Others:
    """Return processes that move money."""
    return Others(*((WRITER, str(seed), *map(str, paths)) for seed in range(number)))


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_every_snapshot_is_intact_and_keeps_the_sum(tmp_path: Path, store: Store, journal_mode: str) -> None:
    path = make_bank(tmp_path / "bank", journal_mode)
    project = Project.of({"default": path})
    ids = set()
    with writers(2, path):
        for number in range(TAKES):
            ids.add(take(store, project, TakeOptions(f"take-{number}", timeout=60)).snapshot)
    assert len(ids) > TAKES / 4, "the writers did not write"
    for id_ in ids:
        copy = tmp_path / "copy"
        export(store, project, ExportOptions(id_, str(copy), force=True))
        assert total(copy) == ACCOUNTS * EACH
        for sidecar in tmp_path.glob("copy-*"):
            sidecar.unlink()
    assert total(path) == ACCOUNTS * EACH


@pytest.mark.parametrize("journal_modes", [("delete", "delete"), ("wal", "wal"), ("delete", "wal")])
def test_several_databases_show_one_moment(tmp_path: Path, store: Store, journal_modes: tuple[str, str]) -> None:
    """One statement takes from the first database, the next gives to the second, in one transaction.

    SQLite commits such a transaction to all files at once only where both are in a rollback mode
    (sqlite.org/atomiccommit.html, 5); else one transfer may be under way between its two commits.
    """
    under_way = 0 if journal_modes == ("delete", "delete") else MOST
    first = make_bank(tmp_path / "first", journal_modes[0])
    second = make_bank(tmp_path / "second", journal_modes[1])
    project = Project.of({"first": first, "second": second})
    with writers(1, first, second):
        ids = {take(store, project, TakeOptions(f"take-{number}", timeout=60)).snapshot for number in range(MOMENTS)}
    assert len(ids) > MOMENTS / 4, "the writer did not write"
    for id_ in ids:
        sums = []
        for name in project.databases:
            copy = tmp_path / f"copy-{name}-{id_}"
            export(store, project, ExportOptions(id_, str(copy), name))
            sums.append(total(copy))
        assert abs(sum(sums) - 2 * ACCOUNTS * EACH) <= under_way
