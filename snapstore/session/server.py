"""The server of a session: reads requests, has them done one after the other, writes the answers.

It goes on after every request that cannot be read or done, and ends when there are no more, when it is told to, or
when nobody is left who could want an answer (orphanage.py). A bug of ours is answered and then ends it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from snapstore.errors import SnapError
from snapstore.files import os_error
from snapstore.session import control, suites, verbs  # noqa: F401 - they fill the table of methods
from snapstore.session.lines import LineReader
from snapstore.session.methods import perform
from snapstore.session.protocol import (
    INTERNAL_ERROR,
    LONGEST_LINE,
    Fault,
    Message,
    Request,
    encode,
    failure,
    fault_of,
    read_message,
    result_of,
    too_long,
)
from snapstore.session.workplace import Workplace

SWITCH_SECONDS = 0.0005  # a tenth of Python's: a thread that compresses or syncs is not kept waiting for the other
IDLE_SECONDS = 0.5  # between two looks at what grows while nobody asks for anything


class Server:
    """Answers what comes from one descriptor on another."""

    def __init__(self, workplace: Workplace, source: int, sink: int, say: Callable[[str], None]) -> None:
        self._workplace = workplace
        self._lines = LineReader(source, LONGEST_LINE)
        self._sink = sink
        self._say = say

    def run(self) -> None:
        """Answer until the end. Raises BrokenPipeError where nobody reads the answers, TrackerMismatch."""
        sys.setswitchinterval(SWITCH_SECONDS)
        while not self._workplace.is_over:
            line = self._lines.next(IDLE_SECONDS)
            if line is not None:
                self._answer(too_long() if len(line) > LONGEST_LINE else read_message(line))
            elif self._lines.at_end:
                self._workplace.check()
                return
            self._workplace.rest()

    def _answer(self, message: Message) -> None:
        answers = [answer for request in message.requests if (answer := self._done(request)) is not None]
        if answers:
            self._write(encode(answers if message.is_batch else answers[0]))

    def _done(self, request: Request) -> dict[str, Any] | None:
        """Do a request; return the answer, None where none is wanted."""
        try:
            if request.fault:
                raise request.fault
            answer = result_of(request, perform(self._workplace, request))
        except Fault as fault:
            answer = fault_of(request, fault)
        except (SnapError, OSError) as raised:
            error = raised if isinstance(raised, SnapError) else os_error(raised.filename or "?", raised)
            answer = fault_of(request, failure(error, self._workplace.setting.hint_for(error)))
        except BaseException as error:
            if request.wants_answer:
                self._write(encode(fault_of(request, Fault(INTERNAL_ERROR, f"the session ends: {error!r}"))))
            raise
        if not request.wants_answer:
            if "error" in answer:
                self._say(f"{request.method}: {answer['error']['message']}")
            return None
        return answer

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._sink, view) :]
