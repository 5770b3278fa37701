"""A spool of pages, in memory while they are few and in a temporary file beyond that."""

from __future__ import annotations

import os
from typing import IO

from snapstore.files import translated

MOST_BYTES_IN_MEMORY = 32 << 20


class PageSpool:
    """Pages by number; `close` drops them."""

    def __init__(self, page_size: int) -> None:
        self._size = page_size
        self._most = MOST_BYTES_IN_MEMORY // page_size
        self._here: dict[int, bytes] = {}
        self._places: dict[int, int] = {}
        self._file: IO[bytes] | None = None

    def __contains__(self, pgno: int) -> bool:
        return pgno in self._here or pgno in self._places

    def put(self, pgno: int, page: bytes) -> None:
        """Keep a page. Raises DiskFull, FileError."""
        if len(self._here) < self._most:
            self._here[pgno] = page
            return
        import tempfile  # Most comparisons keep all their pages in memory.

        with translated(tempfile.gettempdir()):
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="snapstore-", buffering=0)  # noqa: SIM115 - closed by `close`
            place = self._places[pgno] = len(self._places)
            os.pwrite(self._file.fileno(), page, place * self._size)

    def get(self, pgno: int) -> bytes | None:
        """Return a page, None if it was not put here."""
        if pgno in self._here:
            return self._here[pgno]
        place = self._places.get(pgno)
        if place is None or self._file is None:
            return None
        return os.pread(self._file.fileno(), self._size, place * self._size)

    def close(self) -> None:
        """Drop all pages."""
        self._here.clear()
        self._places.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
