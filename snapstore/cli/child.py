"""The command that `snap run` runs: its output untouched, signals passed on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType

from snapstore.files import translated
from snapstore.hybrid.orphans import ends_with_parent

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_SIGNALS = 3  # the third one makes the command end
_TERMINAL = "/dev/tty"


class Child:
    """A command that runs beside us, from `start` on; signals are ours from the beginning of the `with` block.

    `signal` is the number of the first one that came, 0 for none. One that comes when the command has ended calls
    `afterwards` instead: the state is being put back then, and that is not given up.
    """

    def __init__(self, afterwards: Callable[[], None]) -> None:
        self.signal = 0
        self._afterwards = afterwards
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Child:
        self._before = {number: signal.signal(number, self._pass_on) for number in _PASSED_ON}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], *, output: int | None) -> None:
        """Begin the command. Raises FileError."""
        with translated(arguments[0]):
            self._process = subprocess.Popen(
                list(arguments),
                env=dict(environment),
                stdout=output,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - no thread of ours runs by now
            )
        if self.signal:  # it came while the process was begun
            self._process.send_signal(self.signal)

    @property
    def is_started(self) -> bool:
        """Whether the command was begun."""
        return self._process is not None

    def wait(self) -> int:
        """Wait for the end; return its exit code, 128 and the number of a signal it ended by."""
        assert self._process is not None
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or number
        self._count += 1
        if self._process is None:  # the backup is being taken, which leaves nothing behind
            if self._count >= _MOST_SIGNALS:
                raise KeyboardInterrupt
        elif self._process.returncode is not None:
            self._afterwards()
        elif self._count >= _MOST_SIGNALS:
            self._process.kill()
        elif not (number == signal.SIGINT and _is_in_foreground()):  # a terminal tells all of the group itself
            self._process.send_signal(number)


def _is_in_foreground() -> bool:
    """Tell whether we are what the keys of a terminal go to."""
    with suppress(OSError):
        terminal = os.open(_TERMINAL, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
