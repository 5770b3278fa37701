"""Pages set aside, in memory as long as they are few and in a temporary file after that."""

from __future__ import annotations

import os

from snapstore.files import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

MANY_BYTES = 64 << 20


class PageSpool:
    """Pages by number; `close` forgets them."""

    def __init__(self, page_size: int) -> None:
        self._size = page_size
        self._most = MANY_BYTES // page_size
        self._here: dict[int, bytes] = {}
        self._places: dict[int, int] = {}
        self._file: IO[bytes] | None = None

    def __contains__(self, pgno: int) -> bool:
        return pgno in self._here or pgno in self._places

    def put(self, pgno: int, page: bytes) -> None:
        """Set a page aside. Raises DiskFull, FileError."""
        if len(self._here) < self._most:
            self._here[pgno] = page
            return
        import tempfile  # few diffs come this far

        with translated(tempfile.gettempdir()):
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="snapstore-", buffering=0)  # noqa: SIM115 - closed by `close`
            place = self._places[pgno] = len(self._places)
            os.pwrite(self._file.fileno(), page, place * self._size)

    def get(self, pgno: int) -> bytes | None:
        """Return a page, None for one that was not set aside."""
        if pgno in self._here:
            return self._here[pgno]
        place = self._places.get(pgno)
        if place is None or self._file is None:
            return None
        return os.pread(self._file.fileno(), self._size, place * self._size)

    def close(self) -> None:
        """Forget all pages."""
        self._here.clear()
        self._places.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
