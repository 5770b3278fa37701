"""A website that writes to its database for every visit: `python -m tests.session.website DATABASE PAUSE`.

Its page works without an end: each of its requests inserts `BATCH` rows in one transaction, unless the file PAUSE is
there. Prints its port; ends when standard input does.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.session.beside import LEAK

PAGE = b"""<!doctype html><script>
async function work() { for (;;) { try { await fetch('/work', {method: 'POST'}); } catch (e) { await pause(50); } } }
function pause(ms) { return new Promise((done) => setTimeout(done, ms)); }
work();
</script>"""


class Website(HTTPServer):
    def __init__(self, database: str, pause: str) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.pause = pause
        self.written = 0
        self.connection = sqlite3.connect(database, isolation_level=None, timeout=20)

    def work(self) -> None:
        if not os.path.exists(self.pause):
            self.connection.execute(LEAK)
            self.written += 1


class Visit(BaseHTTPRequestHandler):
    server: Website

    def do_GET(self) -> None:
        self._answer(str(self.server.written).encode() if self.path == "/written" else PAGE)

    def do_POST(self) -> None:
        self.server.work()
        self._answer(b"done")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(database: str, pause: str) -> None:
    website = Website(database, pause)
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    sys.stdout.write(f"{website.server_port}\n")
    sys.stdout.flush()
    website.serve_forever()


def _end_with_standard_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
