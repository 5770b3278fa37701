"""Change a live database into a snapshot's image, page by page, inside its open write transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from snapstore.actions.restore_job import RestoreJob
from snapstore.blocks import first_page
from snapstore.database import header, patch
from snapstore.database.view import ReadBlock, View
from snapstore.errors import DatabaseLocked, RestoreMismatch
from snapstore.files import reached
from snapstore.store import Store

IMAGES_KEPT = 512  # pages: 2 MiB as a rule
_BLOCKS_AT_ONCE = 64  # are looked up


def compare_block(store: Store, job: RestoreJob, block: ReadBlock, head: bytes | None) -> None:
    """Note the pages of a block in which the target differs, where HEAD, which is at hand, has the target's block.

    Raises StoreDamaged.
    """
    if head and head == job.target.block_id(block.number) and len(job.images) < IMAGES_KEPT and not job.reason:
        job.images.update(_unlike(job, block.number, block.data, store.objects.read(head)))
        job.written[block.number] = head


def differing_pages(store: Store, job: RestoreJob) -> Iterator[tuple[int, bytes]]:
    """Yield the pages of the target that the live image does not have, page 1 normalised."""
    view, now, target = job.view, job.now, job.target
    assert view is not None
    assert now is not None
    yield from list(job.images.items())
    unlike = ((index, id_) for index, id_ in target.blocks_unlike(now) if index not in job.written)
    while some := list(islice(unlike, _BLOCKS_AT_ONCE)):
        store.objects.locate([id_ for _, id_ in some])
        for index, id_ in some:
            have = view.block(index) if index < view.block_count else b""
            for pgno, page in _unlike(job, index, have, store.objects.read(id_)):
                if len(job.images) < IMAGES_KEPT:
                    job.images[pgno] = page
                yield pgno, page
            job.written[index] = id_


def _unlike(job: RestoreJob, index: int, have: bytes, wanted: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bytes of the pages of a wanted block that are not what is there."""
    size = job.target.page_size
    for pgno, start in enumerate(range(0, len(wanted), size), first_page(index, size)):
        page = wanted[start : start + size]
        if page != have[start : start + size]:
            yield pgno, page


def write_pages(store: Store, job: RestoreJob) -> int:
    """Write what differs into the transaction, without committing; return the number of pages."""
    view = job.view
    assert view is not None
    page1 = _page1(store, job, view)
    counts = (view.live_page_count, max(1, job.target.page_count))
    written = patch.write(view.connection, (page for page in differing_pages(store, job) if page[0] > 1), page1, counts)
    reached("pages-written")
    return written


def commit(job: RestoreJob) -> int:
    """Commit; return the data version for `check_written`. Raises DatabaseLocked, with nothing changed."""
    view = job.view
    assert view is not None
    version: int = view.connection.value("PRAGMA data_version")
    view.connection.rows("COMMIT")
    reached("live-committed")
    return version


def _page1(store: Store, job: RestoreJob, view: View) -> bytes:
    if not job.target.page_count:
        return header.page1_for_live(header.void_page1(view.live_page1), view.live_page1, new_schema=True)
    first = job.target.block_id(0)
    assert first is not None
    at_hand = job.now is not None and job.now.block_id(0) == first
    page1 = (view.block(0) if at_hand else store.objects.read(first))[: job.target.page_size]
    live_page1 = view.live_page1 or header.page1_for_file(page1, wal=False)
    new_schema = view.fingerprint.layout != job.record.layout
    return header.page1_for_live(page1, live_page1, new_schema=new_schema)


def check_written(job: RestoreJob, version: int) -> None:
    """Read what was committed through a second connection. Raises RestoreMismatch.

    A difference is one only while nobody else has written: then the first connection still sees the
    data version it had before its own commit. Where somebody holds the database, nothing can be said.
    """
    view = job.view
    assert view is not None
    with suppress(DatabaseLocked):
        _compare(job, view, version)


def _compare(job: RestoreJob, view: View, version: int) -> None:
    kept = view.file.watch.second() if view.file.watch else None
    connection = kept or view.file.connect(view.connection.patience)
    try:
        after = View(view.file, connection)
        wrong = [] if _has_images(job, after) else _wrong_blocks(job, after)
        if view.connection.value("PRAGMA data_version") != version:
            return
        if wrong or after.page_count != job.target.page_count:
            raise RestoreMismatch(job.path, f"blocks {wrong}, {after.page_count} of {job.target.page_count} pages")
        after.learn(job.target.block_ids)
    finally:
        if kept:
            kept.roll_back()
        else:
            view.file.disconnect(connection)


def _wrong_blocks(job: RestoreJob, after: View) -> list[int]:
    in_range = [index for index in job.written if index < after.block_count]
    found = after.ids_at(in_range)
    return [index for index in in_range if found[index] != job.written[index]]


def _has_images(job: RestoreJob, after: View) -> bool:
    """Tell whether each page that the log names since the transaction began is as it was to be written.

    Then the others of its block, which were compared in the transaction, are as they were. Only where somebody follows
    the changes; page 1, whose header is the live database's, is looked at with its block.
    """
    known = after.sight.known if after.sight else None
    if known is None or not after.is_wal or len(job.images) >= IMAGES_KEPT or after.page_count != job.target.page_count:
        return False
    wanted = {pgno: image for pgno, image in job.images.items() if pgno > 1}
    if not known.changed or not set(known.changed) <= {1, *wanted}:
        return False
    first = job.target.block_id(0)
    return after.pages(list(wanted)) == wanted and (first is None or after.ids_at([0]) == {0: first})
