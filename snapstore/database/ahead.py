"""Reading ahead: a process of its own hashes a database file while this one still loads its modules.

Half of a short command is over before it holds a lock. `begin` forks a reader, which hashes the file as it is, a
piece at a time; whoever then needs the hashes under a lock takes part in the rest (`Ahead.share`). A process and no
thread, because a thread would wait for the interpreter at each piece.

What was read before the lock counts only if the file looks the same under it: inode, size and times, where the
times were old enough at the beginning for any later write to have later ones. (SQLite writes database files by
`write`, never through a map, so every write sets them.) A journal rolled back or a log folded in writes, too.

    numbers    4 bytes each, little-endian: pieces nobody works on yet; each process draws one at a time
    results    4 bytes, the piece's number, then 16 * PIECE_BLOCKS bytes, the ids of its blocks
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from snapstore.blocks import BLOCK_BYTES, PIECE_BLOCKS, page_aligned
from snapstore.files import SECOND_NS, may_hide_a_write
from snapstore.ids import ID_BYTES, object_id

PIECE_BYTES = PIECE_BLOCKS * BLOCK_BYTES
_NUMBER_BYTES = 4
_RESULT_BYTES = _NUMBER_BYTES + PIECE_BLOCKS * ID_BYTES
_WORTH_IT_BYTES = 8 << 20  # below it a process takes longer to begin than the file to be hashed
_MOST_PIECES = 4096  # of 1 MiB: the numbers of more might not fit into a pipe; the rest of the file is read later
_MOST_RESULTS = 256  # read at once: more than a pipe holds
_FEW_PIECES = 4  # the reader has done them by the time that a buffer to read into is there
_KILL = 9  # SIGKILL in every system; to import `signal` takes longer than to fork
_SETTLED_NS = SECOND_NS // 50  # systems count the times of files in steps of up to 10 ms

_begun: list[Ahead] = []


def begin(paths: Sequence[str]) -> None:
    """Begin to read the largest of some files, if it is large, at rest, and there is a processor to spare."""
    if _processors() == 1 or not hasattr(os, "fork"):
        return
    found = []
    for path in paths:
        with suppress(OSError, ValueError):
            found.append((os.stat(path), path))
    for look, path in sorted(found, key=lambda one: -one[0].st_size)[:1]:
        if stat.S_ISREG(look.st_mode) and look.st_size >= _WORTH_IT_BYTES and not may_hide_a_write([look], _SETTLED_NS):
            with suppress(OSError):  # no more processes or descriptors: then nothing is read ahead
                _begun.append(Ahead(path, look))


def begun_on(fd: int) -> Ahead | None:
    """Return what is read ahead of an open file, once; None where nothing is or the file was written to since."""
    if not _begun:
        return None
    found = os.fstat(fd)
    for ahead in _begun:
        if (found.st_dev, found.st_ino) == ahead.look[:2]:
            _begun.remove(ahead)
            if _look(found) == ahead.look:
                return ahead
            ahead.close()
    return None


class Ahead:
    """A reader at work on the file at a path that had this look."""

    def __init__(self, path: str, found: os.stat_result) -> None:
        self.look = _look(found)
        self._numbers, self.pieces = _numbers(min(found.st_size // PIECE_BYTES, _MOST_PIECES))
        self._results, results = os.pipe()
        parent = os.getpid()
        self._reader = os.fork()
        if not self._reader:
            try:
                for fd in (0, 1, 2, self._results):  # nobody who waits for our output has to wait for this one
                    os.close(fd)
                self._work(path, results, parent)
            finally:
                os._exit(0)
        os.close(results)
        os.set_blocking(self._results, False)

    def share(self, read: Callable[[int], bytes], count: int) -> Generator[tuple[bytes, bool], None, None]:
        """Yield the ids of each of the first `count` pieces in order, and whether the reader found them.

        Those are ids of the file's bytes as they are. `read` is how this process finds them, which it does for the
        pieces that it draws. Of a larger file only some pieces are yielded.
        """
        ready: dict[int, tuple[bytes, bool]] = {}
        wanted, end = 0, min(count, self.pieces)
        try:
            self._collect(ready)
            helps = end - len(ready) > _FEW_PIECES
            while helps and (number := self._draw()) is not None and number < end:
                ready[number] = read(number), False
                self._collect(ready)
                while wanted in ready:
                    yield ready.pop(wanted)
                    wanted += 1
            os.set_blocking(self._results, True)
            for number in range(wanted, end):
                while number not in ready and self._collect(ready):
                    pass
                yield ready.pop(number) if number in ready else (read(number), False)
        finally:
            self.close()

    def close(self) -> None:
        """End the reader."""
        if self._reader:
            with suppress(OSError):
                os.kill(self._reader, _KILL)
                os.waitpid(self._reader, os.WNOHANG)
            os.close(self._numbers)
            os.close(self._results)
            self._reader = 0

    def _draw(self) -> int | None:
        data = os.read(self._numbers, _NUMBER_BYTES)
        return int.from_bytes(data, "little") if len(data) == _NUMBER_BYTES else None

    def _collect(self, ready: dict[int, tuple[bytes, bool]]) -> bool:
        """Take results that are there, or, if reading blocks, wait for some; False when there will be none."""
        try:
            data = os.read(self._results, _MOST_RESULTS * _RESULT_BYTES)
        except BlockingIOError:
            return True
        for start in range(0, len(data), _RESULT_BYTES):  # so short a result is written as a whole, or not at all
            number = int.from_bytes(data[start : start + _NUMBER_BYTES], "little")
            ready[number] = data[start + _NUMBER_BYTES : start + _RESULT_BYTES], True
        return bool(data)

    def _work(self, path: str, results: int, parent: int) -> None:
        """Hash pieces as long as there are any, and somebody waits for them."""
        import _signal  # type: ignore[import-not-found]  # `signal` loads `enum` before the first piece

        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        fd = os.open(path, os.O_RDONLY)
        if _look(os.fstat(fd)) != self.look:
            return
        piece = page_aligned(PIECE_BYTES)
        blocks = [piece[start : start + BLOCK_BYTES] for start in range(0, PIECE_BYTES, BLOCK_BYTES)]
        while os.getppid() == parent and (number := self._draw()) is not None:
            if os.preadv(fd, [piece], number * PIECE_BYTES) < PIECE_BYTES:
                return
            os.write(results, number.to_bytes(_NUMBER_BYTES, "little") + b"".join(map(object_id, blocks)))


def _numbers(count: int) -> tuple[int, int]:
    """Return a pipe to draw numbers from 0 on from, and how many there are: fewer than `count` if it is full."""
    numbers, end = os.pipe()
    os.set_blocking(end, False)
    try:
        written = os.write(end, b"".join(number.to_bytes(_NUMBER_BYTES, "little") for number in range(count)))
    finally:
        os.close(end)
    return numbers, written // _NUMBER_BYTES


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _look(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
