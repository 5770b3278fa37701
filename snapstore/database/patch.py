"""Page images into a live database, in one transaction that SQLite itself journals.

The order is a law (measured, see docs/design.md): pages 2 to n; then the truncation, by writing NULL
to the first page to go; page 1 last, since from then on SQLite reads the new schema cookie; commit;
then this connection has to be closed, because its own cached schema is stale.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from snapstore import blocks
from snapstore.engine import Connection

CACHE_KIB = 32 * 1024  # pages past it spill into the journal or log; bounds memory
BATCH_PAGES = 512
_WRITE = "INSERT INTO sqlite_dbpage(pgno, data) VALUES (?, ?)"
_FULL_VACUUM = 1


def begin(connection: Connection) -> None:
    """Begin the write transaction; waits for other writers."""
    connection.rows(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.rows("BEGIN IMMEDIATE")


def write(
    connection: Connection, pages: Iterable[tuple[int, bytes]], page1: bytes, page_counts: tuple[int, int]
) -> int:
    """Write `pages` (numbers above 1), go from the first to the second of `page_counts`, write `page1`.

    Return how many pages were written. Nothing is committed.
    """
    before, after = page_counts
    if connection.value("PRAGMA auto_vacuum") == _FULL_VACUUM:
        # COMMIT would move pages about by the live file's setting and the snapshot's free list; in
        # incremental mode it does not. Page 1, written last, brings the snapshot's own setting.
        connection.rows("PRAGMA auto_vacuum = INCREMENTAL")
    lock_page = blocks.lock_page(len(page1))
    written = 1
    wanted = ((pgno, data) for pgno, data in pages if pgno != lock_page)
    while batch := list(islice(wanted, BATCH_PAGES)):
        connection.run_many(_WRITE, batch)
        connection.give_up_when_patience_is_over()  # pages that cannot spill past a reader would fill memory
        written += len(batch)
    if after < before:
        connection.rows(_WRITE, (after + 1, None))
    connection.rows(_WRITE, (1, page1))
    return written
