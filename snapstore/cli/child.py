"""The command that `snap run` runs: its output is untouched, and it receives our signals."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType

from snapstore.files import translated
from snapstore.parent_death import ends_with_parent
from snapstore.signals import Interrupt

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MOST_SIGNALS = 3  # the third one kills the command
_TERMINAL = "/dev/tty"
_LOOK_SECONDS = 0.5


class Child:
    """A command in a child process. `start` begins it; the `with` block passes signals on to it.

    `signal` is the number of the first signal, 0 for none. A signal after the command's end calls `afterwards` instead,
    since the state is being restored by then and has to be. `meanwhile` is called now and then while it runs.
    """

    def __init__(self, afterwards: Callable[[], None], meanwhile: Callable[[], None]) -> None:
        self.signal = 0
        self._afterwards = afterwards
        self._meanwhile = meanwhile
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Child:
        self._before = {number: signal.signal(number, self._pass_on) for number in _PASSED_ON}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], *, output: int | None) -> None:
        """Start the command. Raises FileError."""
        with translated(arguments[0]):
            self._process = subprocess.Popen(
                list(arguments),
                env=dict(environment),
                stdout=output,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - it takes no lock that another thread may hold
            )
        if self.signal:  # it came while the process started
            self._process.send_signal(self.signal)

    @property
    def is_started(self) -> bool:
        """Whether the command was started."""
        return self._process is not None

    def wait(self) -> int:
        """Wait for the command's end; return its exit code, 128 plus the number of the signal that ended it."""
        assert self._process is not None
        code = None
        while code is None:
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_LOOK_SECONDS)
            self._meanwhile()
        return 128 - code if code < 0 else code

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.signal = self.signal or number
        self._count += 1
        if self._process is None:  # the backup is being taken, and an interrupted one leaves nothing behind
            if self._count >= _MOST_SIGNALS:
                raise Interrupt
        elif self._process.returncode is not None:
            self._afterwards()
        elif self._count >= _MOST_SIGNALS:
            self._process.kill()
        elif not (number == signal.SIGINT and _is_in_foreground()):  # a terminal signals the whole group itself
            self._process.send_signal(number)


def _is_in_foreground() -> bool:
    """Tell whether this process group has the terminal."""
    with suppress(OSError):
        terminal = os.open(_TERMINAL, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
