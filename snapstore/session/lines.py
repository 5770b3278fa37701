"""Lines from a descriptor, one at a time, none longer than a limit."""

from __future__ import annotations

import os
import select

_READ_BYTES = 1 << 16


class LineReader:
    """Reads lines; what comes after the next line waits in the pipe, so that memory is bounded."""

    def __init__(self, fd: int, longest: int) -> None:
        self._fd = fd
        self._longest = longest
        self._buffer = bytearray()
        self._searched = 0
        self._is_skipping = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self.at_end = False

    def next(self, seconds: float) -> bytes | None:
        """Return the next line without its end, None where none came in time, and at the end.

        A line that is too long is returned cut off, but longer than the limit; the rest of it is skipped.
        """
        while True:
            line = self._take()
            if line is not None:
                return line
            if self.at_end or not self._poll.poll(seconds * 1000):
                return None
            data = os.read(self._fd, _READ_BYTES)
            if data:
                self._buffer += data
            else:
                self.at_end = True

    def _take(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if end >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            if self._is_skipping:
                self._is_skipping = False
                return self._take()
            return line
        if self._is_skipping:
            self._buffer.clear()
        elif len(self._buffer) > self._longest:
            line = bytes(self._buffer)
            self._buffer.clear()
            self._is_skipping = True
            self._searched = 0
            return line
        self._searched = len(self._buffer)
        if self.at_end and self._buffer:  # the last line has no end
            line = bytes(self._buffer)
            self._buffer.clear()
            self._searched = 0
            return line
        return None
