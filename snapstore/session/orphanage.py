"""Orphanage: a session ends when nobody is left who could want an answer, also while a request is under way.

That is so when the process that began it has ended, or when nobody has the other end of the answers open. A timer
looks, rather than the kernel telling: PR_SET_PDEATHSIG, which Linux alone has, tells of the end of the thread that
began the process, and a test runner may begin it in a thread that ends long before the tests do. A timer and not a
thread, since cleanup commands are forked, and a process with threads must not.
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


class Orphaned(KeyboardInterrupt):
    """Nobody is left; raised wherever the program stands, and treated as an interrupt on its way out."""


@contextmanager
def ends_when_orphaned(sink: int) -> Iterator[None]:
    """Raise Orphaned in the body once nobody is left, or on SIGTERM; has to be entered by the main thread."""
    parent = os.getppid()
    poll = select.poll()
    poll.register(sink, 0)  # errors are told of without being asked for

    def look(_number: int, _frame: FrameType | None) -> None:
        if (os.getppid() != parent and parent != _INIT) or poll.poll(0):
            raise_orphaned(0, None)

    def raise_orphaned(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Orphaned

    signal.signal(signal.SIGALRM, look)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.signal(signal.SIGTERM, raise_orphaned)
    signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
