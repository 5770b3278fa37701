"""What the soak works on: a project of two databases, a project of one, and one store for both.

Each database has accounts whose amounts always have the same sum, and a row `state` with a token and a checksum over
all accounts. Every transaction changes all of that together, so any torn or mixed state shows.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

ACCOUNTS = 300
TOTAL = ACCOUNTS * 100
START = "start"
JOURNALS = {"one": "wal", "two": "delete", "alone": "wal"}
CONFIGURATION = "databases: {one: one.sqlite3, two: two.sqlite3}\nstore: store\n"
FACTS = (
    "SELECT (SELECT sum(amount) FROM account), (SELECT count(*) FROM account),"
    " (SELECT sum(id * amount) FROM account) - (SELECT checksum FROM state), (SELECT token FROM state)"
)


def make(folder: Path) -> None:
    """Make the databases and the configuration."""
    for name, journal in JOURNALS.items():
        with closing(sqlite3.connect(folder / f"{name}.sqlite3", isolation_level=None)) as database:
            database.execute(f"PRAGMA journal_mode = {journal}")
            database.execute("BEGIN")
            database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, amount INTEGER, pad TEXT)")
            database.execute("CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT, checksum INTEGER)")
            database.execute("CREATE TABLE extra (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT UNIQUE)")
            rows = [(number, 100, "p" * 300) for number in range(1, ACCOUNTS + 1)]
            database.executemany("INSERT INTO account VALUES (?, ?, ?)", rows)
            database.execute("INSERT INTO state SELECT 1, ?, sum(id * amount) FROM account", (START,))
            database.execute("COMMIT")
    (folder / "snapstore.yaml").write_text(CONFIGURATION)


def places(folder: Path, project: str) -> list[str]:
    """Return the options that lead to a project."""
    if project == "both":
        return ["--config", os.fspath(folder / "snapstore.yaml")]
    return ["--db", os.fspath(folder / "alone.sqlite3"), "--store", os.fspath(folder / "store")]


def wrong(facts: tuple[object, ...]) -> bool:
    """Return whether the first three of `FACTS` are not those of a committed state."""
    return facts[:3] != (TOTAL, ACCOUNTS, 0)
