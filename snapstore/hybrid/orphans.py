"""Orphans: child processes that are to end when we do, even where we are killed and can tell them nothing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

_SET_PDEATHSIG = 1  # prctl(2)


def ends_with_parent() -> Callable[[], None] | None:
    """Return what a child has to run before its program, None where the system knows no such thing.

    Linux alone sends a signal to the children of a thread that has ended; they have to be begun by the main thread.
    Only the child itself is told: it gets SIGTERM and not SIGKILL, so that it can end its own children.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, after which nothing should be loaded
    parent = os.getpid()

    def before_program() -> None:
        prctl(_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before that was asked for
            os._exit(128 + signal.SIGTERM)

    return before_program
