"""A hook that makes an HTTP request, again and again while nobody listens, or until the response is the wanted one.

No redirect is followed: the headers may hold a secret, which goes to the host that the configuration names and to no
other. Nothing of a response but its status is reported, since a server may repeat what it was sent.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from snapstore.hooks.hook import Request
from snapstore.hooks.outcome import Allowance, Outcome

_VARIABLE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)
_PAUSES = (0.02, 0.05, 0.1, 0.2)  # seconds between attempts; the last one repeats
_LOOK_SECONDS = 0.05  # between two looks whether the hook has to stop


class _HeaderProblem(Exception):
    """A header cannot be sent; the message does not have its value."""


def make_request(request: Request, environment: Mapping[str, str], allowance: Allowance) -> Outcome:
    """Make the request until it is answered as wanted, or its time is over."""
    try:
        headers = {name: _expanded(name, value, environment) for name, value in request.headers.items()}
    except _HeaderProblem as error:
        return Outcome(False, str(error))
    attempts = 0
    found: int | Exception = TimeoutError()
    while allowance.left:
        attempts += 1
        latest = _Exchange(request, headers, allowance).result()
        found = found if isinstance(latest, TimeoutError) and attempts > 1 else latest  # the last attempt is cut short
        if not _may_try_again(request, latest):
            break
        allowance.pause(_PAUSES[min(attempts, len(_PAUSES)) - 1])
    if allowance.is_stopped:
        return Outcome(False, "stopped", attempts)
    return Outcome(_is_wanted(request, found), _text(request, found, allowance), attempts)


def _may_try_again(request: Request, found: int | Exception) -> bool:
    """Tell whether another attempt may help. Only one that was refused did surely not reach the application."""
    if _is_wanted(request, found):
        return False
    return request.until is not None or isinstance(found, ConnectionRefusedError)


def _is_wanted(request: Request, found: int | Exception) -> bool:
    if isinstance(found, Exception):
        return False
    return found // 100 == 2 if request.until is None else found == request.until  # noqa: PLR2004 - success (RFC 9110)


def _text(request: Request, found: int | Exception, allowance: Allowance) -> str:
    if isinstance(found, ConnectionRefusedError):
        return f"connection refused for {allowance.seconds:g} s"
    if isinstance(found, TimeoutError):
        return f"no response within {allowance.seconds:g} s"
    if isinstance(found, HTTPException):
        return "the response is not HTTP, or the connection was closed before it"
    if isinstance(found, Exception):
        return (getattr(found, "strerror", None) or type(found).__name__).lower()
    if _is_wanted(request, found):
        return _status(found)
    is_redirect = found // 100 == 3 and request.until is None  # noqa: PLR2004 - redirection (RFC 9110)
    because = " (redirects are not followed)" if is_redirect else ""
    return f"{_status(found)}{because}, wanted {request.until or '2xx'}"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"  # our phrase: the server's may repeat a header
    except ValueError:
        return str(status)


def _expanded(name: str, value: str, environment: Mapping[str, str]) -> bytes:
    """Return a header with the environment variables that it names. Raises _HeaderProblem."""

    def replaced(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        variable = found[2] or found[3]
        if variable not in environment:
            raise _HeaderProblem(f"header '{name}': the environment variable '{variable}' is not set")
        return environment[variable]

    text = _VARIABLE.sub(replaced, value)
    if not text.isprintable():
        raise _HeaderProblem(f"header '{name}': its value has a character that HTTP does not allow")
    return text.encode("utf-8")


class _Exchange:
    """One request and its response, in a thread: neither a slow name server nor a slow response outlasts the hook."""

    def __init__(self, request: Request, headers: Mapping[str, bytes], allowance: Allowance) -> None:
        self._request = request
        self._headers = headers
        self._allowance = allowance
        self._found: int | Exception = TimeoutError()
        self._connection = self._new_connection()

    def result(self) -> int | Exception:
        """Return the status, or what went wrong."""
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            while thread.is_alive() and (left := self._allowance.left):
                thread.join(min(left, _LOOK_SECONDS))
        finally:
            if thread.is_alive():
                self._break_off()
                thread.join(_LOOK_SECONDS)
        return self._found

    def _run(self) -> None:
        try:
            request, headers = self._request, {"User-Agent": b"snapstore", "Connection": b"close", **self._headers}
            self._connection.request(request.method, request.target, headers=headers)
            self._note(self._connection.getresponse().status)
        except (OSError, HTTPException) as error:
            self._note(error)
        finally:
            self._connection.close()

    def _note(self, found: int | Exception) -> None:
        """Note what was found in time; what comes later was broken off."""
        if self._allowance.left:
            self._found = found

    def _new_connection(self) -> HTTPConnection:
        request, seconds = self._request, max(self._allowance.left, _LOOK_SECONDS)
        if not request.is_secure:
            return HTTPConnection(request.host, request.port, timeout=seconds)
        import ssl

        return HTTPSConnection(request.host, request.port, timeout=seconds, context=ssl.create_default_context())

    def _break_off(self) -> None:
        """Have the thread end: a read that waits for a slow server returns at once."""
        if self._connection.sock:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
