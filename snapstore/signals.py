"""Signals that ask a command to end: SIGINT, SIGTERM and SIGHUP.

A signal raises an exception, and all is closed and removed on its way out. While the program is imported nothing is
open yet, and start.py says so. What a parent process ignored, as `nohup` does, stays ignored.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 128  # and the number of the signal, as shells report it

Handler = Callable[[int, "FrameType | None"], None]


class Asked:
    """The first signal that came, 0 for none, and whether another one would still change anything."""

    number = 0
    is_over = False


class Interrupt(KeyboardInterrupt):
    """A signal came that asks the command to end. It is an interrupt to all code that knows of those.

    Once a KeyboardInterrupt, and none of its kinds, has left code that was made of text, as dataclasses do, CPython
    ends the process by SIGINT, whatever its exit code (Python/pythonrun.c, run_eval_code_obj).
    """


def exit_code() -> int:
    """Return the exit code of a command that was asked to end."""
    return EXIT_CODE + (Asked.number or signal.SIGINT)


def raise_on_signals() -> None:
    """Let a signal raise Interrupt."""
    handle(_raise)


def handle(handler: Handler) -> None:
    """Set the handler of the signals, except of those that a parent process ignored."""
    sys.unraisablehook = _told_unless_interrupt
    for number in ENDING:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    if Asked.is_over:
        return
    Asked.number = Asked.number or number
    raise Interrupt


def _told_unless_interrupt(unraisable: sys.UnraisableHookArgs) -> None:
    """Print what Python cannot raise, but for an interrupt that met a callback: it says nothing to a user."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
