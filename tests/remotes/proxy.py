"""A proxy before a server of object storage: it adds latency, injects faults by a plan, and records what passes.

It speaks HTTP/1.1 over real sockets. A client signs the address that it talks to, and that header passes unchanged.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Fault(Enum):
    """What goes wrong with a request. Those with a number answer with this status, and the server sees nothing."""

    FORBIDDEN = 403
    MISSING = 404
    CONFLICT = 409
    PRECONDITION = 412
    TOO_MANY = 429
    INTERNAL = 500
    BAD_GATEWAY = 502
    SLOW_DOWN = 503
    ANSWER_LOST = "the server does it, and the connection closes without an answer"
    ANSWER_500 = "the server does it, and the answer is 500"
    RESET = "the connection is reset, and the server sees nothing"
    STALL = "nothing answers, and the server sees nothing"
    CUT = "the body of the answer ends in the middle"
    BODY_STALLS = "the body of the answer stops in the middle, and the connection stays open"
    FLIPPED = "a byte of the body of the answer is another one"
    FLIPPED_SENT = "a byte of the body of the request is another one"


CODES = {
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    500: "InternalError",
    502: "BadGateway",
    503: "SlowDown",
}


class Request(NamedTuple):
    """A request that a client has made; `number` counts those of this method and key, from 1."""

    method: str
    key: str
    query: str
    number: int

    @property
    def is_list(self) -> bool:
        return "list-type=" in self.query


class Passed(NamedTuple):
    """A request with what became of it; bytes are those of bodies, `status` is None without an answer."""

    request: Request
    sent: int
    received: int
    status: int | None
    fault: Fault | None


Plan = Callable[[Request], Fault | None]


def no_faults(_request: Request) -> Fault | None:
    """Let everything pass."""
    return None


def seeded(seed: int, share: float, faults: Sequence[Fault], *, in_a_row: int = 2) -> Plan:
    """Return a plan with a fault in a share of the requests, the same ones whatever the order they come in.

    At most `in_a_row` requests for the same thing fail, so that trying again helps.
    """

    def plan(request: Request) -> Fault | None:
        text = f"{seed} {request.method} {request.key} {request.query} {request.number}"
        drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        if request.number > in_a_row or drawn % 10_000 >= share * 10_000:
            return None
        return faults[(drawn >> 32) % len(faults)]

    return plan


class Proxy:
    """A running proxy: `endpoint` is where clients go, `passed` what has gone through."""

    def __init__(self, upstream: str, latency: float = 0.0, stall: float = 30.0) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.latency = latency
        self.stall = stall
        self.plan: Plan = no_faults
        self.answer: tuple[int, bytes, dict[str, str]] | None = None
        """Status, body and headers that each request is answered with, in place of the server."""
        self.passed: list[Passed] = []
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it: what stalls is let go."""
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def clear(self) -> None:
        """Forget what has passed."""
        with self.lock:
            self.passed.clear()
            self._seen.clear()

    def requests(self, method: str = "") -> list[Passed]:
        """Return what has passed, of one method if it is given."""
        with self.lock:
            return [one for one in self.passed if method in ("", one.request.method)]

    def met(self, method: str, target: str) -> Request:
        """Return a request that arrives, with its number."""
        parts = urlsplit(target)
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        with self.lock:
            self._seen[method, key, parts.query] += 1
            return Request(method, key, parts.query, self._seen[method, key, parts.query])

    def record(self, passed: Passed) -> None:
        """Add to what has passed."""
        with self.lock:
            self.passed.append(passed)


@contextmanager
def proxy(upstream: str, latency: float = 0.0, stall: float = 30.0) -> Iterator[Proxy]:
    """Run a proxy; `latency` is in seconds a request, `stall` how long a fault of that kind lasts."""
    running = Proxy(upstream, latency, stall)
    try:
        yield running
    finally:
        running.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that go away: many tests do that on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server
    _request: Request
    _body: bytes
    _fault: Fault | None
    _connection: HTTPConnection | None = None

    def _pass(self) -> None:
        proxy = self.server.proxy
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._request = proxy.met(self.command, self.path)
        self._fault = proxy.plan(self._request)
        if proxy.latency:
            time.sleep(proxy.latency)
        if proxy.answer is not None:
            self._send(*proxy.answer)
        elif self._fault in (Fault.RESET, Fault.STALL) or isinstance(getattr(self._fault, "value", None), int):
            self._fail()
        else:
            self._answer()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815 - the base class names them

    def _fail(self) -> None:
        """Answer, or not, without the server."""
        assert self._fault is not None
        if self._fault is Fault.RESET:
            self._reset()
        elif self._fault is Fault.STALL:
            self._record(None)
            self._stall()
        else:
            xml = f"<?xml version='1.0'?><Error><Code>{CODES[self._fault.value]}</Code></Error>".encode()
            self._send(self._fault.value, xml, {"Content-Type": "application/xml"})

    def _answer(self) -> None:
        """Let the server answer, and pass on what the plan leaves of that."""
        fault, body = self._fault, self._body
        status, content, headers = self._forwarded(_flipped(body) if fault is Fault.FLIPPED_SENT else body)
        if fault is Fault.ANSWER_LOST:
            self._record(None)
            self._hang_up()
        elif fault is Fault.ANSWER_500:
            self._send(500, b"<Error><Code>InternalError</Code></Error>", {})
        elif fault in (Fault.CUT, Fault.BODY_STALLS) and len(content) > 1 and self.command != "HEAD":
            self._half(status, content, headers, stalls=fault is Fault.BODY_STALLS)
        else:
            is_flipped = fault is Fault.FLIPPED and status < 300
            self._send(status, _flipped(content) if is_flipped else content, headers)

    def _record(self, status: int | None, received: int = 0) -> None:
        """Record the request before its answer is sent: who has the answer may ask for the record."""
        self.server.proxy.record(Passed(self._request, len(self._body), received, status, self._fault))

    def _forwarded(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Return the status, the body and the headers of the server's answer."""
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        for attempt in range(2):
            if self._connection is None:
                self._connection = HTTPConnection(*self.server.proxy.upstream, timeout=120)
            try:
                self._connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    self._connection.putheader(name, value)
                self._connection.endheaders(body or None)
                answer = self._connection.getresponse()
                content = answer.read()
                return answer.status, content, dict(answer.getheaders())
            except (OSError, HTTPException):  # an idle connection that the server has closed
                self._connection.close()
                self._connection = None
                if attempt:
                    raise
        raise AssertionError

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self._record(status, 0 if self.command == "HEAD" else len(content))
        self._headers(status, headers, len(content))
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _half(self, status: int, content: bytes, headers: dict[str, str], stalls: bool) -> None:
        half = len(content) // 2
        self._record(status, half)
        self._headers(status, headers, len(content))
        self.wfile.write(content[:half])
        self.wfile.flush()
        if stalls:
            self._stall()
        self._hang_up()

    def _headers(self, status: int, headers: dict[str, str], length: int) -> None:
        passing = {name.lower(): (name, value) for name, value in headers.items()}
        for name in ("connection", "transfer-encoding", "keep-alive"):
            passing.pop(name, None)
        if self.command != "HEAD" or "content-length" not in passing:
            passing["content-length"] = ("Content-Length", str(length))
        self.send_response_only(status)
        for name, value in passing.values():
            self.send_header(name, value)
        self.end_headers()

    def _stall(self) -> None:
        self.server.proxy.ending.wait(self.server.proxy.stall)
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self) -> None:
        """Close with RST, which is what a linger time of zero asks for."""
        self._record(None)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        """End with the client's connection that to the server, too."""
        with suppress(OSError, ValueError):
            super().finish()
        if self._connection is not None:
            self._connection.close()

    def log_message(self, *_: object) -> None:
        """Write nothing to standard error."""


def _flipped(content: bytes) -> bytes:
    """Return bytes of which the middle one is another."""
    if not content:
        return content
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
