"""Build a database like that of a small web application, of a given size. Equal seeds give equal databases.

The text is cut from one long run of words. It is longer than the window of any compressor, so that the pieces compress
like prose and not like copies of each other.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from multiprocessing import get_context

SEED = 20240501
WORDS, CORPUS_WORDS = 3000, 6_000_000  # about 40 MB of text
JOURNAL_MODES = ("delete", "wal")
# Rows for each megabyte. Together with the indexes they fill it.
USERS, POSTS, COMMENTS, SESSIONS, LOG = 60, 180, 700, 500, 1700
ROLES = ("reader", "author", "editor", "admin")
LEVELS = ("debug", "info", "info", "info", "warning", "error")

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    reputation REAL NOT NULL, joined_at TEXT NOT NULL, last_seen_at TEXT NOT NULL, bio TEXT);
CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES users, slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, body TEXT NOT NULL, score REAL NOT NULL, views INTEGER NOT NULL, published_at TEXT NOT NULL);
CREATE TABLE comments (id INTEGER PRIMARY KEY AUTOINCREMENT, post_id INTEGER NOT NULL REFERENCES posts,
    user_id INTEGER NOT NULL REFERENCES users, body TEXT NOT NULL, votes INTEGER NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, token TEXT NOT NULL, user_id INTEGER NOT NULL REFERENCES users,
    expires_at TEXT NOT NULL, data BLOB);
CREATE TABLE log (id INTEGER PRIMARY KEY, at TEXT NOT NULL, level TEXT NOT NULL, seconds REAL NOT NULL,
    message TEXT NOT NULL);
"""
INDEXES = """
CREATE INDEX users_last_seen ON users (last_seen_at);
CREATE INDEX posts_author ON posts (author_id, published_at);
CREATE INDEX posts_score ON posts (score);
CREATE INDEX comments_post ON comments (post_id, created_at);
CREATE INDEX comments_user ON comments (user_id);
CREATE UNIQUE INDEX sessions_token ON sessions (token);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX log_at ON log (at);
"""
Row = tuple[object, ...]


class Rows:
    """Generates the rows of every table, and of later changes, from one seed."""

    _start = datetime(2021, 1, 1)

    def __init__(self, seed: int, corpus_words: int = CORPUS_WORDS) -> None:
        self._random = random.Random(seed)
        self._corpus = _corpus(corpus_words)

    def text(self, shortest: int, longest: int) -> str:
        """Return running text of a length between the two, in characters. Short texts are more frequent."""
        length = int(shortest + (longest - shortest) * self._random.random() ** 2)
        start = int(self._random.random() * (len(self._corpus) - length))
        return self._corpus[start : start + length].strip()

    def date(self) -> str:
        """Return a moment within four years, in SQLite's format."""
        moment = self._start + timedelta(seconds=int(self._random.random() * 126_000_000))
        return moment.isoformat(" ")

    def user(self, number: int) -> Row:
        """Return a user's columns after the id."""
        name = self.text(8, 24).title()
        email = f"{name.split()[0].lower()}.{number}@example.org"
        role = ROLES[int(4 * self._random.random() ** 4)]
        return email, name, role, self._random.gauss(100, 40), self.date(), self.date(), self.text(0, 300)

    def post(self, number: int, users: int) -> Row:
        """Return a post's columns after the id."""
        title = self.text(20, 80)
        slug = f"{title.replace(' ', '-')[:40]}-{number}"
        views, score = int(self._random.expovariate(0.01)), self._random.gauss(0, 10)
        return self._one_of(users), slug, title, self.text(200, 4500), score, views, self.date()

    def comment(self, posts: int, users: int) -> Row:
        """Return a comment's columns after the id."""
        votes = int(self._random.expovariate(0.3))
        return self._one_of(posts), self._one_of(users), self.text(10, 700), votes, self.date()

    def session(self, users: int) -> Row:
        """Return a session's columns after the id."""
        token = f"{self._random.getrandbits(128):032x}"
        return token, self._one_of(users), self.date(), self._random.randbytes(24)

    def log(self, number: int) -> Row:
        """Return a log line's columns after the id. The lines are in chronological order."""
        at = (self._start + timedelta(seconds=37 * number)).isoformat(" ")
        return at, self._random.choice(LEVELS), self._random.expovariate(8), self.text(20, 240)

    def _one_of(self, count: int) -> int:
        return 1 + int(self._random.random() * count)


def build(path: str, megabytes: int) -> None:
    """Write a new database of about this size, in a separate process whose memory is freed at its end."""
    process = get_context("spawn").Process(target=_build, args=(path, megabytes))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit("building the database failed")


def in_journal_mode(source: str, target: str, mode: str) -> None:
    """Copy a database into another journal mode."""
    shutil.copyfile(source, target)
    with closing(sqlite3.connect(target)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")


def _build(path: str, megabytes: int) -> None:
    rows = Rows(SEED)
    users, posts = USERS * megabytes, POSTS * megabytes
    tables: dict[str, tuple[int, Iterator[Row]]] = {
        "users": (8, (rows.user(number) for number in range(users))),
        "posts": (8, (rows.post(number, users) for number in range(posts))),
        "comments": (6, (rows.comment(posts, users) for _ in range(COMMENTS * megabytes))),
        "sessions": (5, (rows.session(users) for _ in range(SESSIONS * megabytes))),
        "log": (5, (rows.log(number) for number in range(LOG * megabytes))),
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -200000;")
        connection.executescript(SCHEMA)
        connection.execute("BEGIN")
        for table, (columns, values) in tables.items():
            marks = ", ".join(["NULL"] + ["?"] * (columns - 1))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.executescript(INDEXES)  # it commits first
        connection.execute("PRAGMA journal_mode = DELETE")
    os.sync()


def _corpus(words: int) -> str:
    """Return running text of invented words, with the word frequencies of a language (Zipf)."""
    chance = random.Random(SEED)
    syllables = [first + second for first in "bcdfglmnprstv" for second in ("a", "e", "i", "o", "u", "an", "er", "is")]
    vocabulary = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(WORDS)]
    frequencies = [1 / (rank + 3) for rank in range(WORDS)]
    return " ".join(chance.choices(vocabulary, frequencies, k=words))
