"""The demo's application: a process of its own that keeps its connection open, as a server does.

It answers lines on standard input with lines on standard output. It uses Python's own SQLite, since it stands for a
program that knows nothing of snapstore.
"""

from __future__ import annotations

import sqlite3
import sys

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys = ON;
CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, email TEXT NOT NULL);
CREATE TABLE session (token TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES user ON DELETE CASCADE);
CREATE TABLE bot (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL REFERENCES user, title TEXT NOT NULL);
CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT NOT NULL);
CREATE INDEX bot_owner ON bot(owner_id);
"""


FAILURES = (sqlite3.Error,)
FAILED = "failed: "  # how the answer begins that says so


def create(path: str) -> None:
    """Create the database, with such data as a developer has."""
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    people = [(number, f"user{number}", f"user{number}@example.com") for number in range(1, 201)]
    connection.executemany("INSERT INTO user VALUES (?, ?, ?)", people)
    connection.executemany(
        "INSERT INTO bot(owner_id, title) VALUES (?, ?)", [(1 + n % 200, f"Bot number {n}") for n in range(600)]
    )
    connection.executemany("INSERT INTO audit(what) VALUES (?)", [(f"login of user{n % 200}",) for n in range(5000)])
    connection.commit()
    connection.close()


def counts(connection: sqlite3.Connection) -> str:
    """Return the row counts that the application sees."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return ", ".join(
        f"{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]} in {table}" for table in tables
    )


def run_suite(connection: sqlite3.Connection) -> str:
    """Act as a test suite that forgets to clean up, and as a migration."""
    with connection:
        connection.execute("INSERT INTO user VALUES (900, 'e2e', 'e2e@example.com')")
        connection.executemany("INSERT INTO session VALUES (?, 900)", [(f"token-{n}",) for n in range(3)])
        connection.execute("INSERT INTO bot(owner_id, title) VALUES (900, 'E2E Test Bot')")
        connection.execute("DELETE FROM bot WHERE owner_id = 7")
        connection.execute("CREATE TABLE webhook (id INTEGER PRIMARY KEY, url TEXT)")
    return "done"


def serve(path: str) -> None:
    """Answer until the input ends."""
    connection = sqlite3.connect(path)
    answers = {"counts": counts, "suite": run_suite}
    for line in sys.stdin:
        try:
            answer = answers[line.strip()](connection)
        except FAILURES as error:
            answer = f"{FAILED}{error}"
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
