"""Write page images into a live database, in one transaction that SQLite itself journals.

The order matters (docs/design.md). First come pages 2 to n. Then page 1 with the live schema cookie: after a new cookie
any write would have SQLite read the schema, half restored. Then the truncation, by writing NULL to the first page to
go; a later page write would cancel it. Then the new cookie, through `PRAGMA schema_version`. After the commit the
connection has to be closed, since its cached schema is stale.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from snapstore import blocks
from snapstore.database.header import COOKIE
from snapstore.engine import Connection

CACHE_KIB = 32 * 1024  # pages past it spill into the journal or log; bounds memory
BATCH_PAGES = 512
_READ_PAGE1 = "SELECT data FROM sqlite_dbpage WHERE pgno = 1"
_WRITE = "INSERT INTO sqlite_dbpage(pgno, data) VALUES (?, ?)"
_FULL_VACUUM = 1


def begin(connection: Connection, *, exclusive: bool = False, synced: bool = True) -> None:
    """Begin the write transaction; wait for other writers.

    With `exclusive`, wait for readers too in a rollback mode, so that none can block the commit. Without `synced`, a
    commit in WAL mode is durable only after the log was synced.
    """
    connection.rows(f"PRAGMA cache_size = -{CACHE_KIB}")
    # SQLite truncates the file after it has removed the journal. If the journal came back after a power cut, it would
    # be played back over a file that lacks those pages.
    connection.rows(f"PRAGMA synchronous = {'EXTRA' if synced else 'NORMAL'}")
    connection.rows("BEGIN EXCLUSIVE" if exclusive else "BEGIN IMMEDIATE")


def write(
    connection: Connection, pages: Iterable[tuple[int, bytes]], page1: bytes, page_counts: tuple[int, int]
) -> int:
    """Write `pages` (numbers above 1) and `page1`, and change the page count from the first to the second given.

    Return how many pages were written. Nothing is committed.
    """
    before, after = page_counts
    if connection.value("PRAGMA auto_vacuum") == _FULL_VACUUM:
        # COMMIT would move pages by the live file's setting and the snapshot's freelist. In incremental mode it does
        # not. Page 1, written after the others, has the snapshot's own setting.
        connection.rows("PRAGMA auto_vacuum = INCREMENTAL")
    lock_page = blocks.lock_page(len(page1))
    written = 1
    wanted = ((pgno, data) for pgno, data in pages if pgno != lock_page)
    while batch := list(islice(wanted, BATCH_PAGES)):
        connection.run_many(_WRITE, batch)
        connection.give_up_past_deadline()  # pages that cannot spill past a reader would fill memory
        written += len(batch)
    _write_page1(connection, page1, truncate_after=after if after < before else None)
    return written


def _write_page1(connection: Connection, page1: bytes, truncate_after: int | None) -> None:
    cookie = page1[COOKIE]
    live_page1: bytes | None = connection.value(_READ_PAGE1)
    live_cookie = live_page1[COOKIE] if live_page1 else cookie
    connection.rows(_WRITE, (1, page1[: COOKIE.start] + live_cookie + page1[COOKIE.stop :]))
    if truncate_after is not None:
        connection.rows(_WRITE, (truncate_after + 1, None))
    if cookie != live_cookie:
        connection.rows(f"PRAGMA schema_version = {int.from_bytes(cookie, 'big', signed=True)}")
