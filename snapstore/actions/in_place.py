"""Change a live database into a snapshot's image, page by page, inside its open write transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from snapstore.actions.changed_blocks import ChangedBlock
from snapstore.actions.restore_job import RestoreJob
from snapstore.blocks import first_page
from snapstore.database import header, patch
from snapstore.database.view import View
from snapstore.errors import DatabaseLocked, RestoreMismatch
from snapstore.files import reached
from snapstore.store import Store

if TYPE_CHECKING:
    from snapstore.actions.tracked_blocks import TrackedBlocks

_MOST_IMAGES = 512  # pages: 2 MiB as a rule
_BLOCKS_AT_ONCE = 64  # are looked up


def compared_with_target(store: Store, job: RestoreJob, blocks: Iterable[ChangedBlock]) -> Iterator[ChangedBlock]:
    """Pass changed blocks on; of those that have HEAD's block as target, note the pages in which they differ from it.

    The store decodes HEAD's block once: it is also the base on which the changed block is stored. Raises StoreDamaged.
    """
    for block in blocks:
        base = block.base
        if base and base == job.target.block_id(block.number) and len(job.images) < _MOST_IMAGES and not job.reason:
            job.images.update(_unlike(job, block.number, block.data, store.objects.read(base)))
            job.written[block.number] = base
        yield block


def note_target_pages(job: RestoreJob, found: TrackedBlocks) -> None:
    """Note the pages of changed blocks that have HEAD's block as target, as `compared_with_target` does."""
    if found.base_ids == job.target.block_ids:
        job.same = found.same
    for block in found.blocks:
        if block.base == job.target.block_id(block.number) and len(job.images) < _MOST_IMAGES and not job.reason:
            job.images.update(block.pages)
            job.written[block.number] = block.base


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
                if len(job.images) < _MOST_IMAGES:
                    job.images[pgno] = page
                yield pgno, page
            job.written[index] = id_


def _unlike(job: RestoreJob, index: int, have: bytes, wanted: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bytes of the pages of a wanted block that differ from what is there."""
    size = job.target.page_size
    for pgno, start in enumerate(range(0, len(wanted), size), first_page(index, size)):
        page = wanted[start : start + size]
        if page != have[start : start + size]:
            yield pgno, page


def write_pages(store: Store, job: RestoreJob) -> int:
    """Write the pages that differ into the transaction, without committing; return how many were written."""
    view = job.view
    assert view is not None
    page1 = job.page1 = _page1(store, job, view)
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

    A difference counts only if nobody else has written since: then the first connection still sees the data version
    that it had before its own commit. While another connection holds the database locked, nothing is checked.
    """
    view = job.view
    assert view is not None
    with suppress(DatabaseLocked):
        _compare(job, view, version)


def _compare(job: RestoreJob, view: View, version: int) -> None:
    idle = view.file.tracker.idle_connection() if view.file.tracker else None
    connection = idle or view.file.connect(view.connection.deadline)
    try:
        after = View(view.file, connection)
        wrong = [] if _has_images(job, after) else _wrong_blocks(job, after)
        if view.connection.value("PRAGMA data_version") != version:
            return
        if wrong or after.page_count != job.target.page_count:
            raise RestoreMismatch(job.path, f"blocks {wrong}, {after.page_count} of {job.target.page_count} pages")
        after.learn(job.target.block_ids)
    finally:
        if idle:
            idle.roll_back()
        else:
            view.file.disconnect(connection)


def _wrong_blocks(job: RestoreJob, after: View) -> list[int]:
    in_range = [index for index in job.written if index < after.block_count]
    found = after.ids_at(in_range)
    return [index for index in in_range if found[index] != job.written[index]]


def _has_images(job: RestoreJob, after: View) -> bool:
    """Tell whether each page that the log names since the tracker knew the image has that of the target.

    Then the other pages of its block, which were compared in the transaction, are unchanged. Only a tracker knows these
    pages.
    """
    known = after.tracked.image if after.tracked else None
    if (
        known is None
        or not after.is_wal
        or len(job.images) >= _MOST_IMAGES
        or after.page_count != job.target.page_count
    ):
        return False
    wanted = {pgno: image for pgno, image in {**job.same, **job.images}.items() if 1 < pgno <= after.page_count}
    changed = {pgno for pgno in known.changed if pgno <= after.page_count}
    if not changed or not changed <= {1, *wanted}:
        return False
    first, wanted_first = (header.normalised({1: page1}, after.page_count) for page1 in (after.live_page1, job.page1))
    return first == wanted_first and after.pages(list(wanted)) == wanted
