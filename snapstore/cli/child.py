"""The command that `snap run` runs: its output untouched, signals passed on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from snapstore.files import translated

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_SIGNALS = 3  # the third one makes the command end


class Child:
    """A command that runs beside us; `signal` is the number of the first signal we were sent meanwhile, 0 for none."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], *, output: int | None) -> None:
        self.signal = 0
        self._count = 0
        self._before = {number: signal.signal(number, self._pass_on) for number in _PASSED_ON}
        with translated(arguments[0]):
            self._process = subprocess.Popen(list(arguments), env=dict(environment), stdout=output)

    def wait(self) -> int:
        """Wait for the end; return its exit code, 128 and the number of a signal it ended by."""
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def forget(self) -> None:
        """Handle signals as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or number
        self._count += 1
        if self._count >= _MOST_SIGNALS:
            self._process.kill()
        elif not (number == signal.SIGINT and _is_in_foreground()):  # a terminal tells all of the group itself
            self._process.send_signal(number)


def _is_in_foreground() -> bool:
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
