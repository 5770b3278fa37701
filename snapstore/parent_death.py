"""Child processes that end when this process does, even where it is killed and can tell them nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_SET_PDEATHSIG = 1  # prctl(2)


def ends_with_parent() -> Callable[[], None] | None:
    """Return what a child must run before its program, None where the system has no such signal.

    Only Linux signals the children of a thread that has ended; the main thread must start them. The child alone gets
    SIGTERM and not SIGKILL, so that it can end its own children.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, after which nothing should be loaded
    parent = os.getpid()

    def before_program() -> None:
        prctl(_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the signal was asked for
            os.kill(os.getpid(), signal.SIGKILL)

    return before_program
