"""A small server on a SQLite file: GET lists names, POST adds the name in its body, DELETE removes it.

Its connection stays open from its start to its end. It writes the port that it listens on.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Serves one request after the other."""

    def do_GET(self) -> None:
        """List the names of the rows, in the order in which they were added."""
        self._reply([name for (name,) in CONNECTION.execute("SELECT name FROM item ORDER BY id")])

    def do_POST(self) -> None:
        """Add a row."""
        self._reply(CONNECTION.execute("INSERT INTO item(name) VALUES (?)", (self._body(),)).rowcount)

    def do_DELETE(self) -> None:
        """Remove all rows of a name."""
        self._reply(CONNECTION.execute("DELETE FROM item WHERE name = ?", (self._body(),)).rowcount)

    def log_message(self, *_: object) -> None:
        """Print no line for each request."""

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _reply(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    CONNECTION = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
