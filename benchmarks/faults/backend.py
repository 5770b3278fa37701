"""Serve a small HTTP API over a SQLite file, with a connection for each request and faults on demand.

python -m benchmarks.faults.backend DATABASE PORT_FILE

POST /user, /bot, /integration   create one; the body has its columns, the answer its id
PUT /bot/ID                      change the title; the answer has the old one
DELETE /user/ID, ...             409 if something refers to it
POST /faults                     the faults of all later requests: {kind: probability}, and a seed
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCHEMA = """
CREATE TABLE user (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, email TEXT NOT NULL);
CREATE TABLE bot (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL REFERENCES user, title TEXT NOT NULL CHECK (title <> '')
);
CREATE TABLE integration (
  id INTEGER PRIMARY KEY AUTOINCREMENT, bot INTEGER NOT NULL REFERENCES bot ON DELETE CASCADE, kind TEXT NOT NULL
);
CREATE TABLE topic (id INTEGER PRIMARY KEY, integration INTEGER NOT NULL REFERENCES integration ON DELETE CASCADE);
CREATE TABLE usage (
  day INTEGER NOT NULL, bot INTEGER NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (day, bot)
) WITHOUT ROWID;
CREATE INDEX bot_owner ON bot(owner);
CREATE INDEX integration_bot ON integration(bot);
"""
COLUMNS = {"user": ("name", "email"), "bot": ("owner", "title"), "integration": ("bot", "kind")}
LATE_SECONDS = (0.05, 0.12)  # how long a slow request takes
USERS, BOTS = 150, 400

# The faults of a request.
LATE = "late"  # slow, but carried out
DROPPED_BEFORE, DROPPED_AFTER = "dropped before", "dropped after"  # the connection is cut, before or after the work
FAILED_BEFORE, FAILED_HALFWAY = "failed before", "failed halfway"  # 500, with none or part of the work done


def create(path: str, journal_mode: str) -> None:
    """Create the database that a developer would have."""
    chance = random.Random(7)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.executescript(SCHEMA)
        users = [(f"user {n}", f"user{n}@example.com") for n in range(USERS)]
        connection.executemany("INSERT INTO user(name, email) VALUES (?, ?)", users)
        bots = [(1 + n % USERS, f"bot {n} " + "of many words " * chance.randrange(20)) for n in range(BOTS)]
        connection.executemany("INSERT INTO bot(owner, title) VALUES (?, ?)", bots)
        connection.executemany("INSERT INTO integration(bot, kind) VALUES (?, 'chat')", [(1 + n,) for n in range(BOTS)])
        connection.executemany("INSERT INTO topic(integration) VALUES (?)", [(1 + n,) for n in range(BOTS)])
        connection.executemany(
            "INSERT INTO usage VALUES (1, ?, ?)", [(1 + n, chance.randrange(99)) for n in range(BOTS)]
        )
        connection.commit()


class Faults:
    """Chooses the fault, if any, of the next request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set({"seed": 0})

    def set(self, mix: dict[str, float]) -> None:
        """Set the faults of all later requests."""
        with self._lock:
            self._chance = random.Random(mix.pop("seed"))
            self._mix = mix

    def next(self) -> tuple[str, float]:
        """Return the name of a fault, or an empty one, and the seconds that the request takes."""
        with self._lock:
            draw, late = self._chance.random(), self._chance.uniform(*LATE_SECONDS)
        for kind, probability in self._mix.items():
            if draw < probability:
                return kind, late if kind == LATE else 0.0
            draw -= probability
        return "", 0.0


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    database = ""
    faults = Faults()

    def do_POST(self) -> None:
        """Insert a row, or set the faults."""
        if self.path == "/faults":
            self.faults.set(self._body())
            self._answer(200, {})
        else:
            self._with_fault(self._insert)

    def do_PUT(self) -> None:
        """Change a row."""
        self._with_fault(self._update)

    def do_DELETE(self) -> None:
        """Delete a row."""
        self._with_fault(self._delete)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _with_fault(self, work: Callable[[sqlite3.Connection, bool], tuple[int, dict[str, Any]]]) -> None:
        fault, seconds = self.faults.next()
        time.sleep(seconds)
        if fault == DROPPED_BEFORE:
            return
        try:
            with closing(self._connect()) as connection, connection:
                code, answer = (500, {}) if fault == FAILED_BEFORE else work(connection, fault == FAILED_HALFWAY)
        except sqlite3.IntegrityError as error:
            code, answer = 409, {"error": str(error)}
        except sqlite3.Error as error:
            code, answer = 500, {"error": str(error)}
        if fault != DROPPED_AFTER:
            self._answer(500 if fault == FAILED_HALFWAY else code, answer)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{self.database}?mode=rw", uri=True, timeout=5)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _insert(self, connection: sqlite3.Connection, halfway: bool) -> tuple[int, dict[str, Any]]:
        table, body = self.path.strip("/"), self._body()
        names = COLUMNS[table]
        sql = f"INSERT INTO {table}({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        id_ = connection.execute(sql, [body[name] for name in names]).lastrowid
        if table == "integration" and not halfway:  # rows that a backend adds by itself
            connection.executemany("INSERT INTO topic(integration) VALUES (?)", [(id_,), (id_,)])
            if body.get("counted"):
                connection.execute("INSERT OR REPLACE INTO usage VALUES (2, ?, 1)", (body["bot"],))
        return 200, {"id": id_}

    def _update(self, connection: sqlite3.Connection, _halfway: bool) -> tuple[int, dict[str, Any]]:
        table, id_, body = self._row()
        old = connection.execute(f"SELECT * FROM {table} WHERE id = ?", (id_,)).fetchone()
        if old is None:
            return 404, {}
        sets = ", ".join(f"{name} = ?" for name in body)
        connection.execute(f"UPDATE {table} SET {sets} WHERE id = ?", [*body.values(), id_])
        return 200, {"before": dict(zip(("id", *COLUMNS[table]), old, strict=True))}

    def _delete(self, connection: sqlite3.Connection, halfway: bool) -> tuple[int, dict[str, Any]]:
        table, id_, _ = self._row()
        if halfway and table == "bot":
            connection.execute("DELETE FROM integration WHERE bot = ?", (id_,))
            return 500, {}
        gone = connection.execute(f"DELETE FROM {table} WHERE id = ?", (id_,)).rowcount
        return (200 if gone else 404), {}

    def _row(self) -> tuple[str, int, dict[str, Any]]:
        _, table, id_ = self.path.split("/")
        return table, int(id_), self._body()

    def _body(self) -> Any:
        """Return the body. Raises ConnectionError if the client has gone before it sent all of it."""
        length = self.headers.get("Content-Length")
        data = self.rfile.read(int(length)) if length else b""
        if length is None or len(data) < int(length):
            raise ConnectionError("the request ends too early")
        return json.loads(data)

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            return  # the client has gone


class Server(ThreadingHTTPServer):
    """A server whose clients may disconnect at any time."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnected in the middle of a request; exit at any other error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
            os._exit(1)


def main() -> None:
    """Serve until the process is ended."""
    Handler.database, port_file = sys.argv[1:]
    server = Server(("127.0.0.1", 0), Handler)
    with open(f"{port_file}.new", "w", encoding="ascii") as file:
        file.write(str(server.server_port))
    os.rename(f"{port_file}.new", port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
