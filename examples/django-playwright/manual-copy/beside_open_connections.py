"""Show what a copy over a database file does to open connections, and what a restore does.

Each scene creates a database in a temporary folder, opens two connections, as the threads of a server do, and never
closes them. The state is restored once by copying the file and once by `snapstore restore`. Each line tells what the
connections see afterwards. `python beside_open_connections.py` needs only the `snapstore` command.
"""

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = shlex.split(os.environ.get("SNAPSTORE_COMMAND", "snapstore"))


class ByCopy:
    """Backs up and restores by copying the file."""

    def __init__(self, database):
        self.database = database
        self.backup_file = f"{database}.e2e-backup"

    def backup(self):
        shutil.copyfile(self.database, self.backup_file)

    def restore(self):
        shutil.copyfile(self.backup_file, self.database)


class BySnapstore:
    """Backs up and restores with snapstore."""

    def __init__(self, database):
        self.places = ["--db", str(database), "--store", str(database.with_name("store")), "-q"]

    def backup(self):
        subprocess.run([*COMMAND, "backup", *self.places], check=True)

    def restore(self):
        subprocess.run([*COMMAND, "restore", *self.places], check=True)


def wal_not_put_back(database, way):
    """Write a row in WAL mode, and restore the state before it."""
    first, second = opened(database, "wal")
    way.backup()
    first.execute("INSERT INTO bot(title) VALUES ('left behind')")
    way.restore()
    return {"first": titles(first), "second": titles(second), "integrity": integrity(second)}


def wal_mixed(database, way):
    """Write so much in WAL mode that part of it is checkpointed, then a little more, and restore."""
    first, second = opened(database, "wal")
    way.backup()
    first.executemany("INSERT INTO bot(title) VALUES (?)", [(f"bot {n} " * 20,) for n in range(5000)])
    first.execute("PRAGMA wal_checkpoint(RESTART)")
    first.execute("INSERT INTO bot(title) VALUES ('one more')")
    way.restore()
    return {"first": titles(first), "second": titles(second), "integrity": integrity(second)}


def delete_stale(database, way):
    """Write with two connections in DELETE mode, one before the restore and one after it."""
    first, second = opened(database, "delete")
    way.backup()
    first.execute("INSERT INTO bot(title) VALUES ('left behind')")
    way.restore()
    second.execute("INSERT INTO bot(title) VALUES ('new')")
    return {"first": titles(first), "second": titles(second), "integrity": integrity(second)}


def opened(database, journal_mode):
    """Return two connections to a new database with one bot."""
    pair = [sqlite3.connect(database, isolation_level=None) for _ in range(2)]
    pair[0].execute(f"PRAGMA journal_mode = {journal_mode}")
    pair[0].execute("CREATE TABLE bot (id INTEGER PRIMARY KEY, title TEXT)")
    pair[0].execute("CREATE INDEX bot_title ON bot(title)")
    pair[0].execute("INSERT INTO bot(title) VALUES ('seeded')")
    pair[0].execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that even the copied file is complete
    for one in pair:
        titles(one)
    return pair


def titles(connection):
    """Return the bots that a connection sees, their number if there are many, or the error."""
    try:
        found = [title for (title,) in connection.execute("SELECT title FROM bot ORDER BY id")]
    except sqlite3.DatabaseError as error:
        return str(error)
    return found if len(found) < 10 else f"{len(found)} bots"


def integrity(connection):
    """Return `ok` if SQLite finds no damage."""
    try:
        return "ok" if connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)] else "damaged"
    except sqlite3.DatabaseError as error:
        return str(error)


SCENES = (wal_not_put_back, wal_mixed, delete_stale)


def main():
    """Play every scene in both ways; print a line for each, or JSON with --json."""
    seen = {}
    for scene in SCENES:
        for way in (ByCopy, BySnapstore):
            with tempfile.TemporaryDirectory() as folder:
                database = Path(folder) / "db.sqlite3"
                seen[f"{scene.__name__} {way.__name__}"] = scene(database, way(database))
    if "--json" in sys.argv:
        print(json.dumps(seen))
        return
    for name, found in seen.items():
        print(f"{name}: " + "; ".join(f"{what}: {value}" for what, value in found.items()))


if __name__ == "__main__":
    main()
