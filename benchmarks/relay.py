"""A relay before a server, in a process of its own: it adds latency to each request, and counts requests and bytes.

`python -m benchmarks.relay HOST:PORT SECONDS` prints its own address. For each line on standard input it prints the
number of requests since the last one, and the bytes of the bodies that were sent and received. Bodies pass in pieces,
so a large one is not held up.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from threading import Lock, Thread

_PIECE_BYTES = 1 << 18
_OWN = {"connection", "transfer-encoding", "keep-alive"}


class _Relay(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream: str, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        host, _, port = upstream.rpartition(":")
        self.upstream = (host, int(port))
        self.latency = latency
        self.counts = [0, 0, 0]
        self.lock = Lock()

    def count(self, *more: int) -> None:
        """Add to the requests, the bytes sent and the bytes received."""
        with self.lock:
            self.counts = [one + other for one, other in zip(self.counts, more, strict=True)]

    def taken(self) -> list[int]:
        """Return the counts, and begin again."""
        with self.lock:
            counts, self.counts = self.counts, [0, 0, 0]
        return counts

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Relay
    _connection: HTTPConnection | None = None

    def _pass(self) -> None:
        time.sleep(self.server.latency)
        length = int(self.headers.get("Content-Length") or 0)
        answer = self._asked(length)
        received = self._send(answer)
        self.server.count(1, length, received)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815 - the base class names them

    def _asked(self, length: int) -> HTTPResponse:
        """Pass the request on; a connection that the server has closed is opened again."""
        for attempt in range(2):
            if self._connection is None:
                self._connection = HTTPConnection(*self.server.upstream, timeout=300)
            try:
                self._connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "expect"):
                        self._connection.putheader(name, value)
                self._connection.endheaders()
                for piece in _pieces(self.rfile, length):
                    self._connection.send(piece)
                return self._connection.getresponse()
            except (OSError, HTTPException):
                self._connection.close()
                self._connection = None
                if attempt or length:
                    raise
        raise AssertionError

    def _send(self, answer: HTTPResponse) -> int:
        """Pass the answer back; return the bytes of its body."""
        has_body = self.command != "HEAD" and answer.status not in (204, 304)
        length = answer.getheader("Content-Length")
        content = answer.read() if length is None else b""  # of lists, which come in chunks
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        if length is None and has_body:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if has_body and length is None:
            self.wfile.write(content)
        elif has_body:
            for piece in _pieces(answer, int(length or 0)):
                self.wfile.write(piece)
        answer.read()
        self.wfile.flush()
        return (int(length) if length is not None else len(content)) if has_body else 0

    def finish(self) -> None:
        """End with the client's connection that to the server, too."""
        with suppress(OSError, ValueError):
            super().finish()
        if self._connection is not None:
            self._connection.close()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _pieces(source: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length and (piece := source.read1(min(length, _PIECE_BYTES))):
        length -= len(piece)
        yield piece


def main() -> None:
    """Relay until standard input ends."""
    relay = _Relay(sys.argv[1], float(sys.argv[2]))
    Thread(target=relay.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{relay.server_address[1]}", flush=True)
    for _ in sys.stdin:
        print(json.dumps(relay.taken()), flush=True)


if __name__ == "__main__":
    main()
