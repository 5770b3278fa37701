"""Pages as SQLite itself reads them, through the `sqlite_dbpage` table (sqlite.org/dbpage.html)."""

from __future__ import annotations

from snapstore.engine import Connection
from snapstore.errors import DatabaseCorrupt

_PAGES_A_QUERY = 100


class DbPages:
    """The pages of the database at a path, in the transaction that a connection has open."""

    def __init__(self, path: str, connection: Connection, page_count: int) -> None:
        self._path = path
        self._connection = connection
        self._page_count = page_count
        self._prefetched: dict[int, bytes] = {}

    def page(self, pgno: int) -> bytes:
        """Return one page, not normalised. Raises DatabaseCorrupt."""
        data: bytes | None = self._connection.value("SELECT data FROM sqlite_dbpage WHERE pgno = ?", (pgno,))
        if data is None:
            raise self._missing(pgno)
        return data

    def pages(self, wanted: list[int]) -> dict[int, bytes]:
        """Return some pages, many with one statement. Raises DatabaseCorrupt."""
        found: dict[int, bytes] = {}
        for start in range(0, len(wanted), _PAGES_A_QUERY):
            some = wanted[start : start + _PAGES_A_QUERY]
            if all(pgno in self._prefetched for pgno in some):
                found.update((pgno, self._prefetched[pgno]) for pgno in some)
                continue
            marks = ", ".join("?" * len(some))
            sql = f"SELECT pgno, data FROM sqlite_dbpage WHERE pgno IN ({marks})"
            found.update((pgno, data) for pgno, data in self._connection.rows(sql, some) if data is not None)
        if len(found) < len(wanted):
            raise self._missing(next(pgno for pgno in wanted if pgno not in found))
        return found

    def prefetch(self, wanted: list[int]) -> None:
        """Read some pages now and keep them, and drop the pages that were kept before."""
        self._prefetched = self.pages(wanted)

    def _missing(self, pgno: int) -> DatabaseCorrupt:
        return DatabaseCorrupt(self._path, f"page {pgno} of {self._page_count} is missing")
