"""The pages that the committed frames of a write-ahead log name; each frame is read once."""

from __future__ import annotations

import os
from array import array
from contextlib import suppress
from itertools import islice

from snapstore.database.wal import frames, wal_path
from snapstore.database.wal_index import LogEnd
from snapstore.regular import open_named


class WalPages:
    """What was read so far of the log of the database at a real path; `all` has the pages that it names."""

    def __init__(self, database: str) -> None:
        self._path = wal_path(database)
        self._salts = b""
        self._frames = array("I")
        self.all: set[int] = set()

    def read_to(self, end: LogEnd, page_size: int) -> bool:
        """Read on to an end that the log has or had; tell whether all frames up to there have its salts."""
        if end.salts != self._salts:
            self._salts, self._frames, self.all = end.salts, array("I"), set()
        if len(self._frames) >= end.frames:
            return True
        with suppress(OSError):
            fd = open_named(self._path, follow=False)
            try:
                self._read(fd, end, page_size)
            finally:
                os.close(fd)  # SQLite locks the -shm file, never the log, so this drops no lock
        return len(self._frames) >= end.frames

    def since(self, start: int, end: int) -> set[int]:
        """Return the pages that the frames after number `start` name, up to number `end`."""
        return set(self._frames[start:end])

    def _read(self, fd: int, end: LogEnd, page_size: int) -> None:
        first = len(self._frames)
        for pgno, salts in islice(frames(fd, first, page_size), end.frames - first):
            if salts != end.salts:
                break
            self._frames.append(pgno)
        self.all.update(self._frames[first:])
