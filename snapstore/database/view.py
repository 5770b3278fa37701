"""One consistent image of a live database: its blocks, under an open transaction.

In the rollback journal modes the file cannot change under the transaction's lock and is read directly
in large pieces. In WAL mode the pages that any frame of the log names are asked from SQLite
(`sqlite_dbpage`), which answers from the transaction's own snapshot; no checkpoint may touch the
others while it is open, so they are read from the file directly. What a checkpoint does touch while the
file is read belongs to blocks that are read again. Page 1 is normalised and the
lock-byte page is zero (header.py, blocks.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from functools import cached_property

from snapstore import blocks
from snapstore.blocks import BLOCK_BYTES, PIECE_BLOCKS
from snapstore.database import ahead, header
from snapstore.database.file import DatabaseFile
from snapstore.database.piece import Piece, PieceReader, cut
from snapstore.database.schema import Fingerprint, fingerprint
from snapstore.database.wal import pages_named
from snapstore.database.watch import Known
from snapstore.engine import Connection
from snapstore.errors import DatabaseCorrupt, DatabaseUnreadable
from snapstore.ids import ID_BYTES, object_id
from snapstore.parallel import ordered_map, shared_map
from snapstore.records import Record

PIECES_AHEAD = 16
BLOCKS_KEPT = 256  # of those that may have changed, 16 MiB at most: whoever restores needs them again
PAGES_FETCHED = 1024  # of the log at most, to be at hand
PAGES_A_QUERY = 100


class ReadBlock(Record):
    """A block, counted from 0, as it was read."""

    number: int
    id: bytes
    data: bytes


class Scanned(Record):
    """Consecutive blocks met by a scan, and their ids, `16 * n bytes`."""

    ids: bytes
    blocks: list[ReadBlock]


class View:
    """The image that `connection` sees while its transaction is open; begins one where there is none."""

    def __init__(self, file: DatabaseFile, connection: Connection) -> None:
        self.file = file
        self.connection = connection
        alone, watch = connection.in_transaction, file.watch
        before = watch.before() if watch else None
        if not alone:
            connection.rows("BEGIN")
        connection.rows("SELECT 1 FROM sqlite_schema LIMIT 1")  # takes the lock, rolls a hot journal back
        self._state = file.state()
        if file.is_replaced():
            raise DatabaseUnreadable(file.path, "another file took its place while it was being opened")
        self.page_size: int = connection.value("PRAGMA page_size")
        self.live_page_count: int = connection.value("PRAGMA page_count")
        self.journal_mode: str = connection.value("PRAGMA journal_mode")
        self.is_wal = self.journal_mode == "wal"
        self.live_page1: bytes = self.page(1) if self.live_page_count else b""
        self.header = header.Header.decode(self.live_page1) if self.live_page1 else None
        self.is_void = header.is_void(self.live_page1, self.live_page_count)
        self.page_count: int = 0 if self.is_void else self.live_page_count
        self.block_count = blocks.block_count(self.page_size, self.page_count)
        self.bytes = self.page_size * self.page_count
        self._pieces = PieceReader(file, self.page_size, self.page_count)
        self._fetched: dict[int, bytes] = {}
        self.sight = watch.look(self, before, alone=alone) if watch else None
        shared = self.sight.blocks if self.sight else None
        self._blocks: dict[int, bytes] = {} if shared is None else shared

    @property
    def shuts_writers_out(self) -> bool:
        """Whether nobody can commit while the transaction is open."""
        return not self.is_wal and not self.file.immutable

    def page(self, pgno: int) -> bytes:
        """Return one page as SQLite sees it, not normalised."""
        data: bytes | None = self.connection.value("SELECT data FROM sqlite_dbpage WHERE pgno = ?", (pgno,))
        if data is None:
            raise DatabaseCorrupt(self.file.path, f"page {pgno} of {self.live_page_count} is missing")
        return data

    def image_page(self, pgno: int) -> bytes:
        """Return one page, not normalised, from the file itself where the log does not have it."""
        if pgno == 1:  # asked for most often, and known already
            return self.live_page1
        if pgno in self._in_wal:
            return self.page(pgno)
        return self.file.read(self.page_size, (pgno - 1) * self.page_size)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What the schema is known by, as the transaction found it."""
        return fingerprint(self.connection)

    @cached_property
    def _in_wal(self) -> set[int]:
        """Look which pages the log has; while the transaction is open it only gets more of them."""
        if self.sight and self.sight.logged is not None:
            return self.sight.logged
        return pages_named(self.file.path) if self.is_wal and not self.file.immutable else set()

    def block(self, index: int) -> bytes:
        """Return block `index` of the image."""
        if index in self._blocks:
            return self._blocks[index]
        block = self._read(index)
        if self.sight and self.sight.known and len(self._blocks) < BLOCKS_KEPT:
            self._blocks[index] = block
        return block

    def _read(self, index: int) -> bytes:
        return bytes(self._pieces.read(self._piece(index, 1), self._in_wal))

    def scan(self) -> Iterator[Scanned]:
        """Read and hash every block in order, some at a time, on two threads where there is enough of it."""
        if reader := self._reader():  # it has no blocks to give
            reader.close()
        found = bytearray()
        for scanned in self._hashed_pieces():
            found += scanned.ids
            yield scanned
        self.learn(bytes(found))
        self._check_unchanged()

    def blocks(self, numbers: Collection[int], ids: bytes) -> Iterator[ReadBlock]:
        """Read some blocks again, one at a time, after `ids` were found for all. Raises DatabaseLocked.

        Whoever works on one while others are hashed keeps the threads waiting for the interpreter, and they are few.
        """
        missing = [number for number in numbers if number not in self._blocks]
        if 0 < len(missing) <= BLOCKS_KEPT:
            self._fetch(missing)
        for number in numbers:
            data, id_ = self.block(number), ids[number * ID_BYTES : (number + 1) * ID_BYTES]
            if object_id(data) != id_:
                raise self.file.locked()  # only without locks: a medium that cannot be written
            yield ReadBlock(number, id_, data)

    def ids(self) -> Iterator[bytes]:
        """Yield the ids of consecutive blocks, all in order.

        Where somebody follows its changes, only the blocks that may have changed are hashed.
        """
        if self.sight and self.sight.known:
            ids = self._ids_followed(self.sight.known)
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

        The file is hashed as it is, on two threads; then those blocks anew of which the log has pages.
        """
        logged: dict[int, list[int]] = {}
        for number in {self._block_of(pgno) for pgno in self._in_wal if pgno <= self.page_count}:
            logged.setdefault(number // PIECE_BLOCKS, []).append(number)
        firsts = range(0, self.block_count, PIECE_BLOCKS)
        for first, ids in zip(firsts, self._hash_pieces(firsts), strict=True):
            here = logged.get(first // PIECE_BLOCKS, ())
            yield _replaced(ids, {number - first: object_id(self._read(number)) for number in here})
        self._check_unchanged()

    def _ids_followed(self, known: Known) -> bytes:
        """Return the ids of all blocks, hashing those that may have changed; a few of them are kept."""
        size = self.page_size
        changed = {self._block_of(pgno) for pgno in known.changed if pgno <= self.page_count}
        if self.page_count != known.page_count and self.page_count:
            first = min(self.page_count, known.page_count)
            changed.update((0, *range(blocks.block_of(max(first, 1), size), self.block_count)))
        ids = bytearray(known.block_ids[: self.block_count * ID_BYTES].ljust(self.block_count * ID_BYTES, b"\0"))
        if changed:
            self._fetch(changed)
        for number in sorted(changed):
            ids[number * ID_BYTES : (number + 1) * ID_BYTES] = object_id(self.block(number))
        return bytes(ids)

    def learn(self, ids: bytes) -> None:
        """Tell whoever follows the changes; without the transaction what was read may be torn."""
        if self.file.watch and self.connection.in_transaction:
            self.file.watch.learn(self, ids)

    def ids_at(self, indexes: Collection[int]) -> dict[int, bytes]:
        """Return the ids of some blocks."""
        self._fetch(indexes)
        return {index: object_id(self.block(index)) for index in indexes}

    def _piece(self, first: int, count: int) -> Piece:
        count = min(count, self.block_count - first)
        if not self._in_wal:
            return Piece(first, count, {})
        start = blocks.first_page(first, self.page_size)
        end = min(blocks.first_page(first + count, self.page_size), self.page_count + 1)
        return Piece(first, count, self.pages([pgno for pgno in range(start, end) if pgno in self._in_wal]))

    def pages(self, wanted: list[int]) -> dict[int, bytes]:
        """Return pages as SQLite sees them, many with one statement."""
        found: dict[int, bytes] = {}
        for start in range(0, len(wanted), PAGES_A_QUERY):
            some = wanted[start : start + PAGES_A_QUERY]
            if all(pgno in self._fetched for pgno in some):
                found.update((pgno, self._fetched[pgno]) for pgno in some)
                continue
            places = ", ".join("?" * len(some))
            sql = f"SELECT pgno, data FROM sqlite_dbpage WHERE pgno IN ({places})"
            found.update((pgno, data) for pgno, data in self.connection.rows(sql, some) if data is not None)
        if len(found) < len(wanted):
            missing = next(pgno for pgno in wanted if pgno not in found)
            raise DatabaseCorrupt(self.file.path, f"page {missing} of {self.live_page_count} is missing")
        return found

    def _fetch(self, indexes: Collection[int]) -> None:
        """Have the pages of some blocks at hand that the log has, where they are few."""
        wanted, last, pages = set(indexes), self.page_count, BLOCK_BYTES // self.page_size
        here = [pgno for pgno in self._in_wal if pgno <= last and (pgno - 1) // pages in wanted]
        if len(here) <= PAGES_FETCHED:
            self._fetched = self.pages(here)

    def _block_of(self, pgno: int) -> int:
        return blocks.block_of(pgno, self.page_size)

    def _hashed_pieces(self) -> Iterator[Scanned]:
        pieces = (self._piece(first, PIECE_BLOCKS) for first in range(0, self.block_count, PIECE_BLOCKS))
        if self.block_count <= PIECE_BLOCKS:
            yield from map(self._scan_piece, pieces)
        else:
            with closing(ordered_map(self._scan_piece, pieces, ahead=PIECES_AHEAD)) as found:
                yield from found

    def _hash_pieces(self, firsts: range) -> Iterator[bytes]:
        """Yield the ids of the blocks of the file itself, by pieces."""

        def ids(number: int) -> bytes:
            first = firsts[number]
            piece = Piece(first, min(PIECE_BLOCKS, self.block_count - first), {})
            return b"".join(map(object_id, cut(self._pieces.read(piece, self._in_wal))))

        done = 0
        if reader := self._reader():
            with closing(reader.share(ids, len(firsts))) as pieces:
                for found, raw in pieces:
                    yield self._as_in_image(firsts[done], found) if raw else found
                    done += 1
        if len(firsts) - done <= 1:
            yield from map(ids, range(done, len(firsts)))
        else:
            with closing(shared_map(lambda number: ids(done + number), len(firsts) - done)) as others:
                yield from others

    def _reader(self) -> ahead.Ahead | None:
        """Return who reads the file ahead; ids found before the lock count if nobody wrote to it since."""
        return None if self.file.immutable else self.file.read_ahead()

    def _as_in_image(self, first: int, ids: bytes) -> bytes:
        """Return the ids of blocks of the image from the ids of the same blocks of the file, from block `first` on."""
        ids = ids[: (self.block_count - first) * ID_BYTES]
        differing = {0, self._block_of(blocks.lock_page(self.page_size)), self.block_count - 1}
        here = [number for number in differing if first <= number < first + len(ids) // ID_BYTES]
        return _replaced(ids, {number - first: object_id(self._read(number)) for number in here})

    def _scan_piece(self, piece: Piece) -> Scanned:
        data = [bytes(block) for block in cut(self._pieces.read(piece, self._in_wal))]
        new = [ReadBlock(piece.first + place, object_id(block), block) for place, block in enumerate(data)]
        return Scanned(b"".join(block.id for block in new), new)

    def _check_unchanged(self) -> None:
        """Without locks (a medium that cannot be written) a change can only be noticed afterwards."""
        if self.file.immutable and self.file.state() != self._state:
            raise self.file.locked()


def _replaced(ids: bytes, others: dict[int, bytes]) -> bytes:
    """Return ids with some in the place of others, counted from 0."""
    if not others:
        return ids
    changed = bytearray(ids)
    for at, id_ in others.items():
        changed[at * ID_BYTES : (at + 1) * ID_BYTES] = id_
    return bytes(changed)
