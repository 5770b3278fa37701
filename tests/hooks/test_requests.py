"""HTTP requests against sockets that refuse, hang, drip, redirect, repeat what they are sent, and at last answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from snapstore.hooks.hook import Hook, HookSettings, Request
from snapstore.hooks.hooks import Hooks
from snapstore.results.hooks import HookRun

NOT_HTTP = "the response is not HTTP, or the connection was closed before it"
OK = b"HTTP/1.1 200 Whatever\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 s3cret\r\nContent-Length: 6\r\n\r\ns3cret"


class Server:
    """A server on a port of this machine; `answers` are used up one after the other, the last one repeats."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None], reads: bool = True) -> None:
        self.reads = reads
        self.answers = list(answers)
        self.requests: list[str] = []
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    @contextmanager
    def listening(self) -> Iterator[Server]:
        self.listener.listen()
        thread = threading.Thread(target=self._serve)
        thread.start()
        try:
            yield self
        finally:
            self.listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while self.reads and b"\r\n\r\n" not in data and (more := connection.recv(65536)):
                    data += more
                self.requests.append(data.decode("latin-1"))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    answer(connection)


def made(port: int, *, timeout: float = 20, environment: Mapping[str, str] | None = None, **fields: Any) -> HookRun:
    """Run a hook that makes one request."""
    url = f"http://127.0.0.1:{port}/cache/clear?system=true"
    request = Request("POST", url, False, "127.0.0.1", port, "/cache/clear?system=true", **fields)
    hooks = Hooks(HookSettings(after=(Hook("http", request, timeout),)), environment=lambda: environment or {})
    with hooks.around() as telling:
        telling.changed = True
    (run,) = telling.runs
    return run


def hang(connection: socket.socket) -> None:
    """Wait for the other side to go."""
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """Send a byte now and then, until the other side goes."""
    connection.settimeout(0.01)
    data = iter(OK[:-2] + b"X: " + b"x" * 100_000)
    while True:
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            connection.send(bytes([next(data)]))
        except OSError:
            return


def test_the_request_is_as_configured_and_its_headers_are_expanded() -> None:
    headers = {"Authorization": "Bearer ${TOKEN}", "X-Price": "$$5 $a-b"}
    with Server(OK).listening() as server:
        run = made(server.port, headers=headers, environment={"TOKEN": "s3cret", "a": "é"})
    assert (run.ok, run.detail, run.attempts) == (True, "200 OK", 1)
    (request,) = server.requests
    assert request.startswith("POST /cache/clear?system=true HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n" in request
    assert "Content-Length: 0\r\n" in request
    assert "Authorization: Bearer s3cret\r\n" in request
    assert f"X-Price: $5 {'é'.encode().decode('latin-1')}-b\r\n" in request
    assert "s3cret" not in repr(run)


def test_a_variable_that_is_not_set_or_breaks_the_request_sends_nothing() -> None:
    with Server(OK).listening() as server:
        for value in (None, "s3cret\r\nX-Other: 1"):
            run = made(server.port, headers={"A": "$TOKEN"}, environment={"TOKEN": value} if value else {})
            assert not run.ok
            assert run.detail.startswith("header 'A': ")
            assert "s3cret" not in run.detail
    assert server.requests == []


def test_a_refused_connection_is_tried_again_until_somebody_listens() -> None:
    server = Server(OK)
    is_up = threading.Event()

    def serve() -> None:
        threading.Event().wait(0.2)
        with server.listening():
            is_up.wait()

    thread = threading.Thread(target=serve)
    thread.start()
    run = made(server.port)
    is_up.set()
    thread.join()
    assert (run.ok, run.detail, len(server.requests)) == (True, "200 OK", 1)
    assert run.attempts > 1


def test_nobody_listens() -> None:
    server = Server()
    run = made(server.port, timeout=2.0)
    server.listener.close()
    assert (run.ok, run.detail) == (False, "connection refused for 2 s")
    assert run.attempts > 1


def test_a_wanted_status_is_waited_for_and_nothing_else_is_repeated() -> None:
    with Server(BUSY, BUSY, OK).listening() as server:
        run = made(server.port, until=200)
        assert (run.ok, run.detail, run.attempts) == (True, "200 OK", 3)
    with Server(BUSY).listening() as server:
        run = made(server.port)
        assert (run.ok, run.detail, run.attempts) == (False, "503 Service Unavailable, wanted 2xx", 1)
        run = made(server.port, until=204, timeout=2.0)
        assert (run.ok, run.detail) == (False, "503 Service Unavailable, wanted 204")
        assert run.attempts > 1
        assert made(server.port, until=503).ok


@pytest.mark.parametrize("answer", [hang, drip])
def test_a_server_that_does_not_answer_costs_no_more_than_the_deadline(
    answer: Callable[[socket.socket], None],
) -> None:
    with Server(answer).listening() as server:
        run = made(server.port, timeout=0.3)
    assert (run.ok, run.detail, run.attempts) == (False, "no response within 0.3 s", 1)
    assert threading.active_count() == 1


def test_a_redirect_is_not_followed() -> None:
    with Server(OK).listening() as other:
        to = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        with Server(to).listening() as server:
            run = made(server.port, headers={"Authorization": "$TOKEN"}, environment={"TOKEN": "s3cret"})
            assert (run.ok, run.detail) == (False, "302 Found (redirects are not followed), wanted 2xx")
            assert made(server.port, until=302).ok
    assert other.requests == []


@pytest.mark.parametrize("answer", [b"s3cret\r\n\r\n", b"", b"HTTP/1.1 200 " + b"x" * 70_000])
def test_what_is_not_http(answer: bytes) -> None:
    with Server(answer).listening() as server:
        run = made(server.port, timeout=5)
    assert (run.ok, run.attempts) == (False, 1)
    assert run.detail in (
        "the response is not HTTP, or the connection was closed before it",
        "connection reset by peer",
    )


def test_a_server_that_speaks_no_tls_gets_no_request() -> None:
    def shout(connection: socket.socket) -> None:
        connection.sendall(b"not TLS at all")
        hang(connection)

    with Server(shout, reads=False).listening() as server:
        url = f"https://127.0.0.1:{server.port}/"
        hook = Hook("http", Request("GET", url, True, "127.0.0.1", server.port, "/"), 20)
        with Hooks(HookSettings(after=(hook,))).around() as telling:
            telling.changed = True
    (run,) = telling.runs
    assert (run.ok, run.attempts) == (False, 1)
    assert "ssl" in run.detail
