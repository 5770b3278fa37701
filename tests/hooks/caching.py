"""A server that remembers: it reads its database once, and again only when it is told to.

It takes the database, the file for its port, and the file for its process number. `GET /` answers with the names that
it remembers, `POST /` adds one; `POST /forget`, with the right header, and SIGHUP make it read again.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

TOKEN = "Bearer s3cret"
DATABASE, PORT_FILE, PID_FILE = sys.argv[1:] if __name__ == "__main__" else ("", "", "")
remembered: list[str] = []


def read() -> None:
    with closing(sqlite3.connect(DATABASE)) as connection:
        remembered[:] = [name for (name,) in connection.execute("SELECT name FROM item WHERE id > 5")]


def add(name: str) -> None:
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.execute("INSERT INTO item(name) VALUES (?)", (name,))
    remembered.append(name)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.respond(200, json.dumps(remembered))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/":
            add(json.loads(body)["name"])
            self.respond(201, "{}")
        elif self.headers["Authorization"] != TOKEN:
            self.respond(403, f"not {self.headers['Authorization']}")
        else:
            read()
            self.respond(204, "")

    def respond(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    read()
    signal.signal(signal.SIGHUP, lambda *_: read())
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Path(PID_FILE).write_text(f"{os.getpid()}\n")
        Path(f"{PORT_FILE}.new").write_text(str(server.server_address[1]))
        Path(f"{PORT_FILE}.new").rename(PORT_FILE)
        server.serve_forever()
