"""One consistent image of a live database: its blocks, under an open transaction.

In the rollback journal modes the file cannot change under the transaction's lock, and is read directly in large
extents. In WAL mode SQLite gives the pages that any frame of the log names, from the transaction's own snapshot
(dbpage.py). No checkpoint may write the other pages while the transaction is open, so they are read from the file.
A checkpoint may write pages while the file is read, but they belong to blocks that are read again. Page 1 is
normalised and the lock-byte page is zero (header.py, blocks.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from functools import cached_property
from typing import NamedTuple

from snapstore import blocks
from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS
from snapstore.database import header
from snapstore.database.dbpage import DbPages
from snapstore.database.extents import Extent, ExtentReader, split
from snapstore.database.file import DatabaseFile
from snapstore.database.fingerprint import Fingerprint, fingerprint
from snapstore.database.image import Image, void
from snapstore.database.tracking import KnownImage
from snapstore.database.wal import pages_named
from snapstore.engine import Connection
from snapstore.errors import DatabaseUnreadable
from snapstore.ids import ID_BYTES, object_id
from snapstore.threads import ordered_map

_EXTENTS_AHEAD = 16
_IDS_AHEAD, _IDS_AT_ONCE = 64, 4  # extents of which only the ids stay
_BLOCKS_KEPT = 256  # of those that may have changed, 16 MiB at most: a restore needs them again
_PAGES_PREFETCHED = 1024  # of the log, at most


class ReadBlock(NamedTuple):
    """A block, counted from 0, as it was read."""

    number: int
    id: bytes
    data: bytes


class Scanned(NamedTuple):
    """Consecutive blocks that a scan has read, and their ids, `16 * n bytes`."""

    ids: bytes
    blocks: list[ReadBlock]


class View:
    """The image that `connection` sees in its transaction; begins one if there is none."""

    def __init__(self, file: DatabaseFile, connection: Connection) -> None:
        self.file = file
        self.connection = connection
        exclusive, tracker = connection.in_transaction, None if file.immutable else file.tracker
        before = tracker.position() if tracker else None
        if not exclusive:
            connection.rows("BEGIN")
        connection.rows("SELECT 1 FROM sqlite_schema LIMIT 1")  # takes the lock, rolls a hot journal back
        self._state = file.state()
        if file.is_replaced():
            raise DatabaseUnreadable(file.path, "another file took its place while it was being opened")
        if exclusive:  # to wait for the lock may have taken long
            file.check_names(will_write=False)
        self.page_size: int = connection.value("PRAGMA page_size")
        self.live_page_count: int = connection.value("PRAGMA page_count")
        self.journal_mode: str = connection.value("PRAGMA journal_mode")
        self.is_wal = self.journal_mode == "wal"
        self._dbpages = DbPages(file.path, connection, self.live_page_count)
        self.live_page1: bytes = self._dbpages.page(1) if self.live_page_count else b""
        self.header = header.Header.decode(self.live_page1) if self.live_page1 else None
        self.is_void = header.is_void(self.live_page1, self.header, self.live_page_count)
        self.page_count: int = 0 if self.is_void else self.live_page_count
        self.block_count = blocks.block_count(self.page_size, self.page_count)
        self.bytes = self.page_size * self.page_count
        self._extents = ExtentReader(file, self.page_size, self.page_count)
        self.tracked = (
            tracker.state(is_wal=self.is_wal, page_size=self.page_size, before=before, exclusive=exclusive)
            if tracker
            else None
        )
        shared = self.tracked.blocks if self.tracked else None
        self._blocks: dict[int, bytes] = {} if shared is None else shared

    @property
    def blocks_writers(self) -> bool:
        """Whether nobody can commit while the transaction is open."""
        return not self.is_wal and not self.file.immutable

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the schema, as the transaction found it."""
        return fingerprint(self.connection)

    def page(self, pgno: int) -> bytes:
        """Return one page, not normalised, from the file itself unless the log has it."""
        if pgno == 1:  # it is read most often, and known already
            return self.live_page1
        if pgno in self._logged:
            return self._dbpages.page(pgno)
        return self.file.read(self.page_size, (pgno - 1) * self.page_size)

    def image(self) -> Image:
        """Return the image, whose pages can be read as long as the transaction is open."""
        if not self.page_count:
            return void(self.file.path)
        return Image(self.file.path, self.page_size, self.page_count, self.page)

    def pages(self, wanted: list[int]) -> dict[int, bytes]:
        """Return some pages as SQLite sees them, not normalised."""
        return self._dbpages.pages(wanted)

    def read_block(self, number: int) -> bytes:
        """Return one block of the image, read now, whatever is known of it."""
        return self._read(number)

    def block(self, number: int) -> bytes:
        """Return one block of the image."""
        if number in self._blocks:
            return self._blocks[number]
        block = self._read(number)
        if self._known and len(self._blocks) < _BLOCKS_KEPT:
            self._blocks[number] = block
        return block

    def blocks(self, numbers: Collection[int], ids: bytes) -> Iterator[ReadBlock]:
        """Read some blocks again, one at a time, after `ids` were found for all. Raises DatabaseLocked.

        These blocks are few. To work on one while others are hashed would keep the threads waiting for the interpreter.
        """
        missing = [number for number in numbers if number not in self._blocks]
        if 0 < len(missing) <= _BLOCKS_KEPT:
            self._prefetch(missing)
        for number in numbers:
            data, id_ = self.block(number), ids[number * ID_BYTES : (number + 1) * ID_BYTES]
            if object_id(data) != id_:
                raise self.file.locked()  # possible only without locks: on a medium that cannot be written
            yield ReadBlock(number, id_, data)

    def scan(self) -> Iterator[Scanned]:
        """Read and hash every block in order, an extent at a time, on two threads if there are several."""
        found = bytearray()
        for scanned in self._scanned_extents():
            found += scanned.ids
            yield scanned
        self.learn(bytes(found))
        self._check_unchanged()

    def ids(self) -> Iterator[bytes]:
        """Yield the ids of consecutive blocks, all in order.

        If a tracker knows an image, only the blocks that may differ from it are hashed.
        """
        if self._known:
            ids = self._ids_from(self._known)
            self.learn(ids)
            yield ids
            return
        found = bytearray()
        for ids in self.ids_hashed():
            found += ids
            yield ids
        self.learn(bytes(found))

    def ids_hashed(self) -> Iterator[bytes]:
        """Yield the ids of consecutive blocks, all in order, whatever is known.

        Two threads hash the file as it is; then this one hashes the blocks again of which the log has pages.
        """
        logged: dict[int, list[int]] = {}
        for number in {self._block_of(pgno) for pgno in self._logged if pgno <= self.page_count}:
            logged.setdefault(number // EXTENT_BLOCKS, []).append(number)
        firsts = range(0, self.block_count, EXTENT_BLOCKS)
        for first, ids in zip(firsts, self._file_ids(firsts), strict=True):
            here = logged.get(first // EXTENT_BLOCKS, ())
            yield _with_replaced(ids, {number - first: object_id(self._read(number)) for number in here})
        self._check_unchanged()

    def ids_at(self, numbers: Collection[int]) -> dict[int, bytes]:
        """Return the ids of some blocks."""
        self._prefetch(numbers)
        return {number: object_id(self.block(number)) for number in numbers}

    def learn(self, ids: bytes) -> None:
        """Tell the tracker the ids of all blocks. Without the transaction what was read may be torn."""
        if self.file.tracker and self.tracked and self.connection.in_transaction:
            self.file.tracker.learn(self.tracked.position, KnownImage(self.page_size, self.page_count, ids))

    @property
    def _known(self) -> KnownImage | None:
        return self.tracked.image if self.tracked else None

    @cached_property
    def _logged(self) -> set[int]:
        """The pages that the log has; while the transaction is open it only gets more of them."""
        if self.tracked and self.tracked.logged is not None:
            return self.tracked.logged
        return pages_named(self.file.path) if self.is_wal and not self.file.immutable else set()

    def _read(self, number: int) -> bytes:
        return bytes(self._extents.read(self._extent(number, 1), self._logged))

    def _ids_from(self, known: KnownImage) -> bytes:
        """Return the ids of all blocks, hashing those that may differ from a known image."""
        size = self.page_size
        changed = {self._block_of(pgno) for pgno in known.changed if pgno <= self.page_count}
        if self.page_count != known.page_count and self.page_count:
            first = min(self.page_count, known.page_count)
            changed.update((0, *range(blocks.block_of(max(first, 1), size), self.block_count)))
        ids = bytearray(known.block_ids[: self.block_count * ID_BYTES].ljust(self.block_count * ID_BYTES, b"\0"))
        if changed:
            self._prefetch(changed)
        for number in sorted(changed):
            ids[number * ID_BYTES : (number + 1) * ID_BYTES] = object_id(self.block(number))
        return bytes(ids)

    def _extent(self, first: int, count: int) -> Extent:
        """Return an extent with the pages that the log has of it."""
        count = min(count, self.block_count - first)
        if not self._logged:
            return Extent(first, count, {})
        start = blocks.first_page(first, self.page_size)
        end = min(blocks.first_page(first + count, self.page_size), self.page_count + 1)
        return Extent(first, count, self.pages([pgno for pgno in range(start, end) if pgno in self._logged]))

    def _prefetch(self, numbers: Collection[int]) -> None:
        """Fetch the pages of some blocks that the log has, if they are few."""
        wanted, last, pages = set(numbers), self.page_count, BLOCK_BYTES // self.page_size
        here = [pgno for pgno in self._logged if pgno <= last and (pgno - 1) // pages in wanted]
        if len(here) <= _PAGES_PREFETCHED:
            self._dbpages.prefetch(here)

    def _block_of(self, pgno: int) -> int:
        return blocks.block_of(pgno, self.page_size)

    def _scanned_extents(self) -> Iterator[Scanned]:
        extents = (self._extent(first, EXTENT_BLOCKS) for first in range(0, self.block_count, EXTENT_BLOCKS))
        if self.block_count <= EXTENT_BLOCKS:
            yield from map(self._scan_extent, extents)
        else:
            with closing(ordered_map(self._scan_extent, extents, ahead=_EXTENTS_AHEAD)) as found:
                yield from found

    def _scan_extent(self, extent: Extent) -> Scanned:
        data = [bytes(block) for block in split(self._extents.read(extent, self._logged))]
        new = [ReadBlock(extent.first + place, object_id(block), block) for place, block in enumerate(data)]
        return Scanned(b"".join(block.id for block in new), new)

    def _file_ids(self, firsts: range) -> Iterator[bytes]:
        """Yield the ids of the blocks of the file itself, by extents."""

        def ids(first: int) -> bytes:
            extent = Extent(first, min(EXTENT_BLOCKS, self.block_count - first), {})
            return b"".join(map(object_id, split(self._extents.read(extent, self._logged))))

        if len(firsts) <= 1:
            yield from map(ids, firsts)
        else:
            with closing(ordered_map(ids, firsts, ahead=_IDS_AHEAD, at_once=_IDS_AT_ONCE)) as found:
                yield from found

    def _check_unchanged(self) -> None:
        """Notice a change afterwards if there are no locks (a medium that cannot be written)."""
        if self.file.immutable and self.file.state() != self._state:
            raise self.file.locked()


def _with_replaced(ids: bytes, others: dict[int, bytes]) -> bytes:
    """Return ids with some replaced by others, counted from 0."""
    if not others:
        return ids
    changed = bytearray(ids)
    for at, id_ in others.items():
        changed[at * ID_BYTES : (at + 1) * ID_BYTES] = id_
    return bytes(changed)
