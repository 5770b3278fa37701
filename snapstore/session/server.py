"""The server of a session: reads requests, has them done one after the other, writes the responses.

It goes on after every request that cannot be read or done. It ends when there are no more requests, when it is told to,
or when nobody is left who could want a response (parent_watch.py). A bug of snapstore is reported, and then ends it.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from snapstore.errors import SnapError
from snapstore.files import os_error
from snapstore.session.facade import SessionFacade
from snapstore.session.lines import LineReader
from snapstore.session.methods import perform
from snapstore.session.protocol import (
    INTERNAL_ERROR,
    LONGEST_LINE,
    Fault,
    Request,
    encode,
    failure,
    fault_of,
    read_request,
    response_of,
    too_long,
)

SWITCH_SECONDS = 0.0005  # a tenth of Python's: a thread that compresses or syncs should not wait for the other
IDLE_SECONDS = 0.5  # between two looks at what grows while no request comes, or nobody reads a response
BRIEF_SECONDS = 0.001  # a client that verifies a restore is quicker than that
FIRST_SECONDS = 0.1  # how long requests may go before the end of a restore
_AT_ONCE = select.PIPE_BUF  # bytes: a pipe that can take any takes as many without blocking (pipe(7))


class Server:
    """Responds on one descriptor to what comes from another; `report` gets what goes wrong with notifications."""

    def __init__(self, facade: SessionFacade, source: int, sink: int, report: Callable[[str], None]) -> None:
        self._facade = facade
        self._lines = LineReader(source, LONGEST_LINE)
        self._sink = sink
        self._writable = select.poll()
        self._writable.register(sink, select.POLLOUT)
        self._report = report

    def run(self) -> None:
        """Serve until the end. Raises BrokenPipeError where nobody reads the responses, TrackerMismatch."""
        sys.setswitchinterval(SWITCH_SECONDS)
        first_until = 0.0
        while not self._facade.is_over:
            was_unfinished = self._facade.is_unfinished
            line = self._next(BRIEF_SECONDS if was_unfinished else IDLE_SECONDS)
            if line is not None:
                self._respond(too_long() if len(line) > LONGEST_LINE else read_request(line))
            elif self._lines.at_end:
                self._facade.check()
                return
            if not was_unfinished:
                first_until = time.monotonic() + FIRST_SECONDS
            if line is None or not self._facade.is_unfinished or time.monotonic() > first_until:
                self._facade.rest()

    def _next(self, seconds: float) -> bytes | None:
        """Return the next line; prepare for it until it comes, and then wait for so many seconds."""
        while self._facade.is_preparing:
            if (line := self._lines.next(0)) is not None or self._lines.at_end:
                return line
            self._facade.prepare()
        return self._lines.next(seconds)

    def _respond(self, request: Request) -> None:
        response = self._response(request)
        self._facade.is_interrupted = False
        if request.wants_response:
            self._write(encode(response))
        elif "error" in response:
            self._report(f"{request.method}: {response['error']['message']}")

    def _response(self, request: Request) -> dict[str, Any]:
        """Do a request; return the response."""
        try:
            if request.fault:
                raise request.fault
            return response_of(request, perform(self._facade, request))
        except Fault as fault:
            return fault_of(request, fault)
        except (SnapError, OSError) as raised:
            error = raised if isinstance(raised, SnapError) else os_error(raised.filename or "?", raised)
            return fault_of(request, failure(error))
        except BaseException as error:
            if request.wants_response:
                self._write(encode(fault_of(request, Fault(INTERNAL_ERROR, f"the session ends: {error!r}"))))
            raise

    def _write(self, data: bytes) -> None:
        """Write a response. While nobody reads, no lock is held, and the logs of the databases do not grow."""
        view = memoryview(data)
        while view:
            while not self._writable.poll(IDLE_SECONDS * 1000):
                self._facade.rest()
            view = view[os.write(self._sink, view[: _room(self._sink)]) :]


def _room(sink: int) -> int:
    """Return how many bytes can be written to what is writable without blocking: the whole of a pipe that is empty."""
    with suppress(OSError, AttributeError):  # it is no pipe, or this is not Linux
        size = fcntl.fcntl(sink, fcntl.F_GETPIPE_SZ)
        (waiting,) = struct.unpack("i", fcntl.ioctl(sink, termios.FIONREAD, bytes(4)))
        return _AT_ONCE if waiting else max(size, _AT_ONCE)
    return _AT_ONCE
