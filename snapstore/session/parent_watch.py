"""Parent watch: end a session when nobody is left who could want a response, also while a request is under way.

Nobody is left when the process that started the session has ended, or when nobody has the other end of the responses
open. A timer looks for that, because PR_SET_PDEATHSIG, which only Linux has, reports the end of the thread that started
the process, and a test runner may start it in a thread that ends long before the tests do. It is a timer and not a
thread, because cleanup commands are forked, and a process with threads must not fork.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LOOK_SECONDS = 0.2
_INIT = 1


class Abandoned(KeyboardInterrupt):
    """Nobody is left. Raised wherever the program stands, and treated as an interrupt on its way out."""


@contextmanager
def ends_when_abandoned(sink: int) -> Iterator[None]:
    """Raise Abandoned in the body once nobody is left, or on SIGTERM. Only the main thread may enter this."""
    parent = os.getppid()
    poll = select.poll()
    poll.register(sink, 0)  # errors are reported without being asked for

    def look(_number: int, _frame: FrameType | None) -> None:
        if (os.getppid() != parent and parent != _INIT) or poll.poll(0):
            abandon(0, None)

    def abandon(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Abandoned

    signal.signal(signal.SIGALRM, look)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.signal(signal.SIGTERM, abandon)
    signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
