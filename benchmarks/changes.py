"""Make the changes that one test leaves in a database: about 60 pages of several tables and their indexes."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from benchmarks.building import Row, Rows

CORPUS_WORDS = 20_000
COMMENTS, LOG_LINES, POSTS = 2, 20, 1  # inserted
USERS_SEEN, POSTS_VIEWED, POSTS_EDITED = 1, 2, 1  # updated
SESSIONS, OLD_COMMENTS = 1, 1  # deleted


class Changer:
    """Makes the changes of test number 1, 2, 3 ...; equal numbers change equal databases in the same way."""

    def __init__(self) -> None:
        self._rows = Rows(1, CORPUS_WORDS)
        self._test = 0

    def change(self, path: str) -> None:
        """Make the changes of the next test. Closing the connection checkpoints a WAL."""
        self._test += 1
        chance = random.Random(self._test)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for sql, rows in self._statements(connection, chance):
                connection.executemany(sql, rows)
            connection.execute("COMMIT")

    def _statements(self, connection: sqlite3.Connection, chance: random.Random) -> Iterator[tuple[str, list[Row]]]:
        rows = self._rows
        tables = ("users", "posts", "comments", "sessions", "log")
        last = {table: connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0] for table in tables}

        def some(table: str, count: int) -> list[int]:
            return chance.sample(range(1, last[table] + 1), count)

        yield (
            "INSERT INTO posts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            [rows.post(10**9 + 1000 * self._test + number, last["users"]) for number in range(POSTS)],
        )
        yield (
            "INSERT INTO comments VALUES (NULL, ?, ?, ?, ?, ?)",
            [rows.comment(last["posts"], last["users"]) for _ in range(COMMENTS)],
        )
        yield (
            "INSERT INTO log VALUES (NULL, ?, ?, ?, ?)",
            [rows.log(last["log"] + number) for number in range(LOG_LINES)],
        )
        yield (
            "UPDATE users SET last_seen_at = '2025-06-01 12:00:00' WHERE id = ?",
            [(id_,) for id_ in some("users", USERS_SEEN)],
        )
        yield "UPDATE posts SET views = views + 1 WHERE id = ?", [(id_,) for id_ in some("posts", POSTS_VIEWED)]
        yield (
            "UPDATE posts SET body = ? WHERE id = ?",
            [(rows.text(200, 4500), id_) for id_ in some("posts", POSTS_EDITED)],
        )
        yield "DELETE FROM sessions WHERE id = ?", [(id_,) for id_ in some("sessions", SESSIONS)]
        yield "DELETE FROM comments WHERE id = ?", [(id_,) for id_ in some("comments", OLD_COMMENTS)]
